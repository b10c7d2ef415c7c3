#include <fmt/format.h>

#include <algorithm>

#include "schedule/gpu/blocks.h"
#include "schedule/gpu/tile.h"

// A thread has `r` rows and `c` columns of the tile, so many threads apart:
//   thread y, x { for k { unroll r, c { acc[y, x, r, c] += a[k, r, y] * b[k, c, x] } } }
namespace lilith::schedule::gpu {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

constexpr std::int64_t kSlice = 16;  // of the sum
constexpr std::int64_t kMostThreadsAcross = 16;

class FmaTile final : public Tile {
 public:
  FmaTile(DType dtype, std::int64_t y, std::int64_t x, std::int64_t rows, std::int64_t columns)
      : dtype_(dtype), y_(y), x_(x), rows_(rows), columns_(columns) {}

  std::string name() const override {
    return fmt::format("tile {}x{}x{}, {}x{} a thread", height(), width(), kSlice, rows_, columns_);
  }
  std::int64_t height() const override { return y_ * rows_; }
  std::int64_t width() const override { return x_ * columns_; }
  std::int64_t slice() const override { return kSlice; }
  std::int64_t threads() const override { return y_ * x_; }
  double macs_a_cycle() const override { return 64; }

  DType dtype() const override { return dtype_; }
  std::int64_t size(bool is_a) const override { return kSlice * across(is_a); }
  Expr place(bool is_a, Expr k, Expr i) const override {
    return k * k.pool().integer(across(is_a)) + i;
  }

  Block declare(kir::Kernel* kernel) override {
    pool_ = kernel->pool.get();
    acc_ = kernel->add_thread_reg("acc", dtype_, {y_, x_, rows_, columns_}, 2);
    y_at_ = pool_->var(y_, "y");
    x_at_ = pool_->var(x_, "x");
    Block body;
    body.push_back(kir::DeclReg{acc_, pool_->constant(dtype_, 0)});
    return body;
  }

  Block multiply(kir::BufferId a, kir::BufferId b) override {
    const Expr k = pool_->var(kSlice, "k");
    return over(
        [&](Expr r, Expr c) {
          Block body;
          body.push_back(kir::Accumulate{acc_,
                                         {y_at_, x_at_, r, c},
                                         kir::Combine::Add,
                                         pool_->load(b, dtype_, place(false, k, column(c))),
                                         pool_->load(a, dtype_, place(true, k, row(r))),
                                         {}});
          return body;
        },
        k);
  }

  Block for_each(const std::function<Block(Expr, Expr, Expr)>& f) override {
    return over(
        [&](Expr r, Expr c) {
          return f(row(r), column(c), pool_->read(acc_, dtype_, {y_at_, x_at_, r, c}));
        },
        pool_->integer(0));
  }

 private:
  std::int64_t across(bool is_a) const { return is_a ? height() : width(); }
  Expr row(Expr r) const { return r * pool_->integer(y_) + y_at_; }
  Expr column(Expr c) const { return c * pool_->integer(x_) + x_at_; }
  /// Each element of a thread, for each k where it is a loop's.
  Block over(const std::function<Block(Expr, Expr)>& f, Expr k) const {
    const Expr r = loop_var(*pool_, rows_, "r"), c = loop_var(*pool_, columns_, "c");
    Block body = in_loop(r, LoopKind::Unroll, in_loop(c, LoopKind::Unroll, f(r, c)));
    return threads_loop(y_at_, x_at_, in_loop(k, LoopKind::Serial, std::move(body)));
  }

  const DType dtype_;
  const std::int64_t y_, x_, rows_, columns_;  // threads along both, and what each computes
  kir::Pool* pool_ = nullptr;
  kir::RegId acc_ = -1;
  Expr y_at_, x_at_;
};

}  // namespace

// The largest tile that the result fills, where its blocks are enough for the device.
std::unique_ptr<Tile> fma_tile(const GpuTarget& target, const TileTask& task) {
  const std::int64_t most_x = target.threads >= 256 ? 16 : 8, most_y = target.threads / most_x;
  const std::int64_t rows = power_of_two(task.rows), columns = power_of_two(task.columns);
  std::int64_t y = std::min({most_y, rows, kMostThreadsAcross}), x = std::min(most_x, columns);
  const auto fits = [&](const FmaTile& t) { return t.shared_bytes() <= target.shared_bytes; };
  while (x * y > 1 && !fits(FmaTile(task.dtype, y, x, 1, 1))) (y > x ? y : x) /= 2;
  if (!fits(FmaTile(task.dtype, y, x, 1, 1))) return nullptr;
  auto best = std::make_unique<FmaTile>(task.dtype, y, x, 1, 1);
  for (const std::int64_t r : {4, 2, 1}) {
    for (const std::int64_t c : {4, 2, 1}) {
      auto t = std::make_unique<FmaTile>(task.dtype, y, x, r, c);
      const bool fills = t->height() <= std::max(rows, y) && t->width() <= std::max(columns, x);
      const bool larger = t->height() * t->width() > best->height() * best->width();
      if (fills && larger && fits(*t) && task.blocks(*t) >= target.units) best = std::move(t);
    }
  }
  return best;
}

}  // namespace lilith::schedule::gpu
