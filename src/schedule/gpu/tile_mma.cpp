#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "kernel_ir/grid.h"
#include "schedule/gpu/blocks.h"
#include "schedule/gpu/tile.h"

// A warp has 16 i rows and 8 j columns of the tile, which its tensor core multiplies:
//   thread warp, lane { unroll step { acc[warp, lane] <- mma a[step], b[step] } }
// The lanes read eight rows or columns at four words of the sum: memory that is four words longer
// than a slice gives each a bank of its own, and so does one eight longer where they lie in line.
namespace lilith::schedule::gpu {

using kir::Block;
using kir::Expr;
using kir::LoopKind;
using kir::MmaShape;

namespace {

struct Warps {
  std::int64_t y, x, mi, ni;  // along rows and columns, and what each holds
};

class MmaTile final : public Tile {
 public:
  MmaTile(const TileTask& task, const Warps& w)
      : task_(task), words_(*task.mma == DType::F32), w_(w) {}

  std::string name() const override {
    return fmt::format("tile {}x{}x{} of {} warps, mma {}", height(), width(), slice(), w_.y * w_.x,
                       words_ ? "tf32" : lilith::name(dtype()));
  }
  std::int64_t height() const override { return w_.y * w_.mi * MmaShape::kRows; }
  std::int64_t width() const override { return w_.x * w_.ni * MmaShape::kColumns; }
  std::int64_t slice() const override { return task_.sum <= k() ? k() : 2 * k(); }
  std::int64_t threads() const override { return w_.y * w_.x * MmaShape::kLanes; }
  double macs_a_cycle() const override { return words_ ? 144 : 256; }

  DType dtype() const override { return *task_.mma; }
  std::int64_t size(bool is_a) const override {
    return in_line(is_a) ? slice() * line(is_a) : across(is_a) * line(is_a);
  }
  Expr place(bool is_a, Expr k, Expr i) const override {
    const Expr n = k.pool().integer(line(is_a));
    return in_line(is_a) ? k * n + i : i * n + k;
  }
  // The nearest TF32, ties away from 0; a NaN stays one.
  Expr rounded(Expr value) const override {
    if (!words_) return value;
    kir::Pool& p = value.pool();
    const auto bits = [&](std::int64_t n) {
      return p.constant(DType::I32, static_cast<double>(n));
    };
    const Expr half_up = p.make(kir::Op::Bitcast, DType::I32, {value}) + bits(0x1000);
    const Expr cut = p.make(kir::Op::And, DType::I32, {half_up, bits(-0x2000)});
    return p.select(kir::eq(value, value), p.make(kir::Op::Bitcast, DType::F32, {cut}), value);
  }

  Block declare(kir::Kernel* kernel) override {
    pool_ = kernel->pool.get();
    warp_ = pool_->var(w_.y * w_.x, "warp");
    lane_ = pool_->var(MmaShape::kLanes, "lane");
    acc_ = kernel->add_thread_reg("acc", DType::F32,
                                  {w_.y * w_.x, MmaShape::kLanes, w_.mi, w_.ni, 4}, 2);
    Block body;
    body.push_back(kir::DeclReg{acc_, pool_->constant(DType::F32, 0)});
    return body;
  }

  Block multiply(kir::BufferId a, kir::BufferId b) override {
    const Expr step = loop_var(*pool_, slice() / k(), "step"), at = step * number(k());
    const auto operand = [&](bool is_a, kir::BufferId buffer, Expr first) {
      const std::int64_t n = line(is_a);
      return in_line(is_a) ? kir::MmaOperand{buffer, place(is_a, at, first), 1, n}
                           : kir::MmaOperand{buffer, place(is_a, at, first), n, 1};
    };
    Block body;
    body.push_back(kir::Mma{
        acc_, {warp_, lane_}, operand(true, a, first_row()), operand(false, b, first_column())});
    return threads_loop(warp_, lane_, in_loop(step, LoopKind::Unroll, std::move(body)));
  }

  Block for_each(const std::function<Block(Expr, Expr, Expr)>& f) override {
    const Expr i = loop_var(*pool_, w_.mi, "i"), j = loop_var(*pool_, w_.ni, "j"),
               r = pool_->var(4, "r");
    const Expr row = first_row() + i * number(MmaShape::kRows) + kir::floor_div(lane_, 4) +
                     kir::floor_div(r, 2) * number(8);
    const Expr column = first_column() + j * number(MmaShape::kColumns) +
                        kir::floor_mod(lane_, 4) * number(2) + kir::floor_mod(r, 2);
    Block body = f(row, column, pool_->read(acc_, DType::F32, {warp_, lane_, i, j, r}));
    body = in_loop(j, LoopKind::Unroll, in_loop(r, LoopKind::Unroll, std::move(body)));
    return threads_loop(warp_, lane_, in_loop(i, LoopKind::Unroll, std::move(body)));
  }

 private:
  Expr number(std::int64_t n) const { return pool_->integer(n); }
  std::int64_t k() const { return words_ ? 8 : 16; }  // elements of one instruction
  std::int64_t across(bool is_a) const { return is_a ? height() : width(); }
  /// Rows or columns lie in line; else the elements of each.
  bool in_line(bool is_a) const { return words_ && !(is_a ? task_.by_sum_a : task_.by_sum_b); }
  std::int64_t line(bool is_a) const {
    return in_line(is_a) ? across(is_a) + 8 : slice() + (words_ ? 4 : 8);
  }
  Expr first_row() const { return kir::floor_div(warp_, w_.x) * number(w_.mi * MmaShape::kRows); }
  Expr first_column() const {
    return kir::floor_mod(warp_, w_.x) * number(w_.ni * MmaShape::kColumns);
  }

  const TileTask task_;
  const bool words_;  // of f32, not pairs of halves
  const Warps w_;
  kir::Pool* pool_ = nullptr;
  kir::RegId acc_ = -1;
  Expr warp_, lane_;
};

std::vector<Warps> all_warps(std::int64_t most) {
  std::vector<Warps> all;
  for (std::int64_t y = 1; y <= most; y *= 2) {
    for (std::int64_t x = 1; x * y <= most; x *= 2) {
      for (const std::int64_t mi : {1, 2})
        for (const std::int64_t ni : {1, 2, 4}) all.push_back({y, x, mi, ni});
    }
  }
  return all;
}

}  // namespace

// First as many blocks as the device has units, then a sum in one part, which needs no second
// launch, then the largest tile, then the most threads.
std::unique_ptr<Tile> mma_tile(const GpuTarget& target, const TileTask& task) {
  if (!target.mma || !task.mma) return nullptr;
  const std::int64_t rows = std::max<std::int64_t>(power_of_two(task.rows), MmaShape::kRows),
                     columns =
                         std::max<std::int64_t>(power_of_two(task.columns), MmaShape::kColumns);
  std::unique_ptr<Tile> best;
  std::array<std::int64_t, 4> best_score{};
  for (const Warps& w : all_warps(target.threads / MmaShape::kLanes)) {
    auto t = std::make_unique<MmaTile>(task, w);
    if (t->height() > rows || t->width() > columns || t->shared_bytes() > target.shared_bytes)
      continue;
    const std::array<std::int64_t, 4> score{std::min<std::int64_t>(task.blocks(*t), target.units),
                                            task.parts(*t) == 1, t->height() * t->width(),
                                            t->threads()};
    if (best != nullptr && score <= best_score) continue;
    best = std::move(t);
    best_score = score;
  }
  return best;
}

}  // namespace lilith::schedule::gpu
