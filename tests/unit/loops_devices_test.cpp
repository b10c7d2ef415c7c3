#include <set>

#include "lilith/lilith.h"
#include "support/on_opencl.h"

// Loops on a device whose launcher runs none.
namespace lilith {
namespace {

using LoopsOnOpenCl = testing::OnOpenCl;

void expect_near(const Tensor& a, const Tensor& b) {
  const std::vector<float> x = a.to(cpu()).to_vector<float>(), y = b.to_vector<float>();
  ASSERT_EQ(x.size(), y.size());
  for (std::size_t k = 0; k < x.size(); ++k) EXPECT_NEAR(x[k], y[k], 1e-5);
}

TEST_F(LoopsOnOpenCl, ScansAndTheirGradients) {
  const GRU here{4, 5};
  const GRU rnn = to(opencl(0), clone(here));
  const Tensor x = randn({6, 2, 4});
  const auto loss = [](const GRU& m, const Tensor& x) { return m(x).output.pow(2).sum(); };
  const auto [l, g] = grad(loss, rnn, x.to(opencl(0)));
  const auto [right, gradient] = grad(loss, here, x);
  expect_near(l, right);
  expect_near(g.weights[0].weight_hh, gradient.weights[0].weight_hh);
}

TEST_F(LoopsOnOpenCl, WhileLoopsAndBranches) {
  const auto f = [](const Tensor& x) {
    const Tensor doubled = while_loop([](const Tensor& x) { return x.sum() < 100; },
                                      [](const Tensor& x) { return x * 2; }, x);
    return cond(doubled.sum() > 120, [&] { return doubled + 1; }, [&] { return doubled - 1; });
  };
  for (const double start : {1.0, 1.2}) {
    const Tensor x = full({4}, start);
    expect_near(f(x.to(opencl(0))), f(x));
  }
}

// A branch draws anew at each call, and inside of a compiled function too.
TEST_F(LoopsOnOpenCl, BranchesThatDraw) {
  const auto f = [](const Tensor& x) {
    const auto drawn = [](const Tensor& x) { return x + rand_like(x); };
    return cond(x.sum() > 0, drawn, drawn, x);
  };
  const auto compiled = compile(f);
  const Tensor here = ones({4}), there = here.to(opencl(0));
  const auto run = [&] {
    manual_seed(3);
    return cat({f(here), f(here), f(there).to(cpu()), compiled(here), compiled(here)});
  };
  const std::vector<float> x = run().to_vector<float>();
  EXPECT_EQ(x, run().to_vector<float>());
  EXPECT_EQ(std::set<float>(x.begin(), x.end()).size(), x.size());
  for (const float v : x) EXPECT_TRUE(v >= 1 && v < 2);
}

// Keys and the number of the step lie where the carry does.
TEST_F(LoopsOnOpenCl, Draws) {
  const auto noisy = [](const Tensor& x) {
    manual_seed(3);
    const Tensor sum =
        scan([](const Tensor& c, const Tensor& row) { return std::pair(c + rand_like(row), row); },
             x[0], x)
            .carry;
    return while_loop([](const Tensor& s) { return s.sum() < 100; },
                      [](const Tensor& s) { return s + rand_like(s); }, sum);
  };
  const Tensor x = ones({3, 4});
  expect_near(noisy(x.to(opencl(0))), noisy(x));
  const Tensor rate = tensor({1.f, 30.f}).to(opencl(0));
  EXPECT_TRUE((poisson(rate) >= 0).all().item<bool>());
  EXPECT_TRUE((distributions::Gamma(rate, 1.0).sample() > 0).all().item<bool>());
}

}  // namespace
}  // namespace lilith
