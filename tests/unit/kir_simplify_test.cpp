#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "kernel_ir/evaluate.h"
#include "kernel_ir/kernel.h"

// Random expressions of every dtype, simplified and as they stand, have the same value bit for bit.
namespace lilith::kir {
namespace {

constexpr DType kDTypes[] = {DType::Bool, DType::U8,  DType::I8,  DType::I16,
                             DType::I32,  DType::I64, DType::F32, DType::F64};
constexpr int kNumDTypes = 8;

/// Buffer d holds values of kDTypes[d], drawn from those where rules could go wrong.
class RandomLeaves : public Leaves {
 public:
  explicit RandomLeaves(std::uint32_t seed) : rng_(seed) {}
  void draw() {
    for (auto& row : values_) {
      for (Value& v : row) v = Value{};
    }
    static const double kFloats[] = {0.0,
                                     -0.0,
                                     1.0,
                                     -1.0,
                                     0.5,
                                     3.0,
                                     1e30,
                                     -1e-30,
                                     std::numeric_limits<double>::infinity(),
                                     -std::numeric_limits<double>::infinity(),
                                     std::nan("")};
    static const std::int64_t kIntegers[] = {
        0, 1, 2, 3, 7, 8, 100, -1, -2, -8, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX};
    for (int d = 0; d < kNumDTypes; ++d) {
      for (Value& v : values_[d]) {
        if (is_floating(kDTypes[d])) {
          v = convert({0, kFloats[rng_() % 11]}, DType::F64, kDTypes[d]);
        } else {
          v.i = wrap(kIntegers[rng_() % 14], kDTypes[d]);
        }
      }
    }
  }
  Value load(BufferId buffer, std::int64_t index) override { return values_[buffer][index]; }

 private:
  std::mt19937 rng_;
  Value values_[kNumDTypes][3];
};

struct Twin {
  Expr simple, given;
};

class Twins {
 public:
  Twins(Pool& pool, std::uint32_t seed) : pool_(pool), rng_(seed) {}

  Twin make(int d, int depth) {
    const DType t = kDTypes[d];
    if (depth == 0 || roll(8) == 0) return leaf(d);
    if (roll(7) == 0) {
      return build(Op::Select, t, {make(0, depth - 1), make(d, depth - 1), make(d, depth - 1)});
    }
    if (roll(7) == 0) {
      const int from = roll(kNumDTypes);
      if (from != d) return build(Op::Cast, t, {make(from, depth - 1)});
    }
    if (t == DType::Bool) return boolean(depth);
    return is_floating(t) ? real(d, depth) : integer(d, depth);
  }

 private:
  int roll(int n) { return static_cast<int>(rng_() % static_cast<std::uint32_t>(n)); }

  Twin leaf(int d) {
    static const double kConstants[] = {0, 1, 2, 3, 4, 8, -1, 0.5, -0.0, 255};
    const double c = kConstants[roll(10)];
    const DType t = kDTypes[d];
    const Expr x = roll(2) ? pool_.constant(t, t == DType::Bool ? roll(2) : c)
                           : pool_.load(d, t, pool_.integer(roll(3)));
    return {x, x};
  }

  Twin boolean(int depth) {
    static constexpr Op kLogic[] = {Op::And, Op::Or, Op::Xor};
    static constexpr Op kCompare[] = {Op::Eq, Op::Ne, Op::Lt, Op::Le};
    const int kind = roll(8);
    if (kind < 3) return build(kLogic[kind], DType::Bool, {make(0, depth - 1), make(0, depth - 1)});
    if (kind == 3) return build(Op::Not, DType::Bool, {make(0, depth - 1)});
    const int d = roll(kNumDTypes);
    const Twin a = make(d, depth - 1), b = roll(4) ? make(d, depth - 1) : a;
    return build(kCompare[kind - 4], DType::Bool, {a, b});
  }

  Twin integer(int d, int depth) {
    static constexpr Op kUnary[] = {Op::Neg, Op::Abs, Op::Not, Op::PopCount, Op::Ctz};
    static constexpr Op kBinary[] = {
        Op::Add,      Op::Sub, Op::Mul, Op::Div, Op::Rem, Op::Min,  Op::Max,  Op::FloorDiv,
        Op::FloorMod, Op::And, Op::Or,  Op::Xor, Op::Shl, Op::UShr, Op::SShr, Op::UMulHi};
    const DType t = kDTypes[d];
    if (roll(4) == 0) return build(kUnary[roll(5)], t, {make(d, depth - 1)});
    const Twin a = make(d, depth - 1), b = roll(5) ? make(d, depth - 1) : a;
    return build(kBinary[roll(16)], t, {a, b});
  }

