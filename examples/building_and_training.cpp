// docs/tutorial/3-training.md
#include "expect.h"

using namespace lilith;

namespace {

struct Block {
  nn::Conv2d conv;
  nn::BatchNorm2d norm;

  Block(int in, int out) : conv(in, out, 3, {.padding = 1, .bias = false}), norm(out) {}
  Tensor operator()(Tensor x) { return F::max_pool2d(F::relu(norm(conv(x))), 2); }
  LILITH_FIELDS(conv, norm)
};

struct Net {
  Block block1{1, 16}, block2{16, 32};
  nn::Dropout dropout{0.2};
  nn::Linear fc{32 * 7 * 7, 10};

  Tensor operator()(Tensor x) { return fc(dropout(block2(block1(x)).flatten(1))); }
};

void with_fit(const data::Dataset<2>& train, const data::Dataset<2>& test) {
  Net net;
  History history = fit(net, train, nn::CrossEntropyLoss(),
                        {.epochs = 2,
                         .batch_size = 50,
                         .optimizer = AdamW({.lr = 2e-3}),
                         .clip_grad_norm = 1.0,
                         .validation = test,
                         .metric = Metric::accuracy(),
                         .scheduler = CosineAnnealingLR({.T_max = 2}),
                         .checkpoint = "training.ckpt"});
  history.save_csv("training.csv");

  expect(history.rows.back().val_metric > 0.5, "fit trains");
}

void by_hand(const data::Dataset<2>& train, const data::Dataset<2>& test) {
  Net net;
  AdamW opt({.lr = 2e-3});
  opt.add_param_group("fc", {{"weight_decay", 0.1}});
  CosineAnnealingLR scheduler(opt, {.T_max = 2});
  auto step = compile([](Net& m, AdamW& o, Tensor x, Tensor y) {
    auto [loss, g] =
        grad([](Net& n, Tensor x, Tensor y) { return F::cross_entropy(n(x), y); }, m, x, y);
    clip_grad_norm_(g, 1.0);
    update(o, m, g);
    return loss;
  });
  DataLoader loader(train, {.batch_size = 50, .shuffle = true, .num_workers = 1});
  for (int epoch = 0; epoch < 2; ++epoch) {
    train_mode(net);
    for (auto [x, y] : loader) step(net, opt, x, y);
    scheduler.step();
    save_checkpoint("by_hand.ckpt", net, opt, scheduler, loader);
  }

  expect(accuracy(net, test) > 0.5, "the loop trains");
}

void look_at(Net& net) {
  for (auto [name, parameter] : named_parameters(net))
    fmt::print("{:<22} {}\n", name, parameter.shape().str());
  fmt::print("{} parameters\n", num_parameters(net));

  expect(num_parameters(net) == 16 * 9 + 32 + 32 * 16 * 9 + 64 + 10 * 1568 + 10, "all are found");
}

}  // namespace

int main() {
  manual_seed(0);
  const auto train = data::Digits(data::Split::Train, {.size = 1000}),
             test = data::Digits(data::Split::Test, {.size = 200});
  Net net;
  look_at(net);
  with_fit(train, test);
  by_hand(train, test);
}
