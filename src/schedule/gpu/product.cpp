#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "schedule/gpu/backend.h"
#include "schedule/gpu/blocks.h"
#include "schedule/gpu/product_loops.h"
#include "schedule/gpu/tile.h"
#include "schedule/kernel/epilogue.h"

// Matrix products and convolutions: a block computes a tile of the result (tile.h), whose operands
// pass through shared memory a slice of the sum at a time. Padding of a tile is a masked load.
//
//   grid block { decl acc[thread, …]
//     for slice {
//       thread t { unroll e { as[…] = a[…]; bs[…] = b[…] } }; barrier
//       thread { acc[thread, …] += as * bs }; barrier }
//     thread { unroll … { store epilogue(acc[thread, …]) } } }
//
// Where the tiles are too few for the device the sum is cut into parts, a block each; a second
// launch adds them up. A pooling takes its windows from the tile, by way of shared memory.
namespace lilith::schedule::gpu {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

constexpr std::int64_t kLeastOfPart = 128;  // of the sum: worth a block of its own
constexpr std::int64_t kMostParts = 64;
constexpr double kMostReads = 100e3;  // of a unit, to add parts as they are read: a microsecond's
constexpr std::int64_t kAtOnce = 4;   // elements that a thread brings into shared memory

/// Adds up what blocks made of parts of the sum, [part][element], and runs the epilogue.
///
///   grid block { thread t { decl acc; for part { acc += partial[part, element] }; store } }
class TotalOfParts : private ProductLoops {
 public:
  TotalOfParts(Builder& b, const Product& g, const Loops& loops) : ProductLoops(b, g, loops) {}
  void emit(int partials, std::int64_t parts) {
    const std::int64_t threads =
        std::min<std::int64_t>(b_.target.gpu->threads, power_of_two(elements()));
    const Expr block = pool().var(divide_up(elements(), threads), "block"),
               t = pool().var(threads, "t"), part = pool().var(parts, "part");
    const Expr element = block * number(threads) + t;
    const Expr line = kir::floor_div(element, columns_.extent);
    const Expr row = batch_.extent == 1 ? line : kir::floor_mod(line, rows_.extent);
    const std::vector<Expr> by = place(kir::floor_div(line, rows_.extent), row,
                                       kir::floor_mod(element, columns_.extent), {});
    const kir::RegId acc = kernel_.add_reg("acc", dtype_);
    Block body, add;
    add.push_back(
        kir::Accumulate{acc,
                        {},
                        kir::Combine::Add,
                        lower_.load(partials, part * number(elements()) + element, dtype_),
                        {},
                        {}});
    body.push_back(kir::DeclReg{acc, pool().constant(dtype_, 0)});
    append(&body, in_loop(part, LoopKind::Serial, std::move(add)));
    append(&body, store_at(by, pool().read(acc, dtype_)));
    if (elements() % threads != 0)
      body = only_where(kir::lt(element, number(elements())), std::move(body));
    make_grid(&kernel_, block, threads, threads_loop(t, std::move(body)));
    b_.launch(std::move(kernel_), lower_, g_.stores, fmt::format("adds {} parts of a sum", parts),
              static_cast<double>(parts * elements()));
  }
};

class TiledProduct : private ProductLoops {
 public:
  /// Makes the tile, or none.
  using MakeTile = std::unique_ptr<Tile> (*)(const GpuTarget&, const TileTask&);
  TiledProduct(Builder& b, const Product& g, const Loops& loops, MakeTile make)
      : ProductLoops(b, g, loops), tile_(make(*b.target.gpu, task())) {
    if (tile_) parts_ = choose_parts(*tile_);
  }

  /// Whether there is a tile, which holds whole windows of a pooling, in memory that is there.
  bool exists() const {
    if (tile_ == nullptr || g_.pool == nullptr) return tile_ != nullptr;
    const std::int64_t bytes =
        tile_->height() * tile_->width() * static_cast<std::int64_t>(size_of(dtype_));
    return (windows_in_columns() ? tile_->width() : tile_->height()) % loops_.window == 0 &&
           tile_->shared_bytes() + bytes <= b_.target.gpu->shared_bytes;
  }
  std::string name() const {
    return tile_->name() + (parts_ > 1 ? fmt::format(", {} parts of the sum", parts_) : "");
  }
  /// By the model, where all blocks run at the same time as far as there are units.
  double cycles() const {
    const double blocks = static_cast<double>(tiles(*tile_) * parts_);
    const double units = std::min(blocks, static_cast<double>(b_.target.gpu->units));
    const double macs = static_cast<double>(tiles(*tile_) * tile_->height() * tile_->width()) *
                        static_cast<double>(slices(*tile_) * tile_->slice());
    return macs / tile_->macs_a_cycle() / units;
  }
  void emit();

