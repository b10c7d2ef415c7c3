#include "schedule/sparse_builder.h"

#include <algorithm>

// What the two forms of sparse products share: lists, tiles, loops.
namespace lilith::schedule {

using ir::NodeImpl;
using kir::Block;
using kir::Expr;
using kir::LoopKind;

SparseBuilder::SparseBuilder(Builder& b, const Group& g)
    : b_(b),
      g_(g),
      s_(*g.sparse),
      dense_(make_operand(b, g.core->inputs[static_cast<std::size_t>(1 - s_.side)])),
      lower_(kernel_, b.plan, [&b](NodeImpl* n) { return b.buffer(n); }),
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
  for (std::size_t k = 0; k < s_.list_axes.size(); ++k)
    (axis(s_.list_axes[k]).summed() ? summed_lists_ : result_lists_).push_back(s_.list_axes[k]);
}

Block SparseBuilder::loop(Expr var, Block body, LoopKind kind) {
  Block outer;
  if (var->op != kir::Op::Var) return body;
  outer.push_back(kir::make_for(var, kind, std::move(body)));
  return outer;
}

Block SparseBuilder::loops(const std::vector<int>& list, Block body) {
  for (auto it = list.rbegin(); it != list.rend(); ++it) body = loop(at(*it), std::move(body));
  return body;
}

Block SparseBuilder::shared_loops(const std::vector<int>& axes, Block body) {
  std::vector<int> inner = axes;
  std::erase_if(inner, [this](int i) { return extent(i) == 1; });
  Expr task = pool().var(1, "once");
  if (!inner.empty()) {
    task = at(inner.front());
    inner.erase(inner.begin());
  }
  Block block;
  block.push_back(parallel_for(task, loops(inner, std::move(body))));
  return block;
}

Block SparseBuilder::vector_loops(std::vector<Expr> vars, Block body) {
  std::erase_if(vars, [](const Expr& v) { return v->op != kir::Op::Var; });
  if (vars.empty()) return body;
  for (std::size_t k = vars.size(); k-- > 0;)
    body =
        loop(vars[k], std::move(body), k + 1 == vars.size() ? LoopKind::Vector : LoopKind::Serial);
  return body;
}

Block SparseBuilder::clear(kir::BufferId buffer, Expr base, std::int64_t n) {
  const Expr i = pool().var(n, "i");
  Block body;
  body.push_back(kir::Store{buffer, base + i, pool().constant(dtype_, 0), {}});
  return loop(i, std::move(body), LoopKind::Vector);
}

Block SparseBuilder::each_element(const std::function<Block(Expr place, Expr value)>& body) {
  const Expr list = flat(s_.list_axes), first = list * number(list_.capacity);
  const kir::RegId j = kernel_.add_reg("j", DType::I64), end = kernel_.add_reg("end", DType::I64),
                   where = kernel_.add_reg("place", DType::I64),
                   value = kernel_.add_reg("value", dtype_);
  const Expr now = pool().read(j, DType::I64);
  Block inside;
  inside.push_back(kir::DeclReg{where, pool().cast(load(list_.places, now), DType::I64)});
  inside.push_back(kir::DeclReg{value, load(list_.values, now)});
  append(&inside, body(pool().read(where, DType::I64), pool().read(value, dtype_)));
  inside.push_back(kir::SetReg{j, {}, now + number(1)});
  Block block;
  block.push_back(kir::DeclReg{j, first});
  block.push_back(kir::DeclReg{end, first + pool().cast(load(list_.counts, list), DType::I64)});
  block.push_back(kir::While{kir::lt(now, pool().read(end, DType::I64)),
                             std::make_shared<Block>(std::move(inside))});
  return block;
}

Block SparseBuilder::over_tile(const Tile& t, Block body) {
  body = loop(t.column, std::move(body), LoopKind::Vector);
  for (auto it = t.vars.rbegin(); it != t.vars.rend(); ++it)
    body = loop(*it, std::move(body), LoopKind::Unroll);
  return body;
}

// Walks the run in pieces that fit the registers; all rows of one piece before the next.
Block SparseBuilder::tiles(const std::function<Block(const Tile&)>& emit) {
  const std::int64_t lanes = b_.target.lanes(dtype_),
                     most = std::max(1, b_.target.vector_registers - 8),
                     vectors = (run_ + lanes - 1) / lanes, pieces = (vectors + most - 1) / most;
  if (pieces == 1) return row_tiles(number(0), run_, emit);
  const std::int64_t width = (vectors + pieces - 1) / pieces * lanes, full = run_ / width;
  const Expr v = full == 1 ? number(0) : pool().var(full, "piece");
  Block body = loop(v, row_tiles(v * number(width), width, emit));
  if (run_ % width > 0) append(&body, row_tiles(number(full * width), run_ % width, emit));
  return body;
}

// Inner rows whole, one cut into tiles of about one size, those outside of it a loop each.
Block SparseBuilder::row_tiles(Expr first, std::int64_t columns,
                               const std::function<Block(const Tile&)>& emit) {
  const std::int64_t lanes = b_.target.lanes(dtype_);
  const std::int64_t room =
      std::max<std::int64_t>(1, (b_.target.vector_registers - 5) / ((columns + lanes - 1) / lanes));
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
    const std::int64_t tiles = (extent(cut) + room / rows - 1) / (room / rows);
    step = (extent(cut) + tiles - 1) / tiles;
  }
  for (const int i : outer) make_var(i);
  const auto tile = [&](Expr base, std::int64_t n) {
    Tile t;
    t.row = number(0);
    if (cut >= 0) {
      const Expr r = n == 1 ? number(0) : pool().var(n, "r");
      at(cut) = base + r;
      t.vars.push_back(r);
      t.row = r;
    }
    t.rows = n * rows;
    for (const int i : whole) {
      const Expr r = make_var(i);
      t.vars.push_back(r);
      t.row = t.row * number(extent(i)) + r;
    }
    t.columns = columns;
    t.column = pool().var(columns, "c");
    t.element = first + t.column;
    return emit(t);
  };
  Block body;
  const std::int64_t full = cut < 0 ? 1 : extent(cut) / step,
                     rest = cut < 0 ? 0 : extent(cut) % step;
  const Expr v = full == 1 ? number(0) : pool().var(full, "tile");
  body = loop(v, tile(v * number(step), step));
  if (rest > 0) append(&body, tile(number(full * step), rest));
  return loops(outer, std::move(body));
}

void SparseBuilder::allocate(std::vector<int> order) {
  for (int d = g_.domain.rank(); d-- > 0;) {
    if (std::find(order.begin(), order.end(), d) == order.end()) order.insert(order.begin(), d);
  }
  for (NodeImpl* n : g_.stores) b_.add_value(n, Layout{order});
}

void SparseBuilder::launch() { b_.launch(std::move(kernel_), lower_, g_, how_, 2 * work_); }

void build_sparse(Builder& b, const Group& g) {
  g.sparse->scatter ? build_scattered(b, g) : build_gather(b, g);
}

}  // namespace lilith::schedule
