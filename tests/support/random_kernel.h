#pragma once
#include "support/kernel_inputs.h"

namespace lilith::codegen::testing::kernels {

using namespace kir;

/// Random expressions over the loads of a kernel; the seed is in the kernel's name.
class RandomKernel {
 public:
  explicit RandomKernel(unsigned seed) : rng_(seed), p_(*k_.pool) {
    k_.name = "random" + std::to_string(seed);
  }

  Kernel make() {
    const std::int64_t rows = pick(5) + 1, cols = pick(70) + 1, size = rows * cols + 80;
    const DType types[] = {DType::F32, DType::BF16, DType::F64, DType::I32, DType::U8};
    for (DType d : types) k_.add_buffer("in" + std::string(name(d)), d, size);
    for (DType d : {DType::F32, DType::I32}) {
      outs_.push_back(k_.add_buffer("out" + std::string(name(d)), d, size));
      k_.buffers.back().written = true;
    }
    i_ = p_.var(rows, "i");
    j_ = p_.var(cols, "j");
    const Expr at = i_ * p_.integer(cols) + j_;
    const RegId s = k_.add_reg("s", DType::F32);
    Block inner = {Store{outs_[0], at, real(4), pick(3) == 0 ? cond(2) : Expr{}},
                   Store{outs_[1], at, whole(3), {}},
                   Accumulate{s,
                              {},
                              pick(2) ? Combine::Max : Combine::Min,
                              real(2),
                              {},
                              pick(3) == 0 ? cond(1) : Expr{}}};
    Block row = {DeclReg{s, p_.constant(DType::F32, 0)}, make_for(j_, LoopKind::Vector, inner),
                 Store{outs_[0], i_ + p_.integer(rows * cols), p_.read(s, DType::F32), {}}};
    const LoopKind kinds[] = {LoopKind::Serial, LoopKind::Parallel, LoopKind::Unroll};
    k_.body = {make_for(i_, kinds[pick(3)], row)};
    return std::move(k_);
  }

 private:
  int pick(int n) { return static_cast<int>(rng_() % static_cast<unsigned>(n)); }
  Expr index() {
    switch (pick(5)) {
      case 0:
        return j_;
      case 1:
        return i_;
      case 2:
        return floor_mod(j_ * p_.integer(3) + i_, 17);
      case 3:
        return j_ + i_ * p_.integer(2);
      default:
        return floor_div(j_, 3) + p_.integer(4);
    }
  }
  Expr load(BufferId b) {
    const DType d = k_.buffers[static_cast<std::size_t>(b)].dtype;
    return p_.load(b, d, index(), pick(3) == 0 ? cond(0) : Expr{});
  }
  Expr cond(int depth) {
    if (depth <= 0) return lt(pick(2) ? j_ : i_, p_.integer(pick(40)));
    return pick(2) ? lt(real(depth - 1), real(depth - 1))
                   : logical_or(cond(depth - 1), cond(depth - 1));
  }
  Expr real(int depth) {
    if (depth <= 0) return p_.cast(load(pick(3)), DType::F32);
    const Expr a = real(depth - 1), b = real(depth - 1);
    switch (pick(7)) {
      case 0:
        return a + b;
      case 1:
        return a - b * 0.5;
      case 2:
        return max(a, b);
      case 3:
        return p_.select(cond(depth - 1), a, b);
      case 4:
        return p_.cast(whole(depth - 1), DType::F32) * 1e-9;
      case 5:
        return p_.cast(p_.cast(a, DType::F64) * 0.25, DType::F32);
      default:
        return min(a * 0.5, b);
    }
  }
  Expr whole(int depth) {
    if (depth <= 0) return p_.cast(load(3 + pick(2)), DType::I32);
    const Expr a = whole(depth - 1), b = whole(depth - 1);
    switch (pick(6)) {
      case 0:
        return a + b;
      case 1:
        return a * b;
      case 2:
        return p_.make(Op::Xor, DType::I32, {a, b});
      case 3:
        return p_.make(Op::UMulHi, DType::I32, {a, b});
      case 4:
        return p_.cast(index(), DType::I32);
      default:
        return p_.select(cond(depth - 1), a, b);
    }
  }

  std::mt19937 rng_;
  Kernel k_;
  Pool& p_;
  std::vector<BufferId> outs_;
  Expr i_, j_;
};

}  // namespace lilith::codegen::testing::kernels
