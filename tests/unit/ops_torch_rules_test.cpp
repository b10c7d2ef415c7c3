// Rules of PyTorch's that an op's ordinary samples do not meet: bounds, kinks, spellings.
#include <gtest/gtest.h>

#include <cmath>

#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "support/values.h"

namespace lilith {
namespace {

using testing::Doubles, testing::doubles, testing::f64, testing::i64;

std::vector<std::int64_t> longs(const Tensor& t) { return t.to_vector<std::int64_t>(); }
template <class F>
Doubles gradient(F f, const Doubles& x) {
  return doubles(grad([&](Tensor t) { return f(t).sum(); }, f64(x)).second);
}

TEST(TorchRules, FloatsBecomeBytesByWayOfI64) {
  const Tensor bytes = f64({-1.5, -4.9, 255, 257.2, 3}).to(kUInt8);
  EXPECT_EQ(bytes.to_vector<std::uint8_t>(), (std::vector<std::uint8_t>{255, 252, 255, 1, 3}));
}

TEST(TorchRules, BoundsOfLogitClampAndSoftshrink) {
  const double high = std::log(0.6 / 0.4);
  EXPECT_NEAR(doubles(logit(f64({0.1, 0.9}), 0.6))[0], high, 1e-15);
  EXPECT_NEAR(doubles(logit(f64({0.1, 0.9}), 0.6))[1], -high, 1e-15);
  EXPECT_TRUE(std::isnan(gradient([](Tensor t) { return logit(t); }, {1.5})[0]));
  EXPECT_TRUE(std::isnan(doubles(clamp_max(f64({1}), f64({NAN})))[0]));
  EXPECT_TRUE(std::isnan(doubles(clamp_min(f64({NAN}), 0))[0]));
  EXPECT_TRUE(std::isnan(doubles(softshrink(f64({NAN})))[0]));
}

TEST(TorchRules, DifferencesAndTrapezoids) {
  EXPECT_EQ(doubles(diff(f64({1, 4}), 0, -1, f64({9}), f64({9}))), (Doubles{1, 4}));
  EXPECT_EQ(doubles(trapezoid(f64({1, 2, 4}), f64({0, 1, 3}))), (Doubles{7.5}));
  const Tensor y = f64({1, 2, 4, 0, 1, 1}).reshape({3, 2});
  EXPECT_EQ(doubles(trapezoid(y, f64({0, 1, 3}), 0)), (Doubles{2.5 + 5, 1 + 1}));
}

TEST(TorchRules, AllAndAnyOverSeveralDimensions) {
  const Tensor x = f64({1, 0, 1, 1, 1, 1, 1, 1}).reshape({2, 2, 2});
  EXPECT_EQ(doubles(all(x, {0, 2})), (Doubles{0, 1}));
  EXPECT_EQ(any(x, {0, 1}, true).shape(), (Shape{1, 1, 2}));
}

// torch.range has its end where the steps meet it: floor((end - start) / step) + 1 numbers.
TEST(TorchRules, RangeEndsWhereItsStepsDo) {
  const auto numbers = [](const Tensor& t) { return t.to_vector<float>(); };
  using Floats = std::vector<float>;
  EXPECT_EQ(numbers(range(0, 1.8)), (Floats{0, 1}));
  EXPECT_EQ(numbers(range(0, 2)), (Floats{0, 1, 2}));
  EXPECT_EQ(numbers(range(1, -2, -1.5)), (Floats{1, -0.5, -2}));
  EXPECT_EQ(numbers(range(1, -1.9, -1.5)), (Floats{1, -0.5}));
  EXPECT_EQ(range(0, 1, 0.1).numel(), 11);
  EXPECT_EQ(range(0, 0.3, 0.1).numel(), 3);  // 0.3 / 0.1 is below 3
  EXPECT_EQ(numbers(range(4, 4)), (Floats{4}));
}

TEST(TorchRules, IndicesFromTheEndMasksAndNone) {
  const Tensor x = f64({1, 2, 3});
  EXPECT_EQ(doubles(take_along_dim(x, i64({-1, 0}), 0)), (Doubles{3, 1}));
  EXPECT_EQ(gather(x, 0, zeros({2, 0}, {.dtype = kInt64})).shape(), (Shape{2, 0}));
  const Tensor mask = gt(x, 1);
  EXPECT_EQ(doubles(index_put(x, {mask}, f64({7, 8}))), (Doubles{1, 7, 8}));
  EXPECT_EQ(doubles(x.index({mask})), (Doubles{2, 3}));
  EXPECT_EQ(doubles(repeat_interleave(x, i64({0, 2, 1}))), (Doubles{2, 2, 3}));
  EXPECT_EQ(doubles(repeat_interleave(x, i64({2}))), (Doubles{1, 1, 2, 2, 3, 3}));
  EXPECT_THROW(repeat_interleave(x, i64({1, 2})), Error);
  EXPECT_THROW(repeat_interleave(x, i64({1, -2, 1})), Error);
  EXPECT_THROW(repeat_interleave(x, i64({INT64_MAX})), Error);
  EXPECT_THROW(trapezoid(tensor(3.0)), Error);
  EXPECT_THROW(trapezoid(tensor(3.0), tensor(3.0)), Error);
}

TEST(TorchRules, PoolingGivesIndices) {
  const Tensor x = f64({0, 5, 5, 1, 2, 5, 9, 8, 7, 6, 4, 3}).reshape({1, 3, 4});
  const auto [values, at] = max_pool2d_with_indices(x, 2, 1, 1, 2);
  EXPECT_EQ(values.shape(), at.shape());
  EXPECT_EQ(doubles(x.reshape({12}).index({at.reshape({at.numel()})})),
            doubles(values.reshape({values.numel()})));
  // Of equals the first in row-major order, whether or not the sizes divide.
  const Tensor same = ones({1, 3, 5}, {.dtype = kFloat64});
  EXPECT_EQ(longs(adaptive_max_pool2d_with_indices(same, {2, 2}).second.reshape({4})),
            (std::vector<std::int64_t>{0, 2, 5, 7}));
  const auto pooled = [](Tensor t) { return adaptive_max_pool2d(t.reshape({1, 3, 5}), {2, 2}); };
  EXPECT_EQ(gradient(pooled, Doubles(15, 1)),
            (Doubles{1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0}));
  const Tensor line = f64({1, 3, 2, 8}).reshape({1, 4});
  EXPECT_EQ(longs(max_pool1d_with_indices(line, 2).second.reshape({2})),
            (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ(longs(adaptive_max_pool1d_with_indices(line, 2).second.reshape({2})),
            (std::vector<std::int64_t>{1, 3}));
}

TEST(TorchRules, TensordotRepeatsASizeOfOne) {
  const Tensor a = f64({2, 3}).reshape({1, 2}), b = f64({1, 10, 100}).reshape({3, 1});
  EXPECT_EQ(doubles(tensordot(a, b, {0}, {0})), (Doubles{222, 333}));
  const Tensor row = ones({1, 2}, {.dtype = kInt32}), column = ones({3, 1}, {.dtype = kInt32});
  EXPECT_EQ(tensordot(row, column, {0}, {0}).dtype(), kInt32);
}

TEST(TorchRules, InterpolateRecomputesTheScale) {
  const Tensor x = arange(4).to(kFloat64).reshape({1, 1, 4});
  const InterpolateOptions given{.scale_factor = {1.7}};
  InterpolateOptions again = given;
  again.recompute_scale_factor = true;
  EXPECT_EQ(doubles(interpolate(x, given)), (Doubles{0, 0, 1, 1, 2, 2}));
  EXPECT_EQ(doubles(interpolate(x, again)), (Doubles{0, 0, 1, 2, 2, 3}));
  EXPECT_EQ(interpolate(x.to(kUInt8), given).dtype(), kUInt8);
}

TEST(TorchRules, GradientsWhereTheFirstFactorIsZero) {
  const auto slope = [](Tensor t) { return xlogy(t, full_like(t, 0.5)); };
  EXPECT_NEAR(gradient(slope, {0})[0], std::log(0.5), 1e-15);
  EXPECT_EQ(gradient([](Tensor t) { return xlogy(t, zeros_like(t)); }, {0})[0], 0);
  const auto slope1 = [](Tensor t) { return xlog1py(t, full_like(t, -0.25)); };
  EXPECT_NEAR(gradient(slope1, {0})[0], std::log1p(-0.25), 1e-15);
}

TEST(TorchRules, LargeLevelsKeepTheGradientOfLogcumsumexp) {
  const Tensor g = grad([](Tensor t) { return logcumsumexp(t, 0).sum(); }, full({4}, 1e4)).second;
  const std::vector<float> expected{1 + 1 / 2.f + 1 / 3.f + 1 / 4.f, 1 / 2.f + 1 / 3.f + 1 / 4.f,
                                    1 / 3.f + 1 / 4.f, 1 / 4.f};
  for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(g.to_vector<float>()[k], expected[k], 1e-6);
  EXPECT_EQ(doubles(logcumsumexp(f64({-INFINITY, -INFINITY, 0}), 0)),
            (Doubles{-INFINITY, -INFINITY, 0}));
}

TEST(TorchRules, PolygammaFarBelowZero) {
  // psi_2(x) = psi_2(x + 1) - 2 / x^3.
  const double x = -40.3;
  const Doubles y = doubles(polygamma(2, f64({x, x + 1})));
  EXPECT_NEAR(y[0], y[1] - 2 / (x * x * x), 1e-9);
  EXPECT_GT(std::abs(y[0]), 1);
}

TEST(TorchRules, SumsOfIntegers) {
  const Tensor i = ones({2, 3}, {.dtype = kInt32});
  EXPECT_EQ(sum_to_size(i, {1, 3}).dtype(), kInt64);
  EXPECT_EQ(sum_to_size(i, {2, 3}).dtype(), kInt32);
  EXPECT_EQ(longs(arange(0, 5.000001, 2.5, {.dtype = kInt64})),
            (std::vector<std::int64_t>{0, 2, 4}));
}

}  // namespace
}  // namespace lilith
