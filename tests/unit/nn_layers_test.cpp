#include <gtest/gtest.h>

#include <cmath>

#include "lilith/io.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using testing::error_text;

struct Net {
  Conv2d conv1{1, 4, 3, {.stride = 2, .padding = {1, 1}, .bias = false}};
  BatchNorm2d bn{4};
  Sequential head{Flatten{}, Linear{16, 3}, ReLU{}, [](Tensor x) { return x * 2; }, Dropout{0.25}};
};

std::vector<std::string> keys(const StateDict& dict) {
  std::vector<std::string> out;
  for (const auto& [key, value] : dict) out.push_back(key);
  return out;
}

TEST(Layers, StateDictHasTorchsKeysAndShapes) {
  const Net net;
  EXPECT_EQ(keys(state_dict(net)),
            (std::vector<std::string>{"bn.bias", "bn.num_batches_tracked", "bn.running_mean",
                                      "bn.running_var", "bn.weight", "conv1.weight", "head.1.bias",
                                      "head.1.weight"}));
  EXPECT_EQ(net.conv1.weight.shape(), (Shape{4, 1, 3, 3}));
  EXPECT_FALSE(net.conv1.bias.defined());
  EXPECT_EQ(ConvTranspose2d(3, 8, {2, 3}).weight.shape(), (Shape{3, 8, 2, 3}));
  EXPECT_EQ(Conv3d(4, 6, 3, {.groups = 2}).weight.shape(), (Shape{6, 2, 3, 3, 3}));
  EXPECT_EQ(net.bn.num_batches_tracked.dtype(), DType::I64);
  const LSTM lstm(2, 3, {.num_layers = 2, .bidirectional = true});
  EXPECT_EQ(state_dict(lstm).count("weight_hh_l1_reverse"), 1u);
  EXPECT_EQ(state_dict(lstm).at("weight_ih_l1").shape(), (Shape{12, 6}));
}

TEST(Layers, DefaultValuesLieInTorchsRange) {
  const Linear linear(64, 400);
  const double bound = 1 / std::sqrt(64.0);
  for (const Tensor& t : {linear.weight, linear.bias}) {
    const auto v = t.to_vector<float>();
    const auto [low, high] = std::minmax_element(v.begin(), v.end());
    EXPECT_GE(*low, -bound);
    EXPECT_LE(*high, bound);
    EXPECT_LT(*low, -0.9 * bound);
    EXPECT_GT(*high, 0.9 * bound);
  }
  const auto v = Embedding(3, 2, {.padding_idx = -1}).weight.to_vector<float>();
  EXPECT_EQ(v[4], 0);
  EXPECT_EQ(v[5], 0);
  EXPECT_NE(v[0], 0);
}

TEST(Layers, ModesReachEveryLayer) {
  Net net;
  EXPECT_TRUE(net.bn.training);
  test_mode(net);
  EXPECT_FALSE(net.bn.training);
  EXPECT_FALSE(net.head[-1].as<Dropout>()->training);
  train_mode(net);
  EXPECT_TRUE(net.head[-1].as<Dropout>()->training);
}

TEST(Layers, SequentialIsAValue) {
  Sequential a{Linear{2, 3}, ReLU{}};
  Sequential b = a;
  b[0].as<Linear>()->bias = full({3}, 5.0, TensorOptions{});
  EXPECT_NE(a[0].as<Linear>()->bias.to_vector<float>()[0], 5.f);
  EXPECT_EQ(a.size(), 2u);
  EXPECT_EQ(a[0].as<ReLU>(), nullptr);
  EXPECT_EQ(a[1].type().name, "ReLU");
  a.push_back(Linear{3, 1});
  EXPECT_EQ(a(ones({4, 2})).shape(), (Shape{4, 1}));
  int linears = 0;
  for (auto& layer : a) linears += layer.as<Linear>() != nullptr;
  EXPECT_EQ(linears, 2);
  EXPECT_NE(error_text([&] { a[3]; }).find("Sequential: no layer 3; it has 3."), std::string::npos);
}

TEST(Layers, SequentialThatKeepsStateIsNotConst) {
  const Sequential s{Linear{2, 3}, BatchNorm1d{3}};
  EXPECT_NE(error_text([&] { s(ones({4, 2})); }).find("BatchNorm1d keeps state"),
            std::string::npos);
  Sequential t = s;
  EXPECT_EQ(t(ones({4, 2})).shape(), (Shape{4, 3}));
}

