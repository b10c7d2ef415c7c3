// docs/tutorial/1-introduction.md
#include "expect.h"

using namespace lilith;

namespace {

void tensors() {
  Tensor a = tensor({{1., 2.}, {3., 4.}});
  Tensor b = ones({2, 2}) * 0.5 + a;
  fmt::print("{}\n", b);                 // the values, with shape and dtype
  float corner = b[1][1].item<float>();  // 4.5
  std::vector<float> all = b.to_vector<float>();

  expect(corner == 4.5f && all.size() == 4, "values are as computed");
}

void laziness() {
  Tensor x = randn({100, 100});
  Tensor y = (x.matmul(x) + 1).relu();  // nothing is computed yet
  Tensor mean = y.mean(), largest = y.max();
  eval(mean, largest);  // one program computes both, and y once

  expect(mean.item<float>() < largest.item<float>(), "a mean is below the maximum");
}

void values() {
  Tensor x = zeros({3}), y = x;
  x += 1;  // x has a new value; y keeps the one it has

  expect(x.sum().item<float>() == 3 && y.sum().item<float>() == 0, "values do not change");
}

struct Line {
  Tensor slope = zeros({}), offset = zeros({});
  Tensor operator()(Tensor x) const { return slope * x + offset; }
};

void a_fit() {
  Tensor x = linspace(-1, 1, 50), y = 3 * x - 2 + 0.1 * randn({50});
  auto loss_fn = [](const Line& line, Tensor x, Tensor y) { return F::mse_loss(line(x), y); };

  Line line;
  SGD opt({.lr = 0.3});
  for (int i = 0; i < 60; ++i) {
    auto [loss, g] = grad(loss_fn, line, x, y);  // g is a Line: g.slope, g.offset
    update(opt, line, g);
  }
  fmt::print("y = {:.2f} x + {:.2f}\n", line.slope.item(), line.offset.item());

  expect(std::abs(line.slope.item() - 3) < 0.2 && std::abs(line.offset.item() + 2) < 0.1,
         "the line is found");
}

void mistakes() {
  try {
    Tensor z = ones({2, 3}).matmul(ones({4, 5}));
    expect(false, "sizes that do not fit throw");
  } catch (const Error& e) {
    fmt::print("{}\n", e.what());  // both shapes, the rule, and this file and line
  }
}

}  // namespace

int main() {
  manual_seed(0);
  tensors();
  laziness();
  values();
  a_fit();
  mistakes();
}
