// Where fresh samples of PyTorch's operators disagreed: integers, nothing, what is infinite.
#include <gtest/gtest.h>

#include <cmath>

#include "lilith/lilith.h"
#include "support/expect_error.h"
#include "support/values.h"

namespace lilith {
namespace {

using testing::doubles, testing::expect_near, testing::f64, testing::i64, testing::longs;
using testing::Doubles, testing::Longs;

Tensor u8(const Longs& v) { return i64(v).to(kUInt8); }
template <class F>
Doubles slope(F f, const Doubles& x) {
  return doubles(grad([&](Tensor t) { return f(t).sum(); }, f64(x)).second);
}

TEST(TorchEdges, AveragesOfIntegersAreCut) {
  const Tensor x = i64({1, 2, 5, -7, -4, 0}).reshape({1, 1, 6});
  const Tensor y = avg_pool1d(x, 2);
  EXPECT_EQ(y.dtype(), kInt64);
  EXPECT_EQ(longs(y), (Longs{1, -1, -2}));
  EXPECT_EQ(longs(avg_pool1d(x, 3, 3, 1, false, false)), (Longs{1, -2}));
  const Tensor image = arange(16).reshape({1, 1, 4, 4});
  EXPECT_EQ(longs(avg_pool2d(image, 2)), (Longs{2, 4, 10, 12}));
}

TEST(TorchEdges, IntegersInNormsAndDistances) {
  const Tensor x = i64({1, 2, 3, 4, 5, 6}).reshape({1, 3, 2});
  expect_near(local_response_norm(x, 2), {1, 1.9997, 2.9989, 3.9970, 4.9936, 5.9883}, 1e-4);
  // u8 wraps: 1 - 2 is 255.
  const Tensor far = pairwise_distance(u8({1, 2, 250}), u8({2, 1, 1}));
  EXPECT_EQ(far.dtype(), kFloat32);
  expect_near(far, {356.4085}, 1e-5);
  expect_near(
      margin_ranking_loss(i64({1, 2, 3}), i64({2, 1, 1}), i64({1, -1, 1}), 0.5, Reduction::None),
      {1.5, 1.5, 0});
  const Tensor a = i64({1, 2, 3, 4}).reshape({1, 4}), b = a + 1, c = a - 3;
  expect_near(triplet_margin_loss(a, b, c), {0});
  expect_near(triplet_margin_loss(a, c, b), {5});
}

TEST(TorchEdges, IntegersInActivations) {
  expect_near(tanhshrink(i64({1, 2})), {1 - std::tanh(1), 2 - std::tanh(2)});
  expect_near(softsign(u8({1, 3})), {0.5, 0.75});
  // -x of u8 is 256 - x.
  expect_near(softmin(u8({1, 2, 255}), 0), {0.7310586, 0.2689414, 0});
}

TEST(TorchEdges, BytesAreResampledAndRounded) {
  const Tensor x = (arange(16) * 16).to(kUInt8).reshape({1, 1, 4, 4});
  const Tensor y = interpolate(x, {.size = {3, 5}, .mode = "bilinear"});
  EXPECT_EQ(y.dtype(), kUInt8);
  EXPECT_EQ(longs(y), (Longs{11, 22, 35, 48, 59, 96, 107, 120, 133, 144, 181, 192, 205, 218, 229}));
}

TEST(TorchEdges, IntegersInProductsAndSums) {
  const Tensor m = i64({1, 2, 3, 4, 5, 6}).reshape({2, 3});
  EXPECT_EQ(longs(addmv(ones({2}, {.dtype = kInt64}), m, m[0], 1.9, 1.6)), (Longs{15, 33}));
  EXPECT_EQ(einsum("ij->i", {m.to(kUInt8)}).dtype(), kInt64);
  EXPECT_EQ(einsum("ij->ji", {m.to(kUInt8)}).dtype(), kUInt8);
  EXPECT_EQ(einsum("ij,j->i", {m.to(kUInt8), m[0].to(kUInt8)}).dtype(), kUInt8);
  EXPECT_EQ(longs(einsum("ij->", {u8({200, 100}).reshape({1, 2})})), (Longs{300}));
  const Tensor a = i64({1, 2, 3, 4}).reshape({2, 2});
  for (const double factor : {double{NAN}, double{INFINITY}, 1e30, 0x1p63}) {
    EXPECT_THROW(addmm(a, a, a, 1, factor), Error) << factor;
    EXPECT_THROW(addmm(a, a, a, factor), Error) << factor;
  }
  EXPECT_ERROR_HERE(addmm(a.to(kInt32), a.to(kInt32), a.to(kInt32), 1, 3e9),
                    "addmm: alpha is 3000000000 for i32; need a number that it holds");
}

TEST(TorchEdges, TrapezoidsOfIntegersWrap) {
  expect_near(trapezoid(u8({200, 100, 250}), 0.5), {(44 + 94) * 0.25});
  expect_near(trapezoid(u8({200, 100, 250}), u8({1, 2, 9})), {95});
  expect_near(cumulative_trapezoid(u8({200, 100, 250}), u8({1, 2, 9})), {22, 95});
}

TEST(TorchEdges, CountsOfIntegersBetweenFractions) {
  EXPECT_EQ(longs(arange(-0.9, 2.1, 2.0, {.dtype = kInt64})), (Longs{0, 2}));
  EXPECT_EQ(longs(arange(0.1, 2.9, 1, {.dtype = kInt64})), (Longs{0, 1, 2}));
  EXPECT_EQ(longs(linspace(4.3, 1, 3, {.dtype = kUInt8})), (Longs{4, 2, 1}));
  EXPECT_EQ(longs(logspace(4.3, 1.2, 2, 2, {.dtype = kInt64})), (Longs{16, 2}));
  EXPECT_EQ(longs(logspace(0, 4, 5, 10, {.dtype = kInt64})), (Longs{1, 10, 100, 1000, 10000}));
  // Cut, however large: 10^7.5 is 31622776.6.
  EXPECT_EQ(longs(logspace(6, 9, 7, 10, {.dtype = kInt64})),
            (Longs{1000000, 3162277, 10000000, 31622776, 100000000, 316227766, 1000000000}));
  EXPECT_EQ(longs(logspace(0, 18, 19, 10, {.dtype = kInt64}))[15], 1000000000000000);
  EXPECT_EQ(vander(u8({2, 3})).dtype(), kInt64);
  EXPECT_EQ(longs(linalg::vander(u8({2, 100}), 3)), (Longs{1, 2, 4, 1, 100, 10000}));
  EXPECT_EQ(doubles(linalg::vander(tensor(3.0), 3)), (Doubles{1, 3, 9}));
}

TEST(TorchEdges, NormsOfNothing) {
  for (const double ord : {1.0, 2.0, double{INFINITY}})
    EXPECT_EQ(doubles(linalg::norm(zeros({0, 0}), ord)), (Doubles{0})) << ord;
  EXPECT_EQ(linalg::norm(zeros({0, 0}), 2, {}, true).shape(), (Shape{1, 1}));
  EXPECT_EQ(linalg::lstsq(zeros({3, 0, 2}), zeros({3, 0, 2})).singular_values.shape(),
            (Shape{3, 0}));
  EXPECT_EQ(aminmax(tensor(2.0), 0, true).first.shape(), Shape{});
  EXPECT_NEAR(kl_div(tensor(1.0), tensor(2.0), "batchmean").item<double>(), 2 * std::log(2.0) - 2,
              1e-6);
}

TEST(TorchEdges, HypotOfWhatIsInfinite) {
  const Doubles y = doubles(hypot(f64({INFINITY, NAN, 3, NAN}), f64({NAN, -INFINITY, 4, 1})));
  EXPECT_EQ(y[0], INFINITY);
  EXPECT_EQ(y[1], INFINITY);
  EXPECT_EQ(y[2], 5);
  EXPECT_TRUE(std::isnan(y[3]));
}

TEST(TorchEdges, SlopesOfSincNearZero) {
  for (const double x : {0.0, 1e-6, 1e-3, 0.1, 0.159, 0.16, 0.3, -0.01}) {
    const double t = M_PI * x;
    const double want = std::abs(t) < 1e-2 ? -M_PI * t / 3 * (1 - t * t / 10 + t * t * t * t / 280)
                                           : M_PI * (std::cos(t) / t - std::sin(t) / (t * t));
    EXPECT_NEAR(slope([](Tensor v) { return sinc(v); }, {x})[0], want, 1e-12) << x;
    const Tensor narrow =
        grad([](Tensor v) { return sinc(v).sum(); }, f64({x}).to(kFloat32)).second;
    EXPECT_NEAR(narrow.item<double>(), want, 1e-6) << x;
  }
}

TEST(TorchEdges, SlopesOfBesselFunctions) {
  using F = Tensor (*)(const Arg&);
  for (const F f : {special::bessel_j0, special::bessel_j1, special::bessel_y0, special::bessel_y1,
                    special::modified_bessel_k0, special::modified_bessel_k1,
                    special::scaled_modified_bessel_k0, special::scaled_modified_bessel_k1}) {
    for (const double x : {0.5, 2.5, 7.0}) {
      const double h = 1e-5;
      const Doubles at = doubles(f(f64({x - h, x + h})));
      EXPECT_NEAR(slope([&](Tensor v) { return f(v); }, {x})[0], (at[1] - at[0]) / (2 * h), 1e-6)
          << x;
    }
  }
  EXPECT_EQ(slope([](Tensor v) { return special::bessel_j1(v); }, {0})[0], 0.5);
  EXPECT_EQ(slope([](Tensor v) { return nextafter(v, 9.0); }, {1})[0], 1);
}

TEST(TorchEdges, TargetsRepeatForGaussians) {
  const Tensor x = arange(6.0).reshape({2, 3}), y = f64({1, 2, 3}).to(kFloat32);
  expect_near(gaussian_nll_loss(x, y, ones({2, 3}), {.reduction = Reduction::None}),
              {0.5, 0.5, 0.5, 2, 2, 2});
}

TEST(TorchEdges, SegmentsLeaveElementsOut) {
  const Tensor x = f64({1, 2, 3, 4, 5});
  expect_near(segment_reduce(x, "sum", {.offsets = i64({1, 3, 3, 4}), .unsafe = true}), {5, 0, 4});
  expect_near(segment_reduce(x, "max", {.lengths = i64({2, 1}), .unsafe = true}), {2, 3});
  EXPECT_THROW(eval(segment_reduce(x, "max", {.lengths = i64({2, 1})})), Error);
}

TEST(TorchEdges, SegmentsReachNoFurtherThanTheData) {
  const Tensor x = f64({1, 2, 3, 4, 5});
  expect_near(segment_reduce(x, "sum", {.lengths = i64({2, 0, 3})}), {3, 0, 12});
  EXPECT_ERROR_HERE(eval(segment_reduce(x, "sum", {.lengths = i64({2, 4})})),
                    "segment_reduce: index 6 is out of range; need 0 <= index < 6");
  EXPECT_THROW(eval(segment_reduce(x, "sum", {.lengths = i64({3, -1, 3})})), Error);
  EXPECT_THROW(eval(segment_reduce(x, "sum", {.offsets = i64({0, 2, 9})})), Error);
  EXPECT_THROW(eval(segment_reduce(x, "sum", {.offsets = i64({0, 4, 2, 5})})), Error);
  const Tensor nothing = zeros({0});
  expect_near(segment_reduce(nothing, "sum", {.lengths = i64({0, 0})}), {0, 0});
  EXPECT_THROW(eval(segment_reduce(nothing, "sum", {.lengths = i64({0, 2})})), Error);
  EXPECT_THROW(segment_reduce(x, "sum", {}), Error);
  EXPECT_THROW(segment_reduce(x, "sum", {.lengths = x}), Error);
  EXPECT_THROW(segment_reduce(x, "sum", {.lengths = i64({2, 3}).reshape({1, 2})}), Error);
  EXPECT_THROW(segment_reduce(i64({1, 2}), "sum", {.lengths = i64({2})}), Error);
}

TEST(TorchEdges, StridedScatter) {
  const Tensor x = zeros({3, 3}), src = arange(1.0, 5.0).reshape({2, 2});
  expect_near(as_strided_scatter(x, src, {2, 2}, {1, 2}, 1), {0, 1, 3, 2, 4, 0, 0, 0, 0});
  const auto f = [&](Tensor v) {
    return (as_strided_scatter(x.to(kFloat64), v.reshape({2, 2}), {2, 2}, {1, 2}, 1) *
            arange(9.0, TensorOptions{.dtype = kFloat64}).reshape({3, 3}));
  };
  EXPECT_EQ(slope(f, {1, 2, 3, 4}), (Doubles{1, 3, 2, 4}));
  EXPECT_THROW(as_strided_scatter(x, src, {2, 2}, {4, 4}, 1), Error);
  EXPECT_THROW(as_strided_scatter(x, src, {2, 3}, {1, 2}, 1), Error);
  EXPECT_THROW(as_strided_scatter(x, src, {2, 2}, {1}, 1), Error);
  constexpr std::int64_t kFar = std::int64_t{1} << 62;
  EXPECT_ERROR_HERE(as_strided_scatter(zeros({4}), ones({2}), {2}, {kFar}, kFar),
                    "as_strided_scatter: size [2], strides [4611686018427387904] and offset "
                    "4611686018427387904; need places below 2^63");
  EXPECT_THROW(as_strided(zeros({4}), {3}, {kFar}, 0), Error);
  EXPECT_EQ(as_strided(zeros({4}), {0}, {kFar}, kFar).shape(), (Shape{0}));
}

TEST(TorchEdges, GradientAtCoordinates) {
  const Tensor y = f64({1, 4, 9, 25}), at = f64({1, 2, 3, 5});  // x^2
  expect_near(gradient(y, std::vector<Tensor>{at})[0], {3, 4, 6, 8});
  expect_near(gradient(y, std::vector<Tensor>{at}, {0}, 2)[0], {2, 4, 6, 10});
  expect_near(gradient(y, std::vector<Tensor>{tensor(2.0)})[0], {1.5, 2, 5.25, 8});
  // Far from 0, where f32 holds no such coordinates; the slope is of their dtype too.
  const Tensor narrow = f64({1, 2, 4}).to(kFloat32);
  const Tensor far = gradient(narrow, std::vector<Tensor>{f64({16777216, 16777217, 16777219})})[0];
  EXPECT_EQ(far.dtype(), kFloat64);
  expect_near(far, {1, 1, 1});
  constexpr std::int64_t kFar = std::int64_t{1} << 53;
  const Tensor whole = gradient(narrow, std::vector<Tensor>{i64({kFar, kFar + 1, kFar + 3})})[0];
  EXPECT_EQ(whole.dtype(), kFloat32);
  expect_near(whole, {1, 1, 1});
  // Bytes go down as numbers do.
  expect_near(gradient(narrow, std::vector<Tensor>{u8({3, 2, 0})})[0], {-1, -1, -1});
  EXPECT_THROW(gradient(y, std::vector<Tensor>{f64({1, 2, 3})}), Error);
  EXPECT_THROW(gradient(y, std::vector<Tensor>{at.reshape({2, 2})}), Error);
  EXPECT_THROW(gradient(y, std::vector<Tensor>{at, at}), Error);
  EXPECT_THROW(gradient(y, std::vector<Tensor>{at}, {0}, 3), Error);
}

TEST(TorchEdges, IndicesOfFlatOnes) {
  const std::vector<Tensor> both = unravel_index(i64({22, 41, 37}), {7, 6});
  EXPECT_EQ(longs(both[0]), (Longs{3, 6, 6}));
  EXPECT_EQ(longs(both[1]), (Longs{4, 5, 1}));
  const Tensor x = i64({0, 5, 0, 7, 9, 0}).reshape({2, 3});
  EXPECT_EQ(longs(nonzero_static(x, 2)), (Longs{0, 1, 1, 0}));
  EXPECT_EQ(longs(nonzero_static(x, 4)), (Longs{0, 1, 1, 0, 1, 1, -1, -1}));
  EXPECT_EQ(nonzero_static(tensor(1.0), 2).shape(), (Shape{2, 0}));
  EXPECT_THROW(nonzero_static(x, -1), Error);
}

TEST(TorchEdges, IndicesNear2To63) {
  constexpr std::int64_t kFar = (std::int64_t{1} << 62) + 1;
  const std::vector<Tensor> one = unravel_index(i64({kFar, 7}), {kFar + 5});
  EXPECT_EQ(longs(one[0]), (Longs{kFar, 7}));
  const std::vector<Tensor> two = unravel_index(i64({kFar + 2}), {2147483659, 8589934593});
  EXPECT_EQ(longs(two[0]), (Longs{536870911}));
  EXPECT_EQ(longs(two[1]), (Longs{8053063684}));
  EXPECT_EQ(longs(unravel_index(i64({-1}), {2, 3})[1]), (Longs{2}));
  EXPECT_EQ(unravel_index(zeros({0}, {.dtype = kInt64}), {2, 0}).size(), 2u);
  EXPECT_THROW(unravel_index(i64({0}), {2, 0}), Error);
  EXPECT_THROW(unravel_index(i64({0}), {-2, 3}), Error);
  EXPECT_THROW(unravel_index(f64({0}), {2, 3}), Error);
  constexpr std::int64_t kOdd = (std::int64_t{1} << 60) + 1;
  EXPECT_EQ(longs(nonzero_static(i64({1, 0}), 3, kOdd)), (Longs{0, kOdd, kOdd}));
}

TEST(TorchEdges, AnglesAreOfTheirDtype) {
  EXPECT_EQ(doubles(angle(f64({-1, 2}))), (Doubles{M_PI, 0}));
}

TEST(TorchEdges, Masked) {
  namespace masked = pytorch::masked;
  const Tensor x = f64({1, 2, 3, 4, 5, 6}).reshape({2, 3});
  const Tensor mask = i64({1, 0, 1, 0, 0, 0}).to(kBool).reshape({2, 3});
  EXPECT_EQ(doubles(masked::sum(x, 1, {.mask = mask})), (Doubles{4, 0}));
  EXPECT_EQ(doubles(masked::prod(x, {0, 1}, {.mask = mask})), (Doubles{3}));
  EXPECT_EQ(doubles(masked::amax(x, 1, {.mask = mask})), (Doubles{3, -INFINITY}));
  EXPECT_EQ(doubles(masked::mean(x, {}, {.mask = mask})), (Doubles{2}));
  EXPECT_EQ(doubles(masked::var(x, {}, 1, {.mask = mask})), (Doubles{2}));
  EXPECT_EQ(doubles(masked::median(x, 0, {.mask = mask}))[2], 3);
  EXPECT_EQ(longs(masked::argmax(-x, {}, {.mask = mask})), (Longs{0}));
  EXPECT_EQ(doubles(masked::softmax(x * 0, 1, {.mask = mask}))[0], 0.5);
  EXPECT_EQ(doubles(masked::cumsum(x, 1, {.mask = mask[0]})), (Doubles{1, 1, 4, 4, 4, 10}));
  const auto norm = [&](Tensor v) { return masked::norm(v, 2, {}, {.mask = mask[0]}); };
  expect_near(f64(slope(norm, {3, 9, 4})), {0.6, 0, 0.8}, 1e-12);
  EXPECT_THROW(masked::sum(x, 1, {.mask = mask.t()}), Error);
  EXPECT_ERROR_HERE(masked::sum(x, 1, {.mask = mask.to(kInt64)}),
                    "masked::sum: x is f64[2,3], mask i64[2,3]; need bool that broadcasts to x");
  EXPECT_THROW(masked::prod(x, {0, 0}, {.mask = mask}), Error);
  EXPECT_THROW(masked::median(i64({1, 2}), 0), Error);
  EXPECT_EQ(doubles(masked::prod(x, {1, 0}, {.keepdim = true, .mask = mask})), (Doubles{3}));
  EXPECT_EQ(masked::prod(x, {1, 0}, {.keepdim = true, .mask = mask}).shape(), (Shape{1, 1}));
}

TEST(TorchEdges, MaskedIntegers) {
  namespace masked = pytorch::masked;
  const Tensor mask = i64({1, 0, 1}).to(kBool);
  const double whole = std::log(std::exp(1) + std::exp(3)), low = std::exp(1 - whole);
  for (const DType dtype : {kInt8, kUInt8, kInt16, kInt32, kInt64}) {
    const Tensor x = i64({1, 2, 3}).to(dtype);
    expect_near(masked::softmax(x, 0, {.mask = mask}), {low, 0, 1 - low});
    expect_near(masked::softmin(x, 0, {.mask = mask}), {1 - low, 0, low});
    EXPECT_EQ(doubles(masked::log_softmax(x, 0, {.mask = mask}))[1], -INFINITY);
    expect_near(masked::logaddexp(x, x, {.input_mask = mask, .other_mask = logical_not(mask)}),
                {1, 2, 3});
    // PyTorch's results are of x's dtype.
    const Tensor sum = masked::logsumexp(x, 0, {.mask = mask});
    EXPECT_EQ(sum.dtype(), dtype);
    EXPECT_EQ(longs(sum), (Longs{3}));
    expect_near(masked::logsumexp(x, 0, {.dtype = kFloat64, .mask = mask}), {whole}, 1e-12);
    EXPECT_EQ(masked::cumsum(x, 0, {.mask = mask}).dtype(), dtype);
    EXPECT_EQ(longs(masked::cumsum(x, 0, {.mask = mask})), (Longs{1, 1, 4}));
    EXPECT_EQ(masked::cumprod(x, 0, {.mask = mask}).dtype(), dtype);
    EXPECT_EQ(longs(masked::cumprod(x, 0, {.mask = mask})), (Longs{1, 1, 3}));
    EXPECT_EQ(longs(masked::amax(x, 0, {.mask = mask})), (Longs{3}));
    expect_near(masked::var(x, 0, 1, {.mask = mask}), {2});
    EXPECT_THROW(masked::mean(x, {}, {.mask = mask}), Error);
    EXPECT_THROW(masked::mean(x), Error);
    expect_near(masked::mean(x, {}, {.dtype = kFloat32, .mask = mask}), {2});
  }
  const Tensor truth = i64({1, 1, 0}).to(kBool);
  expect_near(masked::softmax(truth, 0, {.mask = mask}),
              {1 / (1 + std::exp(-1)), 0, 1 / (1 + std::exp(1))});
  const Tensor none = masked::softmax(u8({1, 2}), 0, {.mask = i64({0, 0}).to(kBool)});
  EXPECT_TRUE(std::isnan(doubles(none)[0]));
  // In the dtype of both.
  expect_near(masked::logaddexp(i64({1}), f64({0.1}), {.other_mask = i64({0}).to(kBool)}), {1},
              1e-15);
  EXPECT_EQ(masked::logaddexp(i64({1}), f64({0.1})).dtype(), kFloat64);
}

TEST(TorchEdges, WhatAMaskHidesHasNoGradient) {
  namespace masked = pytorch::masked;
  const Tensor mask = i64({1, 0, 1, 1}).to(kBool);
  for (const double hidden : {double{INFINITY}, double{NAN}, -double{INFINITY}}) {
    const auto var = [&](Tensor v) { return masked::var(v, {}, 1, {.mask = mask}); };
    const auto std = [&](Tensor v) { return masked::std(v, {}, 1, {.mask = mask}); };
    const auto mean = [&](Tensor v) { return masked::mean(v, {}, {.mask = mask}); };
    expect_near(f64(slope(var, {1, hidden, 3, 5})), {-2, 0, 0, 2}, 1e-12);
    expect_near(f64(slope(std, {1, hidden, 3, 5})), {-0.5, 0, 0, 0.5}, 1e-12);
    expect_near(f64(slope(mean, {1, hidden, 3, 5})), {1. / 3, 0, 1. / 3, 1. / 3}, 1e-12);
    // Flat where all are equal, as the unmasked one is.
    EXPECT_EQ(slope(std, {2, hidden, 2, 2}), (Doubles{0, 0, 0, 0}));
  }
}

TEST(TorchEdges, MaskedHalvesAreRoundedOnce) {
  namespace masked = pytorch::masked;
  const Tensor wide = arange(300.0).to(kFloat64) * 7 + 500;
  const Tensor mask = arange(300) % 3 == 0;
  for (const DType dtype : {kFloat16, kBFloat16}) {
    const Tensor x = wide.to(dtype), exact = x.to(kFloat64);
    const auto same = [&](const Tensor& got, const Tensor& want) {
      EXPECT_EQ(got.dtype(), dtype);
      EXPECT_EQ(doubles(got), doubles(want.to(kFloat32).to(dtype)));
    };
    same(masked::mean(x, {}, {.mask = mask}), masked::mean(exact, {}, {.mask = mask}));
    same(masked::std(x, {}, 1, {.mask = mask}), masked::std(exact, {}, 1, {.mask = mask}));
    same(masked::var(x / 16, {}, 1, {.mask = mask}),
         masked::var((x / 16).to(kFloat64), {}, 1, {.mask = mask}));
  }
}

}  // namespace
}  // namespace lilith