TEST(Layers, BatchNormFollowsTheBatch) {
  BatchNorm1d bn(1);
  const Tensor x = tensor({{1.f}, {2.f}, {3.f}, {6.f}});
  bn(x);
  EXPECT_NEAR(bn.running_mean.item<double>(), 0.3, 1e-6);
  EXPECT_NEAR(bn.running_var.item<double>(), 0.9 + 0.1 * 14.0 / 3, 1e-6);
  EXPECT_EQ(bn.num_batches_tracked.item<int>(), 1);
  BatchNorm1d cumulative(1, {.momentum = std::nullopt});
  cumulative(x);
  cumulative(x + 2);
  EXPECT_NEAR(cumulative.running_mean.item<double>(), 4.0, 1e-5);
  EXPECT_NEAR(cumulative.running_var.item<double>(), 14.0 / 3, 1e-5);
  test_mode(bn);
  bn(x);
  EXPECT_EQ(bn.num_batches_tracked.item<int>(), 1);
  EXPECT_NE(
      error_text([&] { BatchNorm2d(3)(x); }).find("BatchNorm2d: x is f32[4,1]; need [N,C,H,W]."),
      std::string::npos);
}

TEST(Layers, PaddingModesAgreeWithPaddingByHand) {
  Conv1d conv(1, 1, 3, {.padding = 1, .padding_mode = PadMode::Replicate});
  conv.weight = ones({1, 1, 3});
  conv.bias = zeros({1});
  const Tensor y = conv(tensor({{{1.f, 2.f, 4.f}}}));
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{4, 7, 10}));
}

TEST(Layers, InstanceNormNormalisesEachChannel) {
  InstanceNorm1d norm(2, {.track_running_stats = true});
  const Tensor x = tensor({{{1.f, 3.f}, {5.f, 5.f}}, {{2.f, 6.f}, {0.f, 8.f}}});
  const auto y = norm(x).to_vector<float>();
  EXPECT_NEAR(y[0], -1, 1e-4);
  EXPECT_NEAR(y[2], 0, 1e-4);
  EXPECT_NEAR(y[7], 1, 1e-4);
  EXPECT_NEAR(norm.running_mean.to_vector<float>()[0], 0.3, 1e-6);
  EXPECT_NEAR(norm.running_var.to_vector<float>()[0], 0.9 + 0.1 * (2 + 8) / 2, 1e-6);
}

TEST(Layers, PadsAndShuffles) {
  const Tensor x = tensor({{{{1.f, 2.f}, {3.f, 4.f}}}});
  EXPECT_EQ(ZeroPad2d{1}(x).shape(), (Shape{1, 1, 4, 4}));
  EXPECT_EQ((ReplicationPad2d{{1, 0, 0, 0}}(x).to_vector<float>()),
            (std::vector<float>{1, 1, 2, 3, 3, 4}));
  EXPECT_EQ(PixelUnshuffle{2}(x).shape(), (Shape{1, 4, 1, 1}));
  EXPECT_EQ(PixelShuffle{2}(PixelUnshuffle{2}(x)).to_vector<float>(), x.to_vector<float>());
  EXPECT_NE(error_text([] { ReflectionPad2d({1, 2, 3}); }).find("takes 1 or 4 numbers; got 3"),
            std::string::npos);
}

TEST(Layers, BadConfigurationsAreErrors) {
  EXPECT_NE(error_text([] { Conv2d(3, 4, 3, {.groups = 2}); }).find("groups must divide"),
            std::string::npos);
  EXPECT_NE(
      error_text([] { Conv2d(3, 4, {3, 3, 3}); }).find("kernel_size takes 1 or 2 numbers; got 3"),
      std::string::npos);
  EXPECT_NE(
      error_text([] { Conv2d(3, 4, 3, {.stride = 2, .padding = "same"}); }).find("needs stride 1"),
      std::string::npos);
  EXPECT_NE(error_text([] { MultiheadAttention(5, 2); }).find("must divide embed_dim"),
            std::string::npos);
  EXPECT_NE(
      error_text([] { RNN(2, 3, {.nonlinearity = "sigmoid"}); }).find("need 'tanh' or 'relu'"),
      std::string::npos);
}

