#include <gtest/gtest.h>

#include <random>

#include "kernel_ir/evaluate.h"
#include "kernel_ir/kernel.h"

namespace lilith::kir {
namespace {

struct VarValues : Leaves {
  std::vector<std::int64_t> values;
  std::int64_t var(VarId id) override { return values[static_cast<std::size_t>(id)]; }
};

struct KirIndex : ::testing::Test {
  Pool pool;
  Expr i = pool.var(5, "i"), j = pool.var(8, "j"), k = pool.var(12, "k");
  Expr n(std::int64_t v) { return pool.integer(v); }
};

TEST_F(KirIndex, SumsAreCanonical) {
  EXPECT_EQ(i + j + k, k + (j + i));
  EXPECT_EQ((i + j) * 8, j * 8 + i * 8);
  EXPECT_EQ(i - i, n(0));
  EXPECT_EQ((i + 3) - (i + 1), n(2));
  EXPECT_EQ(i * 2 + i, i * 3);
  EXPECT_EQ(-(i - j), j - i);
}

TEST_F(KirIndex, AffineReadsTheSum) {
  const auto a = affine((i * 8 + j) * 12 + 5 + k * 12 - i);
  ASSERT_TRUE(a);
  EXPECT_EQ(a->constant, 5);
  EXPECT_EQ(a->coefficient(0), 95);
  EXPECT_EQ(a->coefficient(1), 12);
  EXPECT_EQ(a->coefficient(2), 12);
  EXPECT_FALSE(affine(i * j));
  EXPECT_FALSE(affine(floor_div(i, 2)));
}

TEST_F(KirIndex, DivAndModSplit) {
  const Expr flat = i * 8 + j;
  EXPECT_EQ(floor_div(flat, 8), i);
  EXPECT_EQ(floor_mod(flat, 8), j);
  EXPECT_EQ(floor_div(flat + 16, 8), i + 2);
  EXPECT_EQ(floor_div(i * 96 + j * 12 + k, 12), flat);
  EXPECT_EQ(floor_mod(i * 96 + j * 12 + k, 96), j * 12 + k);
  EXPECT_EQ(floor_div(i * 96 + j * 12 + k, 24), i * 4 + floor_div(j, 2));
  EXPECT_EQ(floor_mod(i * 4, 8), floor_mod(i, 2) * 4);
  EXPECT_EQ(floor_div(floor_div(flat, 3), 4), floor_div(flat, 12));
  EXPECT_EQ(floor_div(i * 2 + floor_div(j, 3), 4), floor_div(i * 6 + j, 12));
  EXPECT_EQ(floor_mod(floor_mod(flat, 12), 4), floor_mod(flat, 4));
}

TEST_F(KirIndex, SplitsRecombine) {
  const Expr x = pool.var(1000, "x");
  EXPECT_EQ(floor_div(x, 7) * 7 + floor_mod(x, 7), x);
  const Expr a = floor_div(x, 60), b = floor_mod(floor_div(x, 5), 12), c = floor_mod(x, 5);
  EXPECT_EQ((a * 12 + b) * 5 + c, x);
  EXPECT_EQ(a * 60 + (b * 5 + c), x);
  EXPECT_EQ(x - floor_div(x, 8) * 8.0, floor_mod(x, 8));
  EXPECT_EQ((x + i) * 3.0 - floor_div(x + i, 8) * 24.0 + 1.0, floor_mod(x + i, 8) * 3.0 + 1.0);
  // Through a reshape of (a, b, c) to other dimensions and back.
  const Expr flat = (a * 12 + b) * 5 + c;
  EXPECT_EQ(floor_div(flat, 10) * 10 + floor_mod(flat, 10), x);
}

TEST_F(KirIndex, ComparisonsFold) {
  const Expr yes = pool.integer(1, DType::Bool), no = pool.integer(0, DType::Bool);
  EXPECT_EQ(lt(i, n(5)), yes);
  EXPECT_EQ(le(n(0), j), yes);
  EXPECT_EQ(lt(i + j, i), no);
  EXPECT_EQ(ne(i + 1, i), yes);
  EXPECT_EQ(eq(i * 2, j * 4 + 1), no);
  EXPECT_EQ(lt(i * 8 + j, n(40)), yes);
  EXPECT_EQ(lt(i * 8 + j, n(24)), lt(i, n(3)));
  EXPECT_EQ(le(i * 2, n(5)), lt(i, n(3)));
  EXPECT_EQ(logical_not(lt(i, n(3))), lt(n(2), i));
  EXPECT_EQ(logical_and(lt(i, n(3)), lt(i, n(2))), lt(i, n(2)));
  EXPECT_EQ(pool.select(lt(i, n(9)), j, k), j);
  EXPECT_EQ(min(max(i - 1, n(-1)), n(3)), i - 1);
}

TEST_F(KirIndex, WrappingValuesAreLeftAlone) {
  const Expr x = pool.load(0, DType::I64, i);
  EXPECT_EQ(floor_div(x * 8, 8)->op, Op::FloorDiv);
  EXPECT_EQ(lt(x, x + 1)->op, Op::Lt);
  EXPECT_EQ(x + 1 - x, n(1));
}

TEST_F(KirIndex, SubstituteSimplifies) {
  const Expr flat = floor_div(k * 8 + j, 8);
  EXPECT_EQ(substitute(flat, {}), k);
  const Expr x = pool.var(96, "x");
  EXPECT_EQ(substitute(k * 8 + j, {Expr{}, floor_mod(x, 8), floor_div(x, 8)}), x);
}

/// Builds a random index expression twice: through the simplifier and as it stands.
class Twins {
 public:
  Twins(Pool& pool, std::vector<Expr> vars, std::uint32_t seed)
      : pool_(pool), vars_(std::move(vars)), rng_(seed) {}

