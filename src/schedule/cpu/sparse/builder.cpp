#include <algorithm>

#include "schedule/cpu/contraction/ways.h"
#include "schedule/cpu/sparse/builder.h"
#include "schedule/kernel/epilogue.h"

// What the two forms of sparse products share: lists, tiles, loops.
namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

SparseBuilder::SparseBuilder(Builder& b, const Product& g)
    : b_(b),
      g_(g),
      s_(*g.sparse),
      dense_(make_operand(b, g.core->inputs[static_cast<std::size_t>(1 - s_.side)])),
      lower_(b.lowerer(kernel_)),
      dtype_(compute_dtype(g.core->aval.dtype)) {
  kernel_.name = g.core->op->name;
  const std::vector<std::int64_t> none(
      static_cast<std::size_t>(
          g.core->inputs[static_cast<std::size_t>(s_.side)]->aval.shape.rank()),
      0);
  s_.axes = s_.side == 0 ? contraction_axes(g.core, none, dense_.stride)
                         : contraction_axes(g.core, dense_.stride, none);
  for (Axis& x : s_.axes) {
    if (s_.side == 0) std::swap(x.a, x.b);
    at_.push_back(number(0));
  }
  for (const int i : s_.list_axes) (axis(i).summed() ? summed_lists_ : result_lists_).push_back(i);
}

LoopDim SparseBuilder::make_loop(int i) {
  at(i) = loop_var(pool(), extent(i), axis(i).name);
  return {at(i), extent(i)};
}

std::vector<LoopDim> SparseBuilder::make_loops(const std::vector<int>& some) {
  std::vector<LoopDim> dims;
  for (const int i : some) dims.push_back(make_loop(i));
  return dims;
}

std::vector<LoopDim> SparseBuilder::loops(const std::vector<int>& some) {
  std::vector<LoopDim> dims;
  for (const int i : some) dims.push_back({at(i), extent(i)});
  return dims;
}

Block SparseBuilder::clear(kir::BufferId buffer, Expr base, std::int64_t n) {
  const Expr i = loop_var(pool(), n, "i");
  return in_loop(i, LoopKind::Vector,
                 {kir::Store{buffer, base + i, pool().constant(dtype_, 0), {}}});
}

Block SparseBuilder::each_element(const std::function<Block(Expr place, Expr value)>& body) {
  const Expr list = flat(s_.list_axes), first = list * number(list_.capacity);
  const kir::RegId j = kernel_.add_reg("j", DType::I64), end = kernel_.add_reg("end", DType::I64),
                   place = kernel_.add_reg("place", DType::I64),
                   value = kernel_.add_reg("value", dtype_);
  const Expr now = pool().read(j, DType::I64);
  Block inside;
  inside.push_back(kir::DeclReg{place, lower_.load(list_.places, now, DType::I64)});
  inside.push_back(kir::DeclReg{value, load(list_.values, now)});
  append(&inside, body(pool().read(place, DType::I64), pool().read(value, dtype_)));
  inside.push_back(kir::SetReg{j, {}, now + number(1)});
  Block block;
  block.push_back(kir::DeclReg{j, first});
  block.push_back(kir::DeclReg{end, first + lower_.load(list_.counts, list, DType::I64)});
  block.push_back(kir::While{kir::lt(now, pool().read(end, DType::I64)),
                             std::make_shared<Block>(std::move(inside))});
  return block;
}

// Walks the run in pieces that fit the registers; all rows of one piece before the next.
Block SparseBuilder::tiles(const std::function<Block(const RunTile&)>& emit) {
  const std::int64_t lanes = b_.target.lanes(dtype_),
                     most = std::max(1, b_.target.vector_registers - 8),
                     vectors = divide_up(run_, lanes), pieces = divide_up(vectors, most);
  if (pieces == 1) return row_tiles(number(0), run_, emit);
  return tile_by_tile(
      pool(), "piece", run_, divide_up(vectors, pieces) * lanes,
      [&](Expr first, std::int64_t width) { return row_tiles(first, width, emit); });
}

// Inner rows whole, one cut into tiles of about one size, those outside of it a loop each.
Block SparseBuilder::row_tiles(Expr first, std::int64_t columns,
                               const std::function<Block(const RunTile&)>& emit) {
  const std::int64_t lanes = b_.target.lanes(dtype_);
  const std::int64_t room =
      std::max<std::int64_t>(1, (b_.target.vector_registers - 5) / divide_up(columns, lanes));
  std::vector<int> whole, outer = row_axes_;
  std::int64_t rows = 1;
  while (!outer.empty() && rows * extent(outer.back()) <= room) {
    rows *= extent(outer.back());
    whole.insert(whole.begin(), outer.back());
    outer.pop_back();
  }
  int cut = -1;
  std::int64_t step = 1;
  if (!outer.empty() && room / rows > 1) {
    cut = outer.back();
    outer.pop_back();
    step = divide_up(extent(cut), divide_up(extent(cut), room / rows));
  }
  const std::vector<LoopDim> around = make_loops(outer);
  const auto tile = [&](Expr base, std::int64_t n) {
    RunTile t;
    if (cut >= 0) {
      t.add_row(pool(), loop_var(pool(), n, "r"), n);
      at(cut) = base + t.row;
    }
    for (const int i : whole) t.add_row(pool(), make_loop(i).var, extent(i));
    t.add_columns(pool(), columns);
    t.element = first + t.column;
    return emit(t);
  };
  return nest(around, tile_by_tile(pool(), "tile", cut < 0 ? 1 : extent(cut), step, tile));
}

Layout SparseBuilder::layout_of(std::vector<int> order) const {
  for (int d = g_.domain.rank(); d-- > 0;) {
    if (std::find(order.begin(), order.end(), d) == order.end()) order.insert(order.begin(), d);
  }
  return {std::move(order)};
}

Block SparseBuilder::store_results(Expr sum) {
  return schedule::store_results(b_, g_, &lower_,
                                 result_index(pool(), s_.axes, g_.domain.rank(), at_), sum);
}

void SparseBuilder::launch() {
  b_.launch(std::move(kernel_), lower_, g_.stores, how_, 2 * work_, g_.core);
}

void add_sparse_ways(Builder& b, const Product& g, std::vector<Choice>* ways) {
  ways->push_back(g.sparse->scatter ? sparse_scatter_way(b, g) : sparse_gather_way(b, g));
}

}  // namespace lilith::schedule