TEST(Layers, ABadOptionDrawsNothing) {
  manual_seed(4);
  const float expected = rand({1}).item<float>();
  manual_seed(4);
  error_text([] { RNN(2, 3, {.nonlinearity = "sigmoid"}); });
  error_text([] { RNNCell(2, 3, {.nonlinearity = "sigmoid"}); });
  EXPECT_EQ(rand({1}).item<float>(), expected);
}

TEST(Layers, ResetParametersDrawsWhatANewOneHas) {
  const auto is_within = [](const Tensor& t, double bound) {
    const double most = t.abs().max().item();
    return most <= bound && most > bound / 2;
  };
  Linear linear(16, 64);
  linear.weight.fill_(3), linear.bias.fill_(3);
  linear.reset_parameters();
  EXPECT_TRUE(is_within(linear.weight, 0.25) && is_within(linear.bias, 0.25));
  Conv2d conv(4, 64, 2);
  conv.weight.fill_(3);
  conv.reset_parameters();
  EXPECT_TRUE(is_within(conv.weight, 0.25));
  ConvTranspose2d transposed(64, 4, 2);
  transposed.weight.fill_(3);
  transposed.reset_parameters();
  EXPECT_TRUE(is_within(transposed.weight, 0.25));
  Embedding embedding(10, 8, {.padding_idx = 2});
  embedding.weight.fill_(7);
  embedding.reset_parameters();
  EXPECT_EQ(embedding.weight[2].abs().max().item(), 0);
  EXPECT_LT(embedding.weight.abs().max().item(), 6);
  EXPECT_GT(embedding.weight[0].abs().max().item(), 0);
  BatchNorm2d norm(3);
  norm(randn({8, 3, 4, 4}) + 5);
  norm.weight.fill_(2), norm.bias.fill_(2);
  norm.reset_parameters();
  EXPECT_EQ(norm.running_mean.to_vector<float>(), (std::vector<float>(3, 0)));
  EXPECT_EQ(norm.running_var.to_vector<float>(), (std::vector<float>(3, 1)));
  EXPECT_EQ(norm.num_batches_tracked.item<int>(), 0);
  EXPECT_EQ(norm.weight.to_vector<float>(), (std::vector<float>(3, 1)));
  EXPECT_EQ(norm.bias.to_vector<float>(), (std::vector<float>(3, 0)));
  LayerNorm layer(4);
  layer.weight.fill_(3);
  layer.reset_parameters();
  EXPECT_EQ(layer.weight.to_vector<float>(), (std::vector<float>(4, 1)));
  LSTM lstm(3, 16, 2);
  for (auto& w : lstm.weights) w.weight_hh.fill_(9);
  lstm.reset_parameters();
  EXPECT_TRUE(is_within(lstm.weights[1].weight_hh, 0.25));
  GRUCell cell(3, 16);
  cell.bias_hh.fill_(9);
  cell.reset_parameters();
  EXPECT_TRUE(is_within(cell.bias_hh, 0.25));
  EXPECT_EQ(cell.weight_ih.shape(), (Shape{48, 3}));
}

TEST(ModelFiles, SaveAndLoadKeepEveryValue) {
  const testing::TempDir dir;
  const std::string path = dir.file("net.safetensors");
  const Net a;
  Net b;
  save(a, path);
  load(b, path);
  EXPECT_EQ(a.conv1.weight.to_vector<float>(), b.conv1.weight.to_vector<float>());
  EXPECT_EQ(a.head[1].as<Linear>()->bias.to_vector<float>(),
            b.head[1].as<Linear>()->bias.to_vector<float>());
  Sequential wrong{Flatten{}, Linear{8, 3}};
  struct Wide {
    Sequential head;
  } wide{wrong};
  EXPECT_NE(error_text([&] { load(wide, path, {.strict = false}); })
                .find("load: 'head.1.weight' is f32[3,16] in net.safetensors, the model "
                      "wants f32[3,8]."),
            std::string::npos)
      << error_text([&] { load(wide, path, {.strict = false}); });
  const std::string all = error_text([&] { load(wide, path); });
  for (const char* part : {"load: net.safetensors: 7 keys do not fit the model", "misshapen",
                           "unexpected", "conv1.weight"})
    EXPECT_NE(all.find(part), std::string::npos) << all;
}

}  // namespace
}  // namespace lilith
