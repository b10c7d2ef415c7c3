#include "lilith/ops/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ir/node.h"
#include "ir/reference.h"
#include "lilith/ops.h"
#include "ops/random_key.h"

namespace lilith::testing {
namespace {

double mean_of(const std::vector<double>& v) {
  return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
}
double var_of(const std::vector<double>& v) {
  const double m = mean_of(v);
  double sum = 0;
  for (double x : v) sum += (x - m) * (x - m);
  return sum / static_cast<double>(v.size());
}
std::vector<double> wide(const Tensor& t) { return cast(t, kFloat64).to_vector<double>(); }

TEST(Random, SeedDecidesAndDrawsDiffer) {
  manual_seed(7);
  const auto a = rand({100}).to_vector<float>(), b = rand({100}).to_vector<float>();
  manual_seed(7);
  EXPECT_EQ(rand({100}).to_vector<float>(), a);
  EXPECT_EQ(rand({100}).to_vector<float>(), b);
  EXPECT_NE(a, b);
}

TEST(Random, StateIsSavedAndRestored) {
  manual_seed(3);
  static_cast<void>(rand({5}));
  const RngState state = rng_state();
  const auto a = randn({8}).to_vector<float>();
  set_rng_state(state);
  EXPECT_EQ(randn({8}).to_vector<float>(), a);
}

TEST(Random, AnElementDependsOnItsIndexAlone) {
  manual_seed(1);
  const auto small = rand({10}).to_vector<float>();
  manual_seed(1);
  const auto large = rand({100, 3}).to_vector<float>();
  EXPECT_TRUE(std::equal(small.begin(), small.end(), large.begin()));
}

TEST(Random, UniformMoments) {
  manual_seed(0);
  for (DType dtype : {kFloat32, kFloat64}) {
    const auto v = wide(rand({40000}, {.dtype = dtype}));
    EXPECT_GE(*std::min_element(v.begin(), v.end()), 0);
    EXPECT_LT(*std::max_element(v.begin(), v.end()), 1);
    EXPECT_NEAR(mean_of(v), 0.5, 0.01);
    EXPECT_NEAR(var_of(v), 1.0 / 12, 0.002);
  }
}

TEST(Random, NormalMoments) {
  manual_seed(0);
  for (DType dtype : {kFloat32, kFloat64}) {
    const auto v = wide(randn({40000}, {.dtype = dtype}));
    EXPECT_NEAR(mean_of(v), 0, 0.02);
    EXPECT_NEAR(var_of(v), 1, 0.03);
    const auto beyond =
        std::count_if(v.begin(), v.end(), [](double x) { return std::fabs(x) > 1.96; });
    EXPECT_NEAR(static_cast<double>(beyond) / 40000, 0.05, 0.005);
  }
}

TEST(Random, IntegersCoverTheirRange) {
  manual_seed(0);
  const auto v = randint(-2, 3, {5000}).to_vector<std::int64_t>();
  for (std::int64_t k = -2; k < 3; ++k) EXPECT_NEAR(std::count(v.begin(), v.end(), k), 1000, 150);
  EXPECT_EQ(*std::max_element(v.begin(), v.end()), 2);
}

TEST(Random, PermutationIsTheSameInAGraph) {
  manual_seed(5);
  const std::int64_t key = ops::take_host_key();
  manual_seed(5);
  const auto host = randperm(50).to_vector<std::int64_t>();
  auto sorted = host;
  std::sort(sorted.begin(), sorted.end());
  for (std::int64_t i = 0; i < 50; ++i) EXPECT_EQ(sorted[static_cast<std::size_t>(i)], i);
  ops::KeyScope scope([&](std::int64_t) { return tensor(key); });
  EXPECT_EQ(randperm(50).to_vector<std::int64_t>(), host);
}

TEST(Random, HostAndGraphFoldAlike) {
  const std::int64_t key = 0x123456789abcdef;
  ops::KeyScope scope([&](std::int64_t site) { return tensor(key + site); });
  const auto compiled = rand({9}).to_vector<float>();
  ops::KeyScope again([&](std::int64_t site) { return tensor(key + site); });
  const RefTensor reference = ir::interpret(Graph({}, {rand({9})}), {})[0];
  for (std::size_t k = 0; k < compiled.size(); ++k)
    EXPECT_FLOAT_EQ(compiled[k], static_cast<float>(reference.f[k]));
}

TEST(Random, DropoutKeepsTheMean) {
  manual_seed(0);
  const auto v = wide(dropout(ones({40000}), 0.3));
  EXPECT_NEAR(mean_of(v), 1, 0.02);
  EXPECT_NEAR(static_cast<double>(std::count(v.begin(), v.end(), 0.0)) / 40000, 0.3, 0.01);
  EXPECT_EQ(dropout(ones({4}), 0.3, false).to_vector<float>(), std::vector<float>(4, 1.0f));
}

TEST(Random, BernoulliFollowsItsProbabilities) {
  manual_seed(0);
  EXPECT_EQ(wide(bernoulli(tensor({0.0f, 1.0f}))), (std::vector<double>{0, 1}));
  EXPECT_NEAR(mean_of(wide(bernoulli(full({20000}, 0.25)))), 0.25, 0.01);
  // One probability for a tensor of whole numbers, which has none of its own.
  const Tensor whole = bernoulli(zeros({20000}, kInt64), 0.25);
  EXPECT_EQ(whole.dtype(), kInt64);
  EXPECT_NEAR(mean_of(wide(whole.to(kFloat64))), 0.25, 0.01);
  EXPECT_NEAR(mean_of(wide(bernoulli(zeros({20000}, kBFloat16), 0.3).to(kFloat64))), 0.3, 0.01);
}

}  // namespace
}  // namespace lilith::testing
