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

}  // namespace
}  // namespace lilith
