#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernel_ir/evaluate.h"
#include "kernel_ir/kernel.h"
#include "lilith/error.h"

namespace lilith::kir {
namespace {

std::shared_ptr<Block> block(Block b) { return std::make_shared<Block>(std::move(b)); }

BufferId written(Kernel& k, const char* name, DType dtype, std::int64_t size,
                 Space space = Space::Param) {
  const BufferId id = k.add_buffer(name, dtype, size, space);
  k.buffers.back().written = true;
  return id;
}

TEST(KirInterpret, MatrixProductInATile) {
  Kernel k;
  Pool& p = *k.pool;
  const BufferId a = k.add_buffer("a", DType::F32, 6), b = k.add_buffer("b", DType::F32, 12);
  const BufferId c = written(k, "c", DType::F32, 8);
  const RegId acc = k.add_reg("acc", DType::F32, {2, 4});
  const Expr kk = p.var(3, "k"), r = p.var(2, "r"), n = p.var(4, "n"), r2 = p.var(2, "r2"),
             n2 = p.var(4, "n2");
  Accumulate step{acc,
                  {r, n},
                  Combine::Add,
                  p.load(b, DType::F32, kk * 4 + n),
                  p.load(a, DType::F32, r * 3 + kk),
                  {}};
  Store out{c, r2 * 4 + n2, p.read(acc, DType::F32, {r2, n2}), {}};
  k.body = {DeclReg{acc, p.constant(DType::F32, 0)},
            make_for(kk, LoopKind::Serial,
                     {make_for(r, LoopKind::Unroll, {make_for(n, LoopKind::Vector, {step})})}),
            make_for(r2, LoopKind::Unroll, {make_for(n2, LoopKind::Vector, {out})})};
  verify(k);
  std::vector<float> av{1, 2, 3, 4, 5, 6}, bv{1, 0, 2, 1, 0, 1, 3, 1, 1, 1, 4, 1}, cv(8);
  interpret(k, {av.data(), bv.data(), cv.data()});
  EXPECT_EQ(cv, (std::vector<float>{4, 5, 20, 6, 10, 11, 47, 15}));
}

TEST(KirInterpret, MasksGuardReadsAndWrites) {
  Kernel k;
  Pool& p = *k.pool;
  const BufferId x = k.add_buffer("x", DType::F32, 3), y = written(k, "y", DType::F32, 5);
  const Expr i = p.var(5, "i");
  const Expr inside = logical_and(le(p.integer(1), i), lt(i, p.integer(4)));
  k.body = {
      make_for(i, LoopKind::Vector,
               {Store{y, i, p.load(x, DType::F32, i - 1.0, inside) + 1.0, ne(i, p.integer(4))}})};
  verify(k);
  std::vector<float> xv{10, 20, 30}, yv(5, -1);
  interpret(k, {xv.data(), yv.data()});
  EXPECT_EQ(yv, (std::vector<float>{1, 11, 21, 31, -1}));
}

TEST(KirInterpret, ReadingOutsideIsAnError) {
  Kernel k;
  Pool& p = *k.pool;
  const BufferId x = k.add_buffer("x", DType::F32, 3), y = written(k, "y", DType::F32, 4);
  const Expr i = p.var(4, "i");
  k.body = {make_for(i, LoopKind::Serial, {Store{y, i, p.load(x, DType::F32, i), {}}})};
  std::vector<float> xv(3), yv(4);
  EXPECT_THROW(interpret(k, {xv.data(), yv.data()}), InternalError);
  EXPECT_THROW(interpret(k, {xv.data()}), InternalError);
}

TEST(KirInterpret, WhileAndIf) {
  Kernel k;
  Pool& p = *k.pool;
  const BufferId x = k.add_buffer("x", DType::I64, 4), y = written(k, "y", DType::I64, 4);
  const RegId n = k.add_reg("n", DType::I64), steps = k.add_reg("steps", DType::I64);
  const Expr i = p.var(4, "i"), v = p.read(n, DType::I64), zero = p.integer(0);
  // The length of the Collatz sequence.
  const Expr even = eq(floor_mod(v, 2), zero);
  k.body = {make_for(i, LoopKind::Parallel,
                     {DeclReg{n, p.load(x, DType::I64, i)}, DeclReg{steps, zero},
                      While{ne(v, p.integer(1)),
                            block({If{even, block({SetReg{n, {}, floor_div(v, 2)}}),
                                      block({SetReg{n, {}, v * 3 + 1}})},
                                   Accumulate{steps, {}, Combine::Add, p.integer(1), {}, {}}})},
                      Store{y, i, p.read(steps, DType::I64), {}}})};
  verify(k);
  std::vector<std::int64_t> xv{1, 6, 7, 27}, yv(4);
  interpret(k, {xv.data(), yv.data()});
  EXPECT_EQ(yv, (std::vector<std::int64_t>{0, 8, 16, 111}));
}

TEST(KirInterpret, EveryCombineAndMask) {
  Kernel k;
  Pool& p = *k.pool;
  const BufferId x = k.add_buffer("x", DType::I32, 4), y = written(k, "y", DType::I32, 6);
  const Expr i = p.var(4, "i"), value = p.load(x, DType::I32, i);
  const std::int64_t start[] = {0, 1, INT32_MIN, INT32_MAX, -1, 0};
  Block body, decls, stores;
  for (int c = 0; c < 6; ++c) {
    const RegId r = k.add_reg("r", DType::I32);
    decls.push_back(DeclReg{r, p.integer(start[c], DType::I32)});
    body.push_back(Accumulate{r, {}, static_cast<Combine>(c), value, {}, lt(i, p.integer(3))});
    stores.push_back(Store{y, p.integer(c), p.read(r, DType::I32), {}});
  }
  k.body = decls;
  k.body.push_back(make_for(i, LoopKind::Serial, body));
  k.body.push_back(Barrier{});
  k.body.insert(k.body.end(), stores.begin(), stores.end());
  verify(k);
  EXPECT_TRUE(k.has_barrier());
  std::vector<std::int32_t> xv{7, -2, 5, 1000}, yv(6);
  interpret(k, {xv.data(), yv.data()});
  EXPECT_EQ(yv, (std::vector<std::int32_t>{10, -70, 7, -2, 7 & -2 & 5, 7 | -2 | 5}));
}

TEST(KirInterpret, NarrowMemoryAndScratch) {
  Kernel k;
  Pool& p = *k.pool;
  const BufferId h = k.add_buffer("h", DType::F16, 2), y = written(k, "y", DType::BF16, 2);
  const BufferId t = written(k, "t", DType::F16, 2, Space::Thread);
  const Expr i = p.var(2, "i"), j = p.var(2, "j");
  EXPECT_EQ(p.load(h, DType::F16, i).dtype(), DType::F32);
  k.body = {make_for(i, LoopKind::Serial, {Store{t, i, p.load(h, DType::F16, i) * 3.0, {}}}),
            make_for(j, LoopKind::Serial, {Store{y, j, p.load(t, DType::F16, j), {}}})};
  verify(k);
  EXPECT_EQ(k.thread_scratch_bytes(), 64);
  std::vector<half> hv{half(1.0009765625f), half(-2.5f)};
  std::vector<bfloat16> yv(2);
  interpret(k, {hv.data(), yv.data()});
  EXPECT_EQ(static_cast<float>(yv[0]), 3.0f);  // 3.0029… rounds to 3.002 in f16, to 3 in bf16
  EXPECT_EQ(static_cast<float>(yv[1]), -7.5f);
}

TEST(KirCanonicalForm, IgnoresNamesAndUnusedNodes) {
  const auto build = [](const char* name, double factor, bool noise) {
    Kernel k;
    k.name = name;
    Pool& p = *k.pool;
    const BufferId x = k.add_buffer(name, DType::F32, 8), y = written(k, name, DType::F32, 8);
    if (noise) p.constant(DType::F64, 42);
    const Expr i = p.var(8, name);
    k.body = {make_for(i, LoopKind::Vector, {Store{y, i, p.load(x, DType::F32, i) * factor, {}}})};
    return canonical_form(k);
  };
  EXPECT_EQ(build("a", 2, false), build("b", 2, true));
  EXPECT_NE(build("a", 2, false), build("a", 3, false));
}

// The stated semantics of each operation on the values where C has none.
TEST(KirScalar, IntegerOperationsAreTotal) {
  Pool p;
  const auto op2 = [&](Op op, DType t, std::int64_t a, std::int64_t b) {
    return p.make(op, t, {p.integer(a, t), p.integer(b, t)}).as_int();
  };
  EXPECT_EQ(op2(Op::Div, DType::I32, 7, 0), 0);
  EXPECT_EQ(op2(Op::Rem, DType::I32, 7, 0), 7);
  EXPECT_EQ(op2(Op::Div, DType::I32, INT32_MIN, -1), INT32_MIN);
  EXPECT_EQ(op2(Op::Div, DType::I64, INT64_MIN, -1), INT64_MIN);
  EXPECT_EQ(op2(Op::Rem, DType::I64, INT64_MIN, -1), 0);
  EXPECT_EQ(op2(Op::Div, DType::I64, -7, 2), -3);
  EXPECT_EQ(op2(Op::FloorDiv, DType::I64, -7, 2), -4);
  EXPECT_EQ(op2(Op::FloorMod, DType::I64, -7, 2), 1);
  EXPECT_EQ(op2(Op::FloorMod, DType::I64, 7, -2), -1);
  EXPECT_EQ(op2(Op::FloorMod, DType::I64, 7, 0), 7);
  EXPECT_EQ(op2(Op::Shl, DType::I32, 1, 32), 0);
  EXPECT_EQ(op2(Op::Shl, DType::I32, 1, 31), INT32_MIN);
  EXPECT_EQ(op2(Op::UShr, DType::I32, -1, 28), 15);
  EXPECT_EQ(op2(Op::SShr, DType::I32, -8, 99), -1);
  EXPECT_EQ(op2(Op::UMulHi, DType::I32, -1, -1), -2);
  EXPECT_EQ(op2(Op::UMulHi, DType::I64, -1, 2), 1);
  EXPECT_EQ(op2(Op::Add, DType::U8, 200, 100), 44);
  EXPECT_EQ(op2(Op::Mul, DType::I8, 100, 2), -56);
  EXPECT_EQ(op2(Op::Add, DType::Bool, 1, 1), 1);
  EXPECT_TRUE(p.make(Op::ULt, DType::Bool, {p.integer(1, DType::I32), p.integer(-1, DType::I32)})
                  .is_const(1));
}

TEST(KirScalar, CastsSaturateAndWrap) {
  Pool p;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto from_float = [&](double v, DType t) {
    return p.cast(p.constant(DType::F64, v), t).as_int();
  };
  EXPECT_EQ(from_float(nan, DType::I32), 0);
  EXPECT_EQ(from_float(1e30, DType::I32), INT32_MAX);
  EXPECT_EQ(from_float(-1e30, DType::I64), INT64_MIN);
  EXPECT_EQ(from_float(-3.9, DType::U8), 0);
  EXPECT_EQ(from_float(-3.9, DType::I8), -3);
  EXPECT_EQ(from_float(nan, DType::Bool), 1);
  EXPECT_EQ(p.cast(p.integer(300), DType::U8).as_int(), 44);
  EXPECT_TRUE(p.cast(p.integer(16777217), DType::F32).is_const(16777216));
}

TEST(KirScalar, FloatsFoldInTheirOwnPrecision) {
  Pool p;
  const Expr a = p.constant(DType::F32, 0.1), b = p.constant(DType::F32, 0.2);
  EXPECT_EQ((a + b)->f, static_cast<double>(0.1f + 0.2f));
  const Expr nan = p.constant(DType::F32, std::nan(""));
  EXPECT_TRUE(std::isnan(min(nan, a)->f));
  EXPECT_TRUE(std::isnan(max(a, nan)->f));
  EXPECT_TRUE(std::signbit(min(p.constant(DType::F32, 0), p.constant(DType::F32, -0.0))->f));
}

TEST(KirScalar, FloatRulesKeepEveryBit) {
  Pool p;
  const Expr x = p.load(0, DType::F32, p.integer(0));
  EXPECT_EQ(x * 1.0, x);
  EXPECT_EQ(x + x.like(-0.0), x);
  EXPECT_EQ(x - x.like(0.0), x);
  EXPECT_NE(x + x.like(0.0), x);  // -0 + 0 is +0
  EXPECT_EQ(x / 4.0, x * 0.25);
  EXPECT_EQ((x / 3.0)->op, Op::Div);
  EXPECT_NE((x * 0.0)->op, Op::Const);  // NaN and -0
  EXPECT_EQ(eq(x, x)->op, Op::Eq);
  EXPECT_EQ(-(-x), x);
  EXPECT_EQ(p.fma(x, x.like(1), x), x + x);
  EXPECT_EQ(p.cast(p.cast(x, DType::F64), DType::F32), x);
  EXPECT_EQ(p.select(lt(x, x), x, x * 2.0), x * 2.0);
}

TEST(KirScalar, MulAddFoldsWhereAllTargetsAgree) {
  Pool p;
  const Expr third = p.constant(DType::F32, 1.0 / 3), x = p.load(0, DType::F32, p.integer(0));
  EXPECT_TRUE(p.multiply_add(third, third.like(4), third).is_const());
  EXPECT_EQ(p.multiply_add(third, third, -(third * third))->op, Op::MulAdd);
  EXPECT_TRUE(p.fma(third, third, -(third * third)).is_const());
  EXPECT_EQ(p.multiply_add(x, x.like(1), x), x + x);
  EXPECT_EQ(p.multiply_add(x, x, x.like(-0.0)), x * x);
  const Expr i = p.integer(3, DType::I32);
  EXPECT_TRUE(p.multiply_add(i, i, i).is_const(12));
}

TEST(KirScalar, MulAddRoundsAsOftenAsAskedFor) {
  Kernel k;
  const BufferId x = k.add_buffer("x", DType::F32, 1), y = k.add_buffer("y", DType::F32, 2);
  k.buffers.back().written = true;
  const Expr v = k.pool->load(x, DType::F32, k.pool->integer(0));
  const RegId sum = k.add_reg("sum", DType::F32);
  k.body = {Store{y, k.pool->integer(0), k.pool->multiply_add(v, v, -(v * v)), {}},
            DeclReg{sum, -(v * v)}, Accumulate{sum, {}, Combine::Add, v, v, {}},
            Store{y, k.pool->integer(1), k.pool->read(sum, DType::F32), {}}};
  float in = 1.0F / 3, out[2];
  const double wide = in;
  const auto product = static_cast<float>(wide * wide);
  for (const MulAddRounds rounds : {MulAddRounds::once, MulAddRounds::twice}) {
    interpret(k, {&in, out}, {}, rounds);
    const float error = static_cast<float>(wide * wide - static_cast<double>(product));
    for (const float got : out) EXPECT_EQ(got, rounds == MulAddRounds::once ? error : 0);
  }
}

}  // namespace
}  // namespace lilith::kir
