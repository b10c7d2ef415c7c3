// vmap: a function of one example as a function of many.
#include <lilith/lilith.h>

#include <cstdlib>

using namespace lilith;

namespace {

void expect(bool condition, const char* what) {
  if (condition) return;
  fmt::print(stderr, "not true: {}\n", what);
  std::exit(1);
}

struct Net {
  Linear fc1{4, 16};
  Linear fc2{16, 3};
  Tensor operator()(Tensor x) const { return fc2(relu(fc1(x))); }
};

Tensor loss(const Net& net, Tensor x, Tensor y) { return (net(x) - y).pow(2).sum(); }

void axes() {
  auto dot = [](Tensor x, Tensor y) { return (x * y).sum(); };
  Tensor xs = randn({8, 4}), ys = randn({4, 8}), y = randn({4});

  Tensor a = vmap(dot, {0, 1})(xs, ys);            // f32[8]: rows of xs, columns of ys
  Tensor b = vmap(dot, {0, std::nullopt})(xs, y);  // one y for all
  Tensor c = vmap(vmap(dot, {std::nullopt, 1}), {0, std::nullopt})(xs, ys);  // f32[8,8]: all pairs

  expect(a.shape() == Shape({8}) && b.shape() == Shape({8}), "one number for each example");
  expect(allclose(c, matmul(xs, ys), 1e-4, 1e-5), "nested: each with each");
}

void gradients_of_each_sample() {
  Net net;
  Tensor x = randn({32, 4}), y = randn({32, 3});

  auto [losses, grads] = vmap(value_and_grad(loss), {std::nullopt, 0, 0})(net, x, y);
  // grads.fc1.weight: f32[32,16,4]

  Tensor norms = grads.fc1.weight.pow(2).sum({1, 2}).sqrt();
  expect(losses.shape() == Shape({32}) && norms.shape() == Shape({32}), "a gradient each");
}

void ensembles() {
  std::vector<Net> nets(5);
  Tensor x = randn({32, 4});

  Net all = stack_models(nets);  // all.fc1.weight: f32[5,16,4]
  auto call = [](const Net& net, Tensor x) { return net(x); };
  Tensor outputs = vmap(call, {0, std::nullopt})(all, x);  // f32[5,32,3]

  expect(allclose(outputs[2], nets[2](x), 1e-4, 1e-5), "five nets at once");
}

void jacobians() {
  Net net;
  Tensor x = randn({4});

  Tensor by_input = jacobian([&](const Tensor& x) { return net(x); }, x);  // f32[3,4]
  Net by_weights = jacrev([&](const Net& net) { return net(x); }, net);  // fc1.weight: f32[3,16,4]

  expect(by_input.shape() == Shape({3, 4}), "backwards, all outputs at once");
  expect(by_weights.fc1.weight.shape() == Shape({3, 16, 4}), "of every parameter");
}

void draws() {
  auto noisy = [](Tensor x) { return x + rand({2}); };
  Tensor y = vmap(noisy)(zeros({3, 2}));
  expect(y[0][0].item() != y[1][0].item(), "each example draws its own");
}

}  // namespace

int main() {
  axes();
  gradients_of_each_sample();
  ensembles();
  jacobians();
  draws();
}