  std::pair<Expr, Expr> number(int depth) {
    const int kind = depth == 0 ? roll(2) : roll(12);
    if (kind == 0)
      return twin(vars_[static_cast<std::size_t>(roll(static_cast<int>(vars_.size())))]);
    if (kind == 1) return twin(pool_.integer(roll(40) - 12));
    if (kind < 6) return binary(kind < 5 ? Op::Add : Op::Sub, number(depth - 1), number(depth - 1));
    if (kind == 6) return binary(Op::Mul, number(depth - 1), twin(pool_.integer(roll(20) - 5)));
    if (kind < 9) {
      const std::int64_t divisors[] = {1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 48, 96};
      return binary(kind == 7 ? Op::FloorDiv : Op::FloorMod, number(depth - 1),
                    twin(pool_.integer(divisors[roll(12)])));
    }
    if (kind == 9) return binary(roll(2) ? Op::Min : Op::Max, number(depth - 1), number(depth - 1));
    if (kind == 10)
      return binary(Op::Mul, number(depth - 1), number(depth - 2 < 0 ? 0 : depth - 2));
    const auto c = boolean(depth - 1), a = number(depth - 1), b = number(depth - 1);
    return {pool_.select(c.first, a.first, b.first),
            as_given(Op::Select, DType::I64, {c.second, a.second, b.second})};
  }

  std::pair<Expr, Expr> boolean(int depth) {
    const int kind = roll(depth > 0 ? 7 : 4);
    if (kind < 4) {
      static constexpr Op kOps[] = {Op::Eq, Op::Ne, Op::Lt, Op::Le};
      return binary(kOps[kind], number(depth > 0 ? depth - 1 : 0),
                    number(depth > 0 ? depth - 1 : 0), DType::Bool);
    }
    const auto a = boolean(depth - 1);
    if (kind == 6) {
      return {logical_not(a.first), as_given(Op::Not, DType::Bool, {a.second})};
    }
    return binary(kind == 4 ? Op::And : Op::Or, a, boolean(depth - 1), DType::Bool);
  }

 private:
  int roll(int n) { return static_cast<int>(rng_() % static_cast<std::uint32_t>(n)); }
  static std::pair<Expr, Expr> twin(Expr x) { return {x, x}; }
  Expr as_given(Op op, DType dtype, std::vector<Expr> args) {
    ExprNode node{};
    node.op = op;
    node.dtype = dtype;
    node.args = std::move(args);
    return pool_.intern(std::move(node));
  }
  std::pair<Expr, Expr> binary(Op op, std::pair<Expr, Expr> a, std::pair<Expr, Expr> b,
                               DType dtype = DType::I64) {
    return {pool_.make(op, dtype, {a.first, b.first}), as_given(op, dtype, {a.second, b.second})};
  }

  Pool& pool_;
  std::vector<Expr> vars_;
  std::mt19937 rng_;
};

TEST(KirIndexProperty, SimplifiedEqualsAsGiven) {
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    Pool pool;
    const std::vector<Expr> vars{pool.var(3, "i"), pool.var(4, "j"), pool.var(5, "k")};
    Twins twins(pool, vars, seed);
    const auto [simple, given] = seed % 3 == 0 ? twins.boolean(4) : twins.number(4);
    Evaluation a(simple), b(given);
    VarValues at;
    for (std::int64_t v = 0; v < 60; ++v) {
      at.values = {v % 3, v / 3 % 4, v / 12};
      const std::int64_t got = a.run(at).i, want = b.run(at).i;
      ASSERT_EQ(got, want) << "seed " << seed << "\n"
                           << to_string(given) << "\n"
                           << to_string(simple);
      ASSERT_LE(simple->lo, got) << "seed " << seed << "\n" << to_string(simple);
      ASSERT_GE(simple->hi, got) << "seed " << seed << "\n" << to_string(simple);
    }
  }
}

// Row-major unravelling through a chain of shapes and back is the identity.
TEST(KirIndexProperty, ReshapesCancel) {
  const std::vector<std::vector<std::int64_t>> shapes{{2, 3, 4, 5}, {6, 20}, {120},    {24, 5},
                                                      {2, 12, 5},   {4, 30}, {8, 3, 5}};
  for (const auto& from : shapes) {
    for (const auto& to : shapes) {
      Pool pool;
      std::vector<Expr> index;
      Expr flat = pool.integer(0);
      for (std::int64_t d : from) {
        index.push_back(pool.var(d, "v"));
        flat = flat * static_cast<double>(d) + index.back();
      }
      Expr rest = flat, again = pool.integer(0);
      std::vector<Expr> there;
      for (std::size_t d = to.size(); d-- > 0;) {
        there.insert(there.begin(), floor_mod(rest, to[d]));
        rest = floor_div(rest, to[d]);
      }
      for (std::size_t d = 0; d < to.size(); ++d) {
        again = again * static_cast<double>(to[d]) + there[d];
      }
      EXPECT_EQ(again, flat) << to_string(again) << " of " << to_string(flat);
    }
  }
}

}  // namespace
}  // namespace lilith::kir
