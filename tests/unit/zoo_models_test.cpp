// The models of the zoo as layers: shapes, names, and what each promises.
#include <gtest/gtest.h>
#include <lilith/lilith.h>

#include "zoo/char_lstm/model.h"
#include "zoo/dcgan/model.h"
#include "zoo/gpt/model.h"
#include "zoo/realnvp/model.h"
#include "zoo/resnet/model.h"
#include "zoo/unet_diffusion/model.h"
#include "zoo/vit/model.h"

namespace lilith {
namespace {

zoo::GptConfig small_gpt() {
  return {.symbols = 7, .length = 8, .width = 16, .heads = 2, .blocks = 2};
}

TEST(Zoo, GptSeesNothingOfWhatFollows) {
  manual_seed(0);
  const zoo::Gpt net(small_gpt());
  const Tensor a = net(tensor({{1, 2, 3, 4}})), b = net(tensor({{1, 2, 6, 5}}));
  EXPECT_EQ(a.shape(), (Shape{1, 4, 7}));
  EXPECT_TRUE(allclose(a.slice(1, 0, 2), b.slice(1, 0, 2), 1e-5, 1e-6));
  EXPECT_FALSE(allclose(a.slice(1, 2), b.slice(1, 2), 1e-3, 1e-3));
  EXPECT_TRUE(equal(net.lm_head.weight, net.wte.weight));
  // 7 x 16 symbols, 8 x 16 places, two blocks, the last norm; the head is the embedding.
  const std::int64_t block =
      4 * 16 + (16 * 48 + 48) + (16 * 16 + 16) + (16 * 64 + 64) + (64 * 16 + 16);
  EXPECT_EQ(num_parameters(net), 7 * 16 + 8 * 16 + 2 * block + 2 * 16);
}

TEST(Zoo, GptLearnsASequence) {
  manual_seed(0);
  zoo::Gpt net(small_gpt());
  AdamW optimizer({.lr = 1e-2});
  const Tensor x = arange(8).reshape({1, 8}) % 7, y = (x + 1) % 7;
  double first = 0, last = 0;
  auto step = compile([](zoo::Gpt& m, AdamW& opt, const Tensor& in, const Tensor& out) {
    auto [loss, g] =
        grad([](const zoo::Gpt& n, const Tensor& a,
                const Tensor& b) { return cross_entropy_loss(n(a).flatten(0, 1), b.flatten()); },
             m, in, out);
    update(opt, m, std::move(g));
    return loss;
  });
  for (int i = 0; i < 30; ++i) {
    last = step(net, optimizer, x, y).item<float>();
    if (i == 0) first = last;
  }
  EXPECT_LT(last, first / 4);
  EXPECT_TRUE(equal(net.lm_head.weight, net.wte.weight));
}

TEST(Zoo, CharLstmGoesOnFromItsState) {
  manual_seed(0);
  const zoo::CharLstm net(5, 4, 6);
  const Tensor x = tensor({{1, 4, 2}});
  const Tensor whole = net(x);
  LSTMState state = init_hidden(net.lstm, 1);
  for (std::int64_t t = 0; t < 3; ++t) {
    const auto [logits, next] = net.step(x.slice(1, t, t + 1), state);
    EXPECT_TRUE(allclose(logits[0][0], whole[0][t], 1e-5, 1e-6)) << t;
    state = next;
  }
}

// The numbers are those of torchvision and of the published ResNet-20 (272,474 with projections).
TEST(Zoo, ResNetsHaveTheirParameters) {
  EXPECT_EQ(num_parameters(zoo::resnet18()), 11689512);
  EXPECT_EQ(num_parameters(zoo::resnet34()), 21797672);
  EXPECT_EQ(num_parameters(zoo::resnet50()), 25557032);
  zoo::ResNet<zoo::BasicBlock> net = zoo::resnet20();
  EXPECT_EQ(num_parameters(net), 272474);
  const StateDict state = state_dict(net);
  for (const char* name : {"conv1.weight", "bn1.running_var", "layer1.0.conv1.weight",
                           "layer1.2.bn2.num_batches_tracked", "layer2.0.downsample.0.weight",
                           "layer3.0.downsample.1.running_mean", "fc.bias"})
    EXPECT_TRUE(state.contains(name)) << name;
  EXPECT_FALSE(state.contains("layer1.0.downsample.0.weight"));
}

TEST(Zoo, ResNetsShapes) {
  manual_seed(0);
  auto cifar = zoo::resnet20();
  EXPECT_EQ(cifar(randn({2, 3, 32, 32})).shape(), (Shape{2, 10}));
  zoo::ResNet<zoo::BasicBlock> basic({{1, 1, 1, 1}, 8, true, 5});
  EXPECT_EQ(basic(randn({1, 3, 64, 64})).shape(), (Shape{1, 5}));
  zoo::ResNet<zoo::Bottleneck> deep({{1, 1, 1, 1}, 8, true, 5});
  EXPECT_EQ(deep.fc.weight.shape(), (Shape{5, 256}));
  EXPECT_EQ(deep(randn({1, 3, 64, 64})).shape(), (Shape{1, 5}));
}

TEST(Zoo, RealNvpGoesBackAndKnowsItsVolume) {
  manual_seed(0);
  zoo::RealNvp net(6, 8);
  const Tensor x = randn({4, 2});
  const auto [z, log_det] = net(x);
  EXPECT_TRUE(allclose(net.inverse(z), x, 1e-4, 1e-5));
  for (std::int64_t i = 0; i < 4; ++i) {
    const Tensor j = jacobian([&](const Tensor& p) { return net(p.unsqueeze(0)).first[0]; }, x[i]);
    EXPECT_NEAR(linalg::slogdet(j).logabsdet.item<float>(), log_det[i].item<float>(), 1e-4);
  }
}

TEST(Zoo, VitGivesLogProbabilities) {
  manual_seed(0);
  zoo::Vit net;
  test_mode(net);
  const Tensor y = net(rand({2, 1, 28, 28}));
  EXPECT_EQ(y.shape(), (Shape{2, 10}));
  EXPECT_TRUE(allclose(exp(y).sum(1), ones(2), 1e-4, 1e-5));
}

TEST(Zoo, DiffusionLearnsAndStepsBack) {
  manual_seed(0);
  zoo::Diffusion model;
  const Tensor x = zeros({4, 1, 28, 28});
  Adam optimizer({.lr = 1e-3});
  auto step = compile([](zoo::Diffusion& m, Adam& opt, const Tensor& images) {
    auto [loss, g] =
        grad([](const zoo::Diffusion& d, const Tensor& in) { return d.loss(in); }, m, images);
    update(opt, m, std::move(g));
    return loss;
  });
  double first = 0, last = 0;
  for (int i = 0; i < 15; ++i) {
    last = step(model, optimizer, x).item<float>();
    if (i == 0) first = last;
  }
  EXPECT_LT(last, first);
  const Tensor noise = randn({2, 1, 28, 28});
  EXPECT_EQ(model.denoise(noise, full({2}, 399, {.dtype = kInt64})).shape(), noise.shape());
  // The last step adds no noise.
  const Tensor t = zeros({2}, {.dtype = kInt64});
  EXPECT_TRUE(equal(model.denoise(noise, t), model.denoise(noise, t)));
}

TEST(Zoo, DcganShapes) {
  manual_seed(0);
  zoo::Generator generator;
  zoo::Discriminator discriminator;
  const Tensor made = generator(randn({2, zoo::Generator::kLatent, 1, 1}));
  EXPECT_EQ(made.shape(), (Shape{2, 1, 28, 28}));
  EXPECT_LE(made.abs().max().item<float>(), 1);
  EXPECT_EQ(discriminator(made).shape(), (Shape{2}));
}

}  // namespace
}  // namespace lilith