  Twin real(int d, int depth) {
    static constexpr Op kUnary[] = {Op::Neg,   Op::Abs,       Op::Sqrt,     Op::Floor,    Op::Ceil,
                                    Op::Trunc, Op::RoundEven, Op::RoundF16, Op::RoundBF16};
    static constexpr Op kBinary[] = {Op::Add, Op::Sub, Op::Mul, Op::Div, Op::Min, Op::Max};
    const DType t = kDTypes[d];
    const int kind = roll(6);
    if (kind == 0) return build(kUnary[roll(9)], t, {make(d, depth - 1)});
    const Twin a = make(d, depth - 1), b = roll(5) ? make(d, depth - 1) : a;
    if (kind == 1) return build(roll(2) ? Op::Fma : Op::MulAdd, t, {a, b, make(d, depth - 1)});
    return build(kBinary[roll(6)], t, {a, b});
  }

  Twin build(Op op, DType t, const std::vector<Twin>& args) {
    std::vector<Expr> simple;
    ExprNode node{};
    node.op = op;
    node.dtype = t;
    for (const Twin& a : args) {
      simple.push_back(a.simple);
      node.args.push_back(a.given);
    }
    return {pool_.make(op, t, simple), pool_.intern(std::move(node))};
  }

  Pool& pool_;
  std::mt19937 rng_;
};

bool same(Value a, Value b, DType t) {
  if (!is_floating(t)) return a.i == b.i;
  if (std::isnan(a.f) || std::isnan(b.f)) return std::isnan(a.f) && std::isnan(b.f);
  return a.f == b.f && std::signbit(a.f) == std::signbit(b.f);
}

TEST(KirSimplify, RoundingWhatIsRoundedIsNothing) {
  Pool p;
  const Expr i = p.var(8, "i"), h = p.load(0, DType::F16, i), b = p.load(1, DType::BF16, i),
             f = p.load(2, DType::F32, i);
  for (Expr x : {h, -h, min(h, -h), p.make(Op::Floor, DType::F32, {h}), h.like(0.5),
                 p.select(lt(f, h), h, h.like(2)), rounded(f, DType::F16),
                 p.cast(p.load(3, DType::U8, i), DType::F32)}) {
    EXPECT_EQ(rounded(x, DType::F16), x) << to_string(x);
  }
  for (Expr x :
       {b, f, h + h, h * h, h.like(0.1), rounded(f, DType::BF16), p.select(lt(f, h), h, f)})
    EXPECT_NE(rounded(x, DType::F16), x) << to_string(x);
  EXPECT_NE(rounded(h, DType::BF16), h);
  EXPECT_EQ(rounded(b, DType::BF16), b);
  EXPECT_EQ(rounded(f, DType::F32), f);
  EXPECT_EQ(rounded(h.like(1e6), DType::F16)->f, std::numeric_limits<double>::infinity());
}

TEST(KirSimplifyProperty, EveryDTypeKeepsItsValue) {
  for (std::uint32_t seed = 0; seed < 6000; ++seed) {
    Pool pool;
    Twins twins(pool, seed);
    const int d = static_cast<int>(seed % kNumDTypes);
    const Twin x = twins.make(d, 4);
    Evaluation simple(x.simple), given(x.given);
    RandomLeaves leaves(seed);
    for (int trial = 0; trial < 24; ++trial) {
      leaves.draw();
      const Value got = simple.run(leaves), want = given.run(leaves);
      ASSERT_TRUE(same(got, want, kDTypes[d]))
          << "seed " << seed << ": got " << got.i << ", " << got.f << "; want " << want.i << ", "
          << want.f << "\n"
          << to_string(x.given) << "\n"
          << to_string(x.simple);
      if (is_floating(kDTypes[d])) continue;
      ASSERT_LE(x.simple->lo, got.i) << "seed " << seed << "\n" << to_string(x.simple);
      ASSERT_GE(x.simple->hi, got.i) << "seed " << seed << "\n" << to_string(x.simple);
    }
  }
}

}  // namespace
}  // namespace lilith::kir
