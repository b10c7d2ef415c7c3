#include "lilith/nn/lazy.h"

#include <gtest/gtest.h>

#include "lilith/lilith.h"
#include "lilith/nn/adaptive.h"

namespace lilith {
namespace {

struct Net {
  LazyConv2d conv{4, 3, {.padding = 1}};
  LazyBatchNorm2d norm;
  LazyLinear fc{5};
  Tensor operator()(Tensor x) { return fc(relu(norm(conv(x))).flatten(1)); }
};

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "none";
}

TEST(Lazy, TakesItsSizesFromTheFirstInput) {
  manual_seed(0);
  Net net;
  EXPECT_EQ(num_parameters(net), 0);
  EXPECT_FALSE(net.fc.made());
  EXPECT_EQ(net(rand({2, 3, 6, 6})).shape(), (Shape{2, 5}));
  EXPECT_EQ(net.conv->weight.shape(), (Shape{4, 3, 3, 3}));
  EXPECT_EQ(net.fc->weight.shape(), (Shape{5, 4 * 36}));
  std::vector<std::string> names;
  for (const auto& [name, t] : state_dict(net)) names.push_back(name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"conv.bias", "conv.weight", "fc.bias", "fc.weight",
                                      "norm.bias", "norm.num_batches_tracked", "norm.running_mean",
                                      "norm.running_var", "norm.weight"}));
  EXPECT_THROW(net(rand({2, 4, 6, 6})), Error);
}

TEST(Lazy, TrainsOnceItIsMade) {
  manual_seed(0);
  Net net;
  const Tensor x = rand({8, 3, 6, 6}), y = arange(8) % 5;
  auto loss_fn = [](Net& m, Tensor in, Tensor out) { return cross_entropy_loss(m(in), out); };
  EXPECT_NE(error_of([&] { grad(loss_fn, net, x, y); }).find("LazyConv2d: its first input sets"),
            std::string::npos);
  EXPECT_FALSE(net.conv.made());
  net(x);
  Adam opt({.lr = 1e-2});
  auto step = compile([&](Net& m, Adam& o, Tensor in, Tensor out) {
    auto [loss, g] = grad(loss_fn, m, in, out);
    update(o, m, g);
    return loss;
  });
  const float first = step(net, opt, x, y).item<float>();
  float last = first;
  for (int i = 0; i < 20; ++i) last = step(net, opt, x, y).item<float>();
  EXPECT_LT(last, first / 2);
}

TEST(Lazy, KeepsItsModeAndItsKindOfInput) {
  Net net;
  test_mode(net);
  net(rand({1, 3, 4, 4}));
  EXPECT_FALSE(net.norm->training);
  LazyBatchNorm1d norm;
  EXPECT_EQ(norm(rand({4, 6, 3})).shape(), (Shape{4, 6, 3}));
  EXPECT_EQ(norm->weight.shape(), (Shape{6}));
  LazyConvTranspose2d up(2, 2, {.stride = 2});
  EXPECT_EQ(up(rand({3, 4, 4})).shape(), (Shape{2, 8, 8}));  // without a batch
  const LazyLinear fc(3);
  EXPECT_NE(error_of([&] { fc(rand({2, 2})); }).find("it has no sizes yet"), std::string::npos);
  EXPECT_NE(error_of([&] { LazyConv2d(1, 3)(rand({4, 4})); }).find("need at least 3 dimensions"),
            std::string::npos);
}

TEST(AdaptiveLogSoftmax, GivesTheLogProbabilitiesOfItsTargets) {
  manual_seed(0);
  const AdaptiveLogSoftmaxWithLoss m(16, 20, {4, 10}, {.div_value = 2, .head_bias = true});
  EXPECT_EQ(m.head.weight.shape(), (Shape{6, 16}));
  const StateDict state = state_dict(m);
  EXPECT_EQ(state.at("tail.0.0.weight").shape(), (Shape{8, 16}));
  EXPECT_EQ(state.at("tail.1.0.weight").shape(), (Shape{4, 16}));
  EXPECT_EQ(state.at("tail.1.1.weight").shape(), (Shape{10, 4}));
  const Tensor x = randn({5, 16}), y = tensor({0, 3, 4, 9, 19});
  const Tensor all = m.log_prob(x);
  EXPECT_EQ(all.shape(), (Shape{5, 20}));
  EXPECT_TRUE(allclose(exp(all).sum(1), ones({5}), 1e-5, 1e-5));
  const auto [output, loss] = m(x, y);
  EXPECT_TRUE(allclose(output, gather(all, 1, y.unsqueeze(1)).squeeze(1), 1e-5, 1e-6));
  EXPECT_NEAR(loss.item<float>(), -output.mean().item<float>(), 1e-6);
  EXPECT_TRUE(equal(m.predict(x), all.argmax(1)));
  const auto one = m(x[4], y[4]);
  EXPECT_EQ(one.output.shape(), Shape{});
  EXPECT_NEAR(one.output.item<float>(), output[4].item<float>(), 1e-5);
}

TEST(AdaptiveLogSoftmax, TakesTargetsOfAnyIntegers) {
  const AdaptiveLogSoftmaxWithLoss m(16, 600, {300, 400});
  const Tensor x = randn({3, 16}), y = tensor({7, 200, 255});
  EXPECT_EQ(m(x, y.to(kUInt8)).loss.item<float>(), m(x, y).loss.item<float>());
}

TEST(AdaptiveLogSoftmax, HasGradients) {
  manual_seed(1);
  const AdaptiveLogSoftmaxWithLoss m(8, 9, {2, 5}, {.div_value = 2});
  const Tensor y = tensor({0, 4, 8}), x = randn({3, 8});
  const auto loss_fn = [&](Tensor in) { return m(in, y).loss; };
  const Tensor g = grad(loss_fn, x).second;
  constexpr double kStep = 1e-2;
  const Tensor direction = randn({3, 8});
  const double slope =
      (loss_fn(x + kStep * direction) - loss_fn(x - kStep * direction)).item() / (2 * kStep);
  EXPECT_NEAR((g * direction).sum().item(), slope, 1e-2 * std::abs(slope) + 1e-3);
}

TEST(AdaptiveLogSoftmax, RefusesWhatDoesNotFit) {
  EXPECT_NE(error_of([] {
              AdaptiveLogSoftmaxWithLoss(8, 9, {5, 2});
            }).find("cutoffs are [5,2]; need numbers that rise, from 1 to n_classes - 1 = 8"),
            std::string::npos);
  EXPECT_NE(error_of([] { AdaptiveLogSoftmaxWithLoss(3, 9, {2}); }).find("is less than 1"),
            std::string::npos);
  const AdaptiveLogSoftmaxWithLoss m(8, 9, {2});
  EXPECT_NE(error_of([&] {
              m(zeros({2, 8}), zeros({3}, {.dtype = DType::I64}));
            }).find("need [N, in_features] and integers [N]"),
            std::string::npos);
}

}  // namespace
}  // namespace lilith
