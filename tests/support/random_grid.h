#pragma once
#include "support/grid_kernels.h"

namespace lilith::codegen::testing::kernels {

/// Random kernels for a GPU: steps of thread loops of one shape over registers of threads, rows and
/// the block and a tile in shared memory. The seed is in the name.
class RandomGrid {
 public:
  explicit RandomGrid(unsigned seed) : rng_(seed), b_("random grid " + std::to_string(seed)) {}

  Kernel make() {
    rows_ = pick(6) + 1;
    cols_ = (std::int64_t[]){1, 3, 8, 12, 16, 32}[pick(6)];
    b_.k.threads = static_cast<int>(rows_ * cols_ + (pick(2) == 0 ? 0 : pick(33)));
    const std::int64_t n = rows_ * cols_, blocks = pick(3) + 1;
    x_ = b_.in(DType::F32, 500);
    h_ = b_.in(DType::BF16, 500);
    y_ = b_.out(DType::F32, blocks * n * 2);
    tile_ = shared(b_, DType::F32, n * 2);
    block_ = b_.p.var(blocks, "block");
    i_ = b_.p.var(rows_, "i");
    j_ = b_.p.var(cols_, "j");
    k_ = b_.p.var(2, "k");
    own_ = b_.k.add_thread_reg("own", DType::F32, {rows_, cols_, 2}, 2);
    row_ = b_.k.add_thread_reg("row", DType::F32, {rows_}, 1);
    sum_ = b_.k.add_reg("sum", DType::F32);
    Block body = {DeclReg{own_, b_.f(0.25)}, DeclReg{row_, b_.f(1)}, DeclReg{sum_, b_.f(-1)},
                  nest(Store{tile_, place(), b_.load(x_, anywhere()), {}}), Barrier{}};
    for (int step = pick(4) + 2; step > 0; --step) {
      Block some = {step_of(pick(4)), Barrier{}};
      if (pick(3) == 0) some.push_back(step_of(pick(4)));
      if (pick(3) == 0) some.push_back(Barrier{});
      some.push_back(Barrier{});
      add(&body, std::move(some));
    }
    const Expr value = b_.p.read(own_, DType::F32, {i_, j_, k_}) + any_value(1);
    body.push_back(nest(Store{y_, block_ * b_.n(2 * n) + place(), value, {}}));
    b_.k.body = {grid(block_, std::move(body))};
    return std::move(b_.k);
  }

 private:
  int pick(int n) { return static_cast<int>(rng_() % static_cast<unsigned>(n)); }

  /// As it is, in a loop, or in a branch that the block takes together.
  void add(Block* body, Block some) {
    const auto part = std::make_shared<Block>(std::move(some));
    switch (pick(4)) {
      case 0:
        return body->push_back(serial(b_.p.var(2, "again"), *part));
      case 1:
        return body->push_back(
            If{lt(b_.p.read(sum_, DType::F32), b_.f(pick(5) - 2)), part, nullptr});
      default:
        body->insert(body->end(), part->begin(), part->end());
    }
  }

  Stmt step_of(int kind) {
    static constexpr Combine kWays[] = {Combine::Add, Combine::Max, Combine::Min};
    const Expr mask = pick(2) == 0 ? lt(j_ + k_, b_.n(pick(20))) : Expr{};
    switch (kind) {
      case 0: {  // of the thread's own element
        const Expr at = place();
        return nest(Store{tile_, at, any_value(1, at) * 0.5, mask});
      }
      case 1:
        return nest(Accumulate{sum_, {}, kWays[pick(3)], any_value(1, {}, false), {}, mask});
      case 2:
        return nest(Accumulate{row_, {i_}, kWays[pick(3)], any_value(1, {}, false), {}, mask});
      default:
        return nest(SetReg{own_, {i_, j_, k_}, any_value(2) * 0.5});
    }
  }

  /// For every element of every thread.
  Stmt nest(Stmt s) {
    const LoopKind kinds[] = {LoopKind::Serial, LoopKind::Unroll, LoopKind::Vector};
    return thread(i_, j_, {make_for(k_, kinds[pick(3)], {std::move(s)})});
  }

  /// A place of its own for each thread and k, of 2 n.
  Expr place() {
    const Expr lane = i_ * b_.n(cols_) + j_, across = j_ * b_.n(rows_) + i_;
    const Expr at = pick(3) == 0 ? across : lane;
    switch (pick(3)) {
      case 0:
        return at + k_ * b_.n(rows_ * cols_);
      case 1:
        return b_.n(rows_ * cols_ * 2 - 1) - (at * b_.n(2) + k_);
      default:
        return at * b_.n(2) + k_;
    }
  }
  Expr anywhere() {
    const Expr sums[] = {i_ * b_.n(7) + j_ * b_.n(2) + k_, j_ * b_.n(3) + block_ * b_.n(5), i_ + k_,
                         floor_div(j_, 3) + floor_mod(i_, 2) * b_.n(40)};
    return sums[pick(4)];
  }

  /// Of memory that is only read, of the tile (at `at`, where the loop stores to it), of registers.
  Expr any_value(int depth, Expr at = {}, bool sums = true) {
    if (depth > 0) {
      const Expr a = any_value(depth - 1, at, sums), b = any_value(depth - 1, at, sums);
      return pick(2) == 0 ? a + b * 0.5 : b_.p.select(lt(a, b), b, a - 0.125);
    }
    switch (pick(sums ? 5 : 3)) {
      case 0:
        return b_.load(x_, anywhere());
      case 1:
        return b_.load(h_, anywhere());
      case 2:
        return b_.load(tile_, at ? at : floor_mod(anywhere(), rows_ * cols_ * 2));
      case 3:
        return b_.p.read(row_, DType::F32, {i_}) * 0.25;
      default:
        return b_.p.read(sum_, DType::F32) * 0.25;
    }
  }

  std::mt19937 rng_;
  Builder b_;
  std::int64_t rows_ = 1, cols_ = 1;
  BufferId x_ = 0, h_ = 0, y_ = 0, tile_ = 0;
  RegId own_ = 0, row_ = 0, sum_ = 0;
  Expr block_, i_, j_, k_;
};

}  // namespace lilith::codegen::testing::kernels
