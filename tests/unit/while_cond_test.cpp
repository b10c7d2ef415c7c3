#include <gtest/gtest.h>

#include <tuple>

#include "lilith/compile.h"
#include "lilith/loops.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "loops_check.h"

// while_loop and cond; scan has loops_test.cpp.
namespace lilith {
namespace {

TEST(WhileLoop, RunsAsLongAsItIsTrue) {
  const auto collatz = [](const Tensor& n) {
    return while_loop([](const std::tuple<Tensor, Tensor>& c) { return std::get<0>(c) != 1; },
                      [](const std::tuple<Tensor, Tensor>& c) {
                        const auto& [n, steps] = c;
                        return std::tuple(where(n % 2 == 0, floor_divide(n, 2), 3 * n + 1),
                                          steps + 1);
                      },
                      std::tuple(n, tensor(std::int64_t{0})));
  };
  for (const auto& [n, steps] : {std::pair(1, 0), {2, 1}, {6, 8}, {27, 111}}) {
    const auto [one, count] = collatz(tensor(std::int64_t{n}));
    EXPECT_EQ(count.item<std::int64_t>(), steps);
    EXPECT_EQ(one.item<std::int64_t>(), 1);
  }
  auto compiled = compile(collatz);
  EXPECT_EQ(std::get<1>(compiled(tensor(std::int64_t{27}))).item<std::int64_t>(), 111);
}

TEST(WhileLoop, CapturesAndManyThreads) {
  const Tensor w = randn({128, 128}) * 0.05, limit = tensor(1e-2f);
  Tensor x = randn({128, 128});
  const Tensor got = while_loop([&](const Tensor& x) { return x.abs().max() > limit; },
                                [&](const Tensor& x) { return matmul(x, w); }, x);
  while (x.abs().max().item<float>() > 1e-2f) x = matmul(x, w);
  expect_near(got, x, 1e-4);
  EXPECT_NE(testing::error_text([&] {
              grad(
                  [&](const Tensor& x) {
                    return while_loop([](const Tensor& x) { return x < 3; },
                                      [](const Tensor& x) { return x * 2; }, x);
                  },
                  tensor(1.f));
            }).find("'while_loop' has no vjp: the number of its steps is not known"),
            std::string::npos);
}

TEST(Cond, ComputesOneBranch) {
  const auto f = [](const Tensor& x) {
    return cond(
        x.sum() > 0, [](const Tensor& x) { return sqrt(x) * 2; },
        [](const Tensor& x) { return x * x; }, x);
  };
  expect_near(f(full({3}, 4.0)), full({3}, 4.0));
  expect_near(f(full({3}, -3.0)), full({3}, 9.0));
  auto compiled = compile(f);
  expect_near(compiled(full({3}, 4.0)), full({3}, 4.0));
  expect_near(compiled(full({3}, -3.0)), full({3}, 9.0));
  // The other branch leaves no NaN behind.
  const auto gradient = [&](const Tensor& x) {
    return grad([&](const Tensor& x) { return f(x).sum(); }, x).second;
  };
  expect_near(gradient(full({3}, 4.0)), full({3}, 0.5));
  expect_near(gradient(full({3}, -3.0)), full({3}, -6.0));
}

TEST(Cond, StructsCapturesAndErrors) {
  const Tensor a = randn({4}), b = randn({4}), yes = tensor(true);
  const auto [x, y] =
      cond(yes, [&] { return std::tuple(a + 1, b); }, [&] { return std::tuple(b, a * 2); });
  expect_near(x, a + 1);
  expect_near(y, b);
  const auto g = grad(
      [&](const Tensor& a) {
        return cond(logical_not(yes), [&] { return a.sum(); }, [&] { return (a * b).sum(); });
      },
      a);
  expect_near(g.second, b);
  EXPECT_NE(testing::error_text([&] {
              cond(yes, [&] { return a; }, [&] { return a.sum(); });
            }).find("cond: the value is f32[4] in one branch and f32[] in the other"),
            std::string::npos);
  EXPECT_NE(testing::error_text([&] {
              cond(a, [&] { return a; }, [&] { return b; });
            }).find("cond: the predicate is f32[4]; need bool[]"),
            std::string::npos);
}

TEST(Cond, InsideOfAScan) {
  const auto f = [](const Tensor& xs) {
    return scan(
               [](const Tensor& s, const Tensor& x) {
                 return cond(x > 0, [&] { return s + x; }, [&] { return s * x; });
               },
               ones({}, {.dtype = kFloat64}), xs)
        .carry;
  };
  const Tensor xs = tensor({1.0, -2.0, 3.0, 0.5, -1.5}).to(kFloat64);
  EXPECT_DOUBLE_EQ(f(xs).item<double>(), ((1 + 1) * -2.0 + 3 + 0.5) * -1.5);
  EXPECT_TRUE(gradcheck(f, xs));
}

// What a loop reads is row-major in memory, whatever the order in which a kernel writes it.

}  // namespace
}  // namespace lilith
