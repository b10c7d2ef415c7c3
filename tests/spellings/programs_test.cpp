#include <gtest/gtest.h>
#include <lilith/lilith.h>

#include "support/temp_dir.h"

// The programs of docs/from-pytorch.md.
namespace lilith {
namespace {

struct Net {
  nn::Conv2d conv1{1, 4, 3, 1};
  nn::BatchNorm2d norm{4};
  nn::Dropout dropout{0.25};
  nn::Linear fc{4 * 3 * 3, 10};

  Tensor operator()(Tensor x) {
    x = F::relu(norm(conv1(x)));
    x = F::max_pool2d(x, 2);
    x = dropout(x.flatten(1));
    return F::log_softmax(fc(x), 1);
  }
};

TensorDataset<2> images() { return TensorDataset(rand(64, 1, 8, 8), randint(0, 10, {64})); }

TEST(FromPyTorch, ALoop) {
  manual_seed(0);
  Net net;
  const auto train = images();

  Adam optimizer(1e-2);
  StepLR scheduler(optimizer, 1, 0.7);
  auto loss_fn = [](Net& m, Tensor x, Tensor y) { return F::nll_loss(m(x), y); };
  double first = 0, last = 0;
  for (int epoch = 0; epoch < 8; ++epoch) {
    train_mode(net);
    for (auto [x, y] : DataLoader(train, 16, true)) {
      auto [loss, g] = grad(loss_fn, net, x, y);
      update(optimizer, net, g);
      last = loss.item();
      if (first == 0) first = last;
    }
    scheduler.step();
  }
  eval(net);
  Tensor pred = net(train[0][0].unsqueeze(0)).argmax(1, true);

  EXPECT_LT(last, first);
  EXPECT_EQ(pred.shape(), (Shape{1, 1}));
  EXPECT_FALSE(net.dropout.training);
}

TEST(FromPyTorch, AStep) {
  manual_seed(0);
  Net net;
  SGD optimizer(0.1, 0.9);
  Tensor x = rand(4, 1, 8, 8), y = randint(0, 10, {4});
  auto loss_fn = [](Net& m, Tensor in, Tensor out) { return F::nll_loss(m(in), out); };

  auto step = compile([&](Net& m, SGD& opt, Tensor in, Tensor out) {
    auto [loss, g] = grad(loss_fn, m, in, out);
    clip_grad_norm_(g, 1.0);
    update(opt, m, g);
    return loss;
  });
  float loss = step(net, optimizer, x, y).item<float>();

  EXPECT_GT(loss, 0);
}

TEST(FromPyTorch, Accumulation) {
  manual_seed(0);
  nn::Linear net(3, 2);
  SGD optimizer(0.1);
  const Tensor before = net.weight;
  auto loss_fn = [](const nn::Linear& m, Tensor x) { return m(x).square().mean() / 2; };

  auto [loss, g] = grad(loss_fn, net, randn(4, 3));
  for (int i = 1; i < 2; ++i) {
    auto [more, h] = grad(loss_fn, net, randn(4, 3));
    g = map_parameters([](Tensor a, Tensor b) { return a + b; }, g, h);
  }
  update(optimizer, net, g);

  EXPECT_FALSE(equal(before, net.weight));
}

TEST(FromPyTorch, Freezing) {
  manual_seed(0);
  Net net;
  Tensor x = rand(4, 1, 8, 8), y = randint(0, 10, {4});
  const Tensor kept = net.conv1.weight, moved = net.fc.weight;

  Adam optimizer(1e-3);
  optimizer.freeze("conv1");
  auto [loss, g] =
      grad([](Net& m, Tensor in, Tensor out) { return F::nll_loss(m(in), out); }, net, x, y);
  update(optimizer, net, g);

  EXPECT_TRUE(equal(kept, net.conv1.weight));
  EXPECT_FALSE(equal(moved, net.fc.weight));
}

struct Tied {
  nn::Embedding embedding{5, 3};
  nn::Linear head{3, 5, false};
};

TEST(FromPyTorch, Tying) {
  Tied m;
  m.head.weight = m.embedding.weight;

  EXPECT_EQ(num_parameters(m), 15);
  m.head.weight.mul_(2);  // in place: still one weight
  for_each_parameter(m, [](const std::string&, Tensor&) {});
  EXPECT_TRUE(equal(m.head.weight, m.embedding.weight));
  EXPECT_EQ(num_parameters(m), 15);
}

TEST(FromPyTorch, Files) {
  const testing::TempDir dir;
  const std::string path = dir.file("net.pt");
  Net net, other;

  save(net, path);
  load(other, path);
  for (auto [name, parameter] : named_parameters(net))
    fmt::print("{} {}\n", name, parameter.shape().str());
  net.fc.weight.normal_(0, 0.02);

  EXPECT_EQ(parameters(net).size(), named_parameters(other).size());
}

TEST(FromPyTorch, Parts) {
  Tensor x = zeros(3, 4), row = ones(4);

  x = select_scatter(x, row, 0, 1);                 // x[1] = row
  x = slice_update(x, ones(3, 2) * 5, 1, 2, 4);     // x[:, 2:4] = 5
  x = masked_fill(x, x > 4, -1);                    // x[x > 4] = -1
  x = index_put(x, {tensor({0}), tensor({0})}, 7);  // x[0, 0] = 7

  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{7, 0, -1, -1, 1, 1, -1, -1, 0, 0, -1, -1}));
}

TEST(FromPyTorch, AValueStays) {
  Tensor x = zeros(2), y = x;
  x.add_(1);
  EXPECT_EQ(x.sum().item(), 2);
  EXPECT_EQ(y.sum().item(), 0);
}

}  // namespace
}  // namespace lilith