 private:
  TileTask task() const;
  std::int64_t slices(const Tile& t) const { return divide_up(sum_.extent, t.slice()); }
  std::int64_t tiles(const Tile& t) const {
    return batch_.extent * divide_up(rows_.extent, t.height()) *
           divide_up(columns_.extent, t.width());
  }
  std::int64_t choose_parts(const Tile& t) const;
  /// Neighbours in memory of an operand are those of the sum.
  bool lies_by_sum(int which) const;
  /// The loop that brings one operand's part of a slice into shared memory.
  Block fetch(bool is_a, Expr thread, kir::BufferId shared, Expr slice);
  /// Stores an element of the tile.
  Block store(Expr row_of_tile, Expr column_of_tile, Expr value);
  Block store_windows(kir::BufferId results);
  bool windows_in_columns() const { return loops_.b == 0; }
  /// Stores the tile's results.
  Block store_tile();
  void keep_parts();
  void read_parts();

  std::unique_ptr<Tile> tile_;
  std::int64_t parts_ = 1;  // of the sum, a block each
  Expr part_, batch_at_, first_row_, first_column_;
  int partials_ = -1;  // their memory
};

TileTask TiledProduct::task() const {
  const DType a = g_.core->inputs[0]->aval.dtype, b = g_.core->inputs[1]->aval.dtype;
  std::optional<DType> mma;
  if (a == b && is_half(a)) mma = a;  // exact
  const Precision asked = b_.target.precision;
  if (a == DType::F32 && b == DType::F32 && asked != Precision::highest)
    mma = asked == Precision::high ? DType::F32 : DType::BF16;
  return {rows_.extent,
          columns_.extent,
          sum_.extent,
          dtype_,
          mma,
          lies_by_sum(loops_.a),
          lies_by_sum(loops_.b),
          [this](const Tile& t) { return tiles(t); },
          [this](const Tile& t) { return choose_parts(t); }};
}

// A second launch has to be worth it: a few blocks more are not.
std::int64_t TiledProduct::choose_parts(const Tile& t) const {
  const std::int64_t wanted = divide_up(b_.target.gpu->units, tiles(t));
  if (wanted < 4 || g_.pool != nullptr) return 1;
  const std::int64_t most = sum_.extent / kLeastOfPart;
  return std::clamp<std::int64_t>(std::min({wanted, most, slices(t)}), 1, kMostParts);
}

bool TiledProduct::lies_by_sum(int which) const {
  std::int64_t along_sum = INT64_MAX, along_side = INT64_MAX;
  for (std::size_t k = 0; k < loops_.axes.size(); ++k) {
    const Axis& axis = loops_.axes[k];
    const std::int64_t step = std::abs(which == 0 ? axis.a : axis.b);
    if (step == 0) continue;
    std::int64_t& least = axis.summed() ? along_sum : along_side;
    if (axis.summed() || !loops_.moves(1 - which, k)) least = std::min(least, step);
  }
  return along_sum <= along_side;
}

Block TiledProduct::fetch(bool is_a, Expr thread, kir::BufferId shared, Expr slice) {
  const std::int64_t threads = tile_->threads(), elements = tile_->slice();
  const std::int64_t width = is_a ? tile_->height() : tile_->width();
  const Side& side = is_a ? rows_ : columns_;
  // So many of a thread's elements are on their way at the same time.
  const std::int64_t all = divide_up(width * elements, threads), some = std::min(all, kAtOnce);
  const Expr e = loop_var(pool(), some, "e"), more = loop_var(pool(), divide_up(all, some), "more");
  const Expr n = (more * number(some) + e) * number(threads) + thread;
  // Neighbouring threads read neighbours of the axis along which the operand lies in line.
  const int which = is_a ? loops_.a : loops_.b;
  const bool by_sum = lies_by_sum(which);
  const Expr k = by_sum ? kir::floor_mod(n, elements) : kir::floor_div(n, width);
  const Expr i = by_sum ? kir::floor_div(n, elements) : kir::floor_mod(n, width);
  const std::int64_t part_slices = divide_up(slices(*tile_), parts_);
  const Expr sum = (part_ * number(part_slices) + slice) * number(elements) + k,
             of_side = (is_a ? first_row_ : first_column_) + i;
  Expr inside;
  if (part_slices * parts_ * elements != sum_.extent) inside = kir::lt(sum, number(sum_.extent));
  if (side.extent % width != 0)
    inside = kir::logical_and(inside, kir::lt(of_side, number(side.extent)));
  const std::vector<Expr> by =
      is_a ? place(batch_at_, of_side, {}, sum) : place(batch_at_, {}, of_side, sum);
  Expr value = operand(which, by, inside);
  // A masked load is 0 by itself; what is computed need not be.
  if (inside && value->op != kir::Op::Load) value = pool().select(inside, value, value.like(0));
  value = tile_->rounded(value);
  Block body;
  body.push_back(kir::Store{shared, tile_->place(is_a, k, i), value, {}});
  if (divide_up(all, some) * some * threads != width * elements)
    body = only_where(kir::lt(n, number(width * elements)), std::move(body));
  return in_loop(more, LoopKind::Serial, in_loop(e, LoopKind::Unroll, std::move(body)));
}

Block TiledProduct::store(Expr row_of_tile, Expr column_of_tile, Expr value) {
  const Expr row = first_row_ + row_of_tile, column = first_column_ + column_of_tile;
  Expr inside;
  if (rows_.extent % tile_->height() != 0) inside = kir::lt(row, number(rows_.extent));
  if (columns_.extent % tile_->width() != 0)
    inside = kir::logical_and(inside, kir::lt(column, number(columns_.extent)));
  Block body;
  if (parts_ == 1) {
    body = store_at(place(batch_at_, row, column, {}), value);
  } else {
    const Expr line = (part_ * number(batch_.extent) + batch_at_) * number(rows_.extent) + row;
    body.push_back(kir::Store{
        lower_.written_param(partials_), line * number(columns_.extent) + column, value, {}});
  }
  return only_where(inside, std::move(body));
}

// A window of the tile is a thread's, by way of shared memory.
Block TiledProduct::store_windows(kir::BufferId results) {
  const std::int64_t threads = tile_->threads(), n = loops_.window, width = tile_->width();
  const std::int64_t windows = tile_->height() * width / n;
  const Expr t = pool().var(threads, "t"), e = loop_var(pool(), divide_up(windows, threads), "e");
  const Expr w = e * number(threads) + t;
  const std::int64_t across = windows_in_columns() ? width / n : width;
  Expr row = kir::floor_div(w, across), column = kir::floor_mod(w, across);
  const std::int64_t step = windows_in_columns() ? 1 : width;  // to the next element of a window
  Expr& along = windows_in_columns() ? column : row;
  along = along * number(n);
  Expr inside;
  if (windows % threads != 0) inside = kir::lt(w, number(windows));
  if (rows_.extent % tile_->height() != 0)
    inside = kir::logical_and(inside, kir::lt(first_row_ + row, number(rows_.extent)));
  if (columns_.extent % width != 0)
    inside = kir::logical_and(inside, kir::lt(first_column_ + column, number(columns_.extent)));
  const Expr first = row * number(width) + column;
  Block body = store_window(
      place(batch_at_, first_row_ + row, first_column_ + column, {}),
      [&](std::int64_t k) { return pool().load(results, dtype_, first + number(k * step)); });
  return threads_loop(t, in_loop(e, LoopKind::Serial, only_where(inside, std::move(body))));
}

Block TiledProduct::store_tile() {
  if (g_.pool == nullptr) {
    return tile_->for_each(
        [&](Expr row, Expr column, Expr value) { return store(row, column, value); });
  }
  const std::int64_t width = tile_->width();
  const kir::BufferId results =
      kernel_.add_buffer("results", dtype_, tile_->height() * width, kir::Space::Shared);
  Block body = tile_->for_each([&](Expr row, Expr column, Expr value) {
    Block one;
    one.push_back(kir::Store{results, row * number(width) + column, value, {}});
    return one;
  });
  body.push_back(kir::Barrier{});
  append(&body, store_windows(results));
  return body;
}

void TiledProduct::emit() {
  const std::int64_t row_tiles = divide_up(rows_.extent, tile_->height()),
                     column_tiles = divide_up(columns_.extent, tile_->width());
  const std::int64_t blocks = tiles(*tile_) * parts_;
  const Expr block = pool().var(blocks, "block");
  const Expr rest = kir::floor_div(block, column_tiles), more = kir::floor_div(rest, row_tiles);
  first_column_ = kir::floor_mod(block, column_tiles) * number(tile_->width());
  first_row_ = kir::floor_mod(rest, row_tiles) * number(tile_->height());
  batch_at_ = parts_ == 1 ? more : kir::floor_mod(more, batch_.extent);
  part_ = parts_ == 1 ? number(0) : kir::floor_div(more, batch_.extent);
  if (parts_ > 1) partials_ = b_.add_scratch("partial", dtype_, parts_ * elements());
  Block body = tile_->declare(&kernel_);
  const auto shared = [&](const char* name, bool is_a) {
    return kernel_.add_buffer(name, tile_->dtype(), tile_->size(is_a), kir::Space::Shared);
  };
  const kir::BufferId a = shared("as", true), b = shared("bs", false);
  const Expr t = pool().var(tile_->threads(), "t");
  const std::int64_t part_slices = divide_up(slices(*tile_), parts_);
  const Expr slice = loop_var(pool(), part_slices, "slice");

  read_parts();
  Block step = fetch(true, t, a, slice);
  append(&step, fetch(false, t, b, slice));
  Block each = threads_loop(t, std::move(step));
  each.push_back(kir::Barrier{});
  append(&each, tile_->multiply(a, b));
  if (part_slices > 1) each.push_back(kir::Barrier{});
  append(&body, in_loop(slice, LoopKind::Serial, std::move(each)));
  append(&body, store_tile());
  make_grid(&kernel_, block, tile_->threads(), std::move(body));
  const Nodes results = parts_ == 1 ? g_.stores : Nodes();
  b_.launch(std::move(kernel_), lower_, results, fmt::format("{}, {} blocks", name(), blocks),
            2 * loops_.macs(), g_.core);
  if (parts_ == 1) return;
  TotalOfParts(b_, g_, loops_).emit(partials_, parts_);
  keep_parts();
}

// Others may add the parts up themselves. Adds what they need to know of this kernel's axes.
void TiledProduct::keep_parts() {
  if (!has_plain_axes() || g_.core->aval.shape.rank() == 0) return;
  const auto axes = std::make_shared<Numbering>(b_, g_, loops_);
  const std::int64_t parts = parts_, count = elements();
  const int partials = partials_;
  const DType dtype = dtype_;
  b_.split_sums.push_back(
      {g_.core, g_.stores, parts, [=](Lowerer& lower, const Index& at, Expr guard) {
         const Expr first = axes->number_of(at);
         Expr sum = lower.load(partials, first, dtype, guard);
         for (std::int64_t p = 1; p < parts; ++p)
           sum = sum + lower.load(partials, first + first.pool().integer(p * count), dtype, guard);
         return sum;
       }});
}

// Where the next product after a split one reads its value, it does not wait for the launch that
// adds the parts: it adds them as it reads, where that is not much.
void TiledProduct::read_parts() {
  Nodes in_place;
  for (const SplitSum& s : b_.split_sums) {
    if (b_.levels.of(g_.core) != b_.levels.of(s.core) + 1) continue;
    double loads = 0;
    for (const int which : {0, 1}) {
      const ir::NodeImpl* operand = g_.core->inputs[static_cast<std::size_t>(which)];
      const bool is_a = which == loops_.a;
      const std::int64_t again = is_a ? divide_up(columns_.extent, tile_->width())
                                      : divide_up(rows_.extent, tile_->height());
      if (b_.dataflow.depends(operand, s.core))
        loads += static_cast<double>(again * s.parts * operand->aval.numel());
    }
    if (loads == 0 || loads > kMostReads * static_cast<double>(b_.target.gpu->units)) continue;
    in_place.insert(in_place.end(), s.stores.begin(), s.stores.end());
    lower_.bind(s.core, [this, value = s.value](const Index& at, Expr guard) {
      return value(lower_, at, guard);
    });
  }
  lower_.compute_in_place(std::move(in_place));
  lower_.forget();
}

}  // namespace

std::vector<Choice> product_ways(Builder& b, const Product& g) {
  if (g.sparse) return {};
  Loops loops = loops_of(b, g.core);
  if (loops.macs() == 0 || (g.pool != nullptr && !split_windows(g, &loops))) return {};
  std::vector<Choice> ways;
  for (const TiledProduct::MakeTile make : {mma_tile, fma_tile}) {
    const auto kernel = std::make_shared<TiledProduct>(b, g, loops, make);
    if (!kernel->exists()) continue;
    ways.push_back({kernel->name(), kernel->cycles(), {}, [kernel] { kernel->emit(); }});
    for (const ir::NodeImpl* n : g.stores)
      ways.back().results.emplace_back(n, Layout::row_major(g.domain.rank()));
  }
  std::ranges::stable_sort(ways, {}, &Choice::cycles);
  return ways;
}

}  // namespace lilith::schedule::gpu
