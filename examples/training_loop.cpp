// The training loop by hand: gradients are a Net, an update runs loss, gradients and optimiser as
// one program, and compile traces the step once.
#include "net.h"

using namespace lilith;

int main() {
  manual_seed(0);
  auto train = data::Digits(data::Split::Train, {.size = 1000});
  Net net;
  auto loss_fn = [](const Net& m, Tensor x, Tensor y) { return nll_loss(m(x), y); };
  Adam opt({.lr = 1e-3});
  float first = 0, last = 0;
  for (auto [x, y] : DataLoader(train, {.batch_size = 100, .shuffle = true})) {
    auto [loss, g] = grad(loss_fn, net, x, y);  // g is a Net that holds gradients: g.conv1.weight
    update(opt, net, g);  // loss, new parameters and optimiser state run as one program
    last = loss.item<float>();
    if (first == 0) first = last;
    expect(g.conv1.weight.shape() == net.conv1.weight.shape(),
           "a gradient has its parameter's shape");
  }
  fmt::print("by hand: loss {:.3f} -> {:.3f}\n", first, last);
  expect(last < first, "the loss falls");

  auto step = compile([&](Net& m, Adam& o, Tensor x, Tensor y) {  // the same, traced once
    auto [loss, g] = grad(loss_fn, m, x, y);
    update(o, m, g);
    return loss;
  });
  float l = last;
  for (auto [x, y] : DataLoader(train, {.batch_size = 100, .shuffle = true})) {
    l = step(net, opt, x, y).item<float>();
  }
  fmt::print("compiled: loss {:.3f} -> {:.3f}\n", last, l);
  expect(l < last, "the compiled step goes on from there");
}
