// A program of a user: trains a line through two points and prints the loss.
#include <lilith/lilith.h>

using namespace lilith;

int main() {
  struct Line {
    Linear fc{1, 1};
  };
  Line line;
  SGD opt({.lr = 0.1});
  const Tensor x = tensor({{0.f}, {1.f}}), y = tensor({{1.f}, {3.f}});
  auto loss_fn = [](const Line& m, Tensor x, Tensor y) { return mse_loss(m.fc(x), y); };
  float last = 0;
  for (int i = 0; i < 200; ++i) {
    auto [loss, g] = grad(loss_fn, line, x, y);
    update(opt, line, g);
    last = loss.item<float>();
  }
  fmt::print("loss {:.6f}\n", last);
  return last < 1e-3f ? 0 : 1;
}
