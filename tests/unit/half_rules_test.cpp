#include <gtest/gtest.h>

#include <cmath>

#include "lilith/lilith.h"

// What half precision promises to a user, beside the table of tests/ops: values do not depend on
// when they are stored, sums that fit do not overflow on the way, numbers take part as in PyTorch.
namespace lilith {
namespace {

class Half : public ::testing::TestWithParam<DType> {
 protected:
  DType d() const { return GetParam(); }
  // Held by a buffer, so that nothing is a constant.
  Tensor full_of(const Shape& shape, double v) const {
    Tensor t = full(shape, v, {.dtype = GetParam()});
    eval(t);
    return t;
  }
  Tensor one(double v) const { return full_of({1}, v); }
  static double value(const Tensor& t) { return t.to(kFloat64).item<double>(); }
  void expect_near(const Tensor& t, double want, double relative = 0) const {
    const double most = relative > 0 ? relative : d() == kFloat16 ? 0x1p-11 : 0x1p-8;
    EXPECT_NEAR(value(t), want, most * std::fabs(want)) << name(d());
  }
};

TEST_P(Half, AHandleHasOneValue) {
  Tensor x = tensor({1.0009765f, 3.14159265f, 1e-3f, 70000.f, 1e-9f});
  eval(x);
  Tensor u = x.to(d());
  const auto first = u.to(kFloat32).to_vector<float>();
  eval(u);
  EXPECT_EQ(u.to(kFloat32).to_vector<float>(), first);
  const auto compiled = compile([d = d()](Tensor x) { return x.to(d).to(kFloat32); });
  EXPECT_EQ(compiled(x).to_vector<float>(), first);
  EXPECT_NE(x.to_vector<float>(), first);
}

TEST_P(Half, EachOpRounds) {
  const Tensor big = one(300), a = one(256), b = one(1);
  EXPECT_EQ(value((a + b) - a), d() == kFloat16 ? 1 : 0);
  EXPECT_EQ(std::isinf(value(big * big / big)), d() == kFloat16);
  // The same through a view, a select and a reduction.
  const Tensor sum = (full_of({2, 2}, 256) + full_of({2, 2}, 1)).t();
  EXPECT_EQ(value((sum.reshape({4}) - 256).sum()), d() == kFloat16 ? 4 : 0);
}

TEST_P(Half, WideNumbersRoundOnce) {
  // A little above the middle of two neighbours; f32 does not see the little.
  const double unit = d() == kFloat16 ? 0x1p-10 : 0x1p-7;
  Tensor x = tensor({1 + unit / 2 + 0x1p-40}, {.dtype = kFloat64});
  eval(x);
  EXPECT_EQ(value(x.to(d())), 1 + unit);
  EXPECT_EQ(value(x.to(d()) * one(1)), 1 + unit);
  Tensor n = tensor({(std::int64_t{1} << 31) + (std::int64_t{1} << 23) + 1}, {.dtype = kInt64});
  eval(n);
  EXPECT_EQ(value(n.to(d())), d() == kFloat16 ? INFINITY : 0x1p31 + 0x1p24);
}

TEST_P(Half, SumsThatFitDoNotOverflow) {
  const Tensor x = (arange(1024) - 511.5).to(d());
  expect_near(mean(ones({100000}, {.dtype = d()})), 1);
  expect_near(mean(full_of({1000}, 300)), 300);
  expect_near(sum(ones({4096}, {.dtype = d()})), 4096);
  expect_near(norm(full_of({4}, 300)), 600);
  expect_near(norm(full_of({4}, 1e-4)), 2e-4, 0.01);
  expect_near(lilith::std(x), 295.747, 0.01);
  expect_near(var_mean(full_of({1000}, 300)).second, 300);
  expect_near(layer_norm(x, {1024}).max(), 1.7303, 0.01);
  const Tensor image = x.reshape({1, 4, 16, 16});
  expect_near(group_norm(image, 1).max(), 1.7303, 0.01);
  expect_near(instance_norm(x.reshape({1, 1, 1024})).max(), 1.7303, 0.01);
  expect_near(batch_norm(x.reshape({1024, 1}), {}, {}, {}, {}, true).max(), 1.7303, 0.01);
  expect_near(mse_loss(full_of({8}, 200), full_of({8}, 0)), 40000);
  expect_near(huber_loss(full_of({8}, 200), full_of({8}, 0), Reduction::Mean, 200), 20000);
  expect_near(softmax(zeros({8192}, {.dtype = d()}), 0).sum(), 1);
  expect_near(logsumexp(zeros({8192}, {.dtype = d()}), 0), std::log(8192.0));
  expect_near(normalize(full_of({1, 4}, 300), 2, 1).max(), 0.5);
  expect_near(cosine_similarity(full_of({1, 4}, 300), full_of({1, 4}, 300)).sum(), 1);
  expect_near(pairwise_distance(full_of({1, 4}, 300), full_of({1, 4}, 0)).sum(), 600);
  expect_near(cumsum(ones({4096}, {.dtype = d()}), 0)[-1], 4096);
  expect_near(matmul(ones({1, 4096}, {.dtype = d()}), ones({4096, 1}, {.dtype = d()})), 4096);
  expect_near(hypot(one(300), one(400)), 500);
  expect_near(addcmul(one(-30000), one(300), one(300)), 60000);
  expect_near(addcdiv(one(1), one(300), one(1e-3), 1e-3), 1 + 300 / value(one(1e-3)) * 1e-3, 0.01);
  expect_near(avg_pool2d(full_of({1, 1, 16, 16}, 300), 16).sum(), 300);
  expect_near(adaptive_avg_pool1d(full_of({1, 1, 301}, 300), 2)[0][0][0], 300);
  expect_near(addmm(full_of({1, 1}, -40000), full_of({1, 1}, 300), full_of({1, 1}, 300)), 50000);
  expect_near(linear(full_of({1, 1}, 300), full_of({1, 1}, 300), one(-40000)).sum(), 50000);
  expect_near(conv1d(full_of({1, 1, 1}, 300), full_of({1, 1, 1}, 300), one(-40000)).sum(), 50000);
  expect_near(einsum("i,i,i->", {full_of({4}, 300), full_of({4}, 300), full_of({4}, 1e-2)}),
              4 * 90000 * value(one(1e-2)));
  expect_near(pow(one(0.01), 3) * 1, std::pow(value(one(0.01)), 3), 0.05);
}

TEST_P(Half, RowsAddUpInF32) {
  // 1000 rows into one of a table: one by one in half they would stop at 256 or 2048.
  const Tensor index = zeros({3000}, {.dtype = kInt64});
  const Tensor src = ones({3000}, {.dtype = d()});
  expect_near(index_add(zeros({2}, {.dtype = d()}), 0, index, src)[0], 3000);
  expect_near(scatter_add(zeros({2}, {.dtype = d()}), 0, index, src)[0], 3000);
  const Tensor table = zeros({2, 1}, {.dtype = d()});
  const auto [y, g] = grad([&](const Tensor& w) { return embedding(index, w).sum(); }, table);
  expect_near(g[0][0], 3000);
}

TEST_P(Half, GradientsFitToo) {
  Tensor x = (arange(1024) - 511.5).to(d());
  eval(x);
  const auto by_std = grad([](const Tensor& x) { return lilith::std(x); }, x).second;
  expect_near(by_std[1023], 511.5 / 1023 / 295.747, 0.01);
  const auto by_norm = grad([](const Tensor& x) { return norm(x); }, full_of({4}, 300)).second;
  expect_near(by_norm[0], 0.5);
  const auto by_mse =
      grad([this](const Tensor& x) { return mse_loss(x, full_of({8}, 0)); }, full_of({8}, 200))
          .second;
  expect_near(by_mse[0], 50);
  const auto by_tanh = grad([](const Tensor& x) { return tanh(x).sum(); }, one(1.5)).second;
  const double t = std::tanh(1.5);
  expect_near(by_tanh, 1 - t * t, 0.02);
}

TEST_P(Half, NumbersTakePartInF32) {
  const Tensor x = one(3);
  const auto held = [this](double v) { return value(one(v)); };
  for (const double c : {0.1, 1000.5}) {
    const double f = static_cast<double>(static_cast<float>(c));
    EXPECT_EQ(value(x * c), held(3 * f));
    EXPECT_EQ(value(x / c), held(3 / f));
    EXPECT_EQ(value(c - x), held(f - 3));
    EXPECT_EQ(value(x * full({}, c)), held(3 * f));
    // Compared, a number is what the dtype holds.
    EXPECT_TRUE(eq(one(c), c).item<bool>());
    EXPECT_FALSE(lt(one(c), c).item<bool>() || gt(one(c), c).item<bool>());
    EXPECT_EQ((x * c).dtype(), d());
    const auto f2 = compile([c](Tensor x) { return x * c; });
    EXPECT_EQ(value(f2(x)), held(3 * f));
  }
  EXPECT_EQ(value(x * 1001), held(3003));
  EXPECT_EQ(value(add(x, x, 0.1)), held(3 + 3 * held(0.1)));
}

TEST_P(Half, RandomNumbersStayBelowOne) {
  manual_seed(0);
  const Tensor u = rand({1'000'000}, {.dtype = d()});
  EXPECT_EQ(eq(u, 1).to(kInt64).sum().item<std::int64_t>(), 0);
  EXPECT_LT(value(u.max()), 1);
  EXPECT_NEAR(value(u.to(kFloat64).mean()), 0.5 - (d() == kFloat16 ? 0x1p-12 : 0x1p-9), 1e-3);
  EXPECT_FALSE(any(isinf(log(1 - u))).item<bool>());
  EXPECT_TRUE(all(isfinite(randn({1'000'000}, {.dtype = d()}))).item<bool>());
  Tensor t = zeros({200'000}, {.dtype = d()});
  init::uniform_(t, 1, 2);
  EXPECT_GE(value(t.min()), 1);
  EXPECT_LT(value(t.max()), 2);
  init::uniform_(t, -2, -1);
  EXPECT_LT(value(t.max()), -1);
  // A coin of any weight, not of the levels that a half has.
  const Tensor p = full({1'000'000}, 1e-4, {.dtype = d()});
  EXPECT_NEAR(value(bernoulli(p).to(kFloat64).mean()), 1e-4, 4e-5);
}

struct Net {
  Tensor w;
};

TEST_P(Half, OptimisersComputeInF32) {
  // eps is 0 in f16, and g^2 underflows: nothing becomes infinite or NaN, the step is lr.
  Net net{one(1)};
  Adam opt({.lr = 1e-2});
  for (int i = 0; i < 3; ++i) update(opt, net, Net{one(1e-4)});
  EXPECT_EQ(net.w.dtype(), d());
  EXPECT_TRUE(std::isfinite(value(net.w)));
  EXPECT_LT(value(net.w), 1);
  EXPECT_GT(value(net.w), 0.5);
  Net still{one(1)};
  Adam other({.lr = 1e-2});
  update(other, still, Net{one(0)});
  EXPECT_EQ(value(still.w), 1);
  Net grads{full_of({4}, 300)};
  expect_near(clip_grad_norm_(as_gradients(grads), 60), 600);
  expect_near(grads.w[0], 30);
}

TEST_P(Half, MetricsTakeHalves) {
  const Tensor scores = tensor({{0.1f, 0.9f}, {0.8f, 0.2f}}).to(d());
  EXPECT_EQ(accuracy(scores, tensor({1, 1})), 0.5);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, Half, ::testing::Values(kFloat16, kBFloat16),
                         [](const auto& info) { return std::string(name(info.param)); });

TEST(HalfRules, UniformF32KeepsItsBits) {
  manual_seed(42);
  const auto v = rand({4}).to_vector<float>();
  for (const float u : v) EXPECT_EQ(u * 16777216.0f, std::floor(u * 16777216.0f));
}

}  // namespace
}  // namespace lilith
