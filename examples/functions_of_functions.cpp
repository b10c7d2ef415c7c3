// Transforms take functions and give functions; they nest and they compile.
#include <cmath>

#include <lilith/graph_names.h>

#include "net.h"

using namespace lilith;

namespace {

void gradients() {
  auto f = [](Tensor x, Tensor y) { return (x * x * y).sum(); };
  auto x = tensor({1.f, 2.f}), y = tensor({3.f, 4.f});
  auto [value, gx] = grad(f, x, y);
  expect(value.item<float>() == 19, "grad gives the value");
  expect(gx.to_vector<float>() == std::vector<float>({6, 16}),
         "and the gradient of the first argument");
  auto [again, gs] = grad<0, 1>(f, x, y);
  expect(std::get<1>(gs).to_vector<float>() == std::vector<float>({1, 4}), "grad<0, 1> gives both");
  expect(again.item<float>() == 19, "with the value");
  auto both = value_and_grad(f);
  expect(both(x, y).first.item<float>() == 19, "value_and_grad gives a function");

  auto with_aux = [](Tensor x) { return std::pair(x.sum(), x * 2); };
  auto [v, aux, g] = grad_aux(with_aux, x);
  expect(v.item<float>() == 3 && aux.to_vector<float>()[1] == 4 && g.to_vector<float>()[0] == 1,
         "grad_aux");
}

void higher_order() {
  auto cube = [](Tensor x) { return (x * x * x).sum(); };
  auto slope = [&](Tensor x) { return grad(cube, x).second.sum(); };
  auto [d1, d2] = grad(slope, tensor(2.f));
  expect(d1.item<float>() == 12 && d2.item<float>() == 12, "gradients of gradients");
}

void others() {
  auto x = tensor({1.f, 2.f});
  auto [y, pullback] = vjp([](Tensor x) { return exp(x); }, x);
  expect(std::abs(pullback(ones_like(y)).to_vector<float>()[1] - std::exp(2.f)) < 1e-4, "vjp");
  auto cut = [](Tensor x) { return (x * stop_gradient(x)).sum(); };
  expect(grad(cut, x).second.to_vector<float>() == std::vector<float>({1, 2}), "stop_gradient");
  auto twice = custom_vjp([](Tensor x) { return x * 2; },
                          [](const std::vector<Tensor>&, const Tensor&, const Tensor& ct) {
                            return std::vector<Tensor>{ct * 7};
                          });
  auto through = [&](Tensor x) { return twice(x).sum(); };
  expect(grad(through, x).second.to_vector<float>() == std::vector<float>({7, 7}), "custom_vjp");
  auto deep = checkpoint([](Tensor x) { return tanh(exp(x)).sum(); });
  auto plain = [](Tensor x) { return tanh(exp(x)).sum(); };
  expect(grad(deep, x).second.to_vector<float>() == grad(plain, x).second.to_vector<float>(),
         "checkpoint");
  auto [value, along] = jvp([](Tensor x) { return x * x; }, x, ones({2}));
  expect(value.to_vector<float>()[1] == 4 && along.to_vector<float>()[1] == 4, "jvp");
  expect(jacobian([](const Tensor& x) { return x * 3; }, x).shape() == Shape({2, 2}), "jacobian");
  expect(hessian([](const Tensor& x) { return (x * x * x).sum(); }, x).shape() == Shape({2, 2}),
         "hessian");
  expect(gradcheck([](Tensor x) { return (sin(x) * x).sum(); },
                   tensor({0.5, 1.5}, {.dtype = kFloat64})),
         "gradcheck");
}

void models_and_compilation() {
  Net net;
  auto doubled = map_parameters([](Tensor t) { return t * 2; }, net);
  expect(doubled.fc2.bias.shape() == net.fc2.bias.shape(), "map_parameters keeps the struct");
  auto f = compile([](Tensor x) { return (x + 1).sum(); });
  expect(f(tensor({1.f, 2.f})).item<float>() == 5 && f(tensor({1.f})).item<float>() == 2,
         "compile, by signature");
  Graph g = trace([](Tensor x) { return (x * x).sum(); }, tensor({1.f, 2.f}));
  expect(g.outputs().size() == 1, "trace gives a graph");
}

}  // namespace

int main() {
  gradients();
  higher_order();
  others();
  models_and_compilation();
}
