// What grad returns is told from a model by its type, and works wherever one is wanted; a const
// model stays as it is.
#include <gtest/gtest.h>

#include "lilith/compile.h"
#include "lilith/model.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/transforms.h"

namespace lilith {
namespace {

struct Net {
  Linear a{2, 3}, b{3, 1};
  Tensor operator()(const Tensor& x) const { return b(tanh(a(x))); }
};
const auto loss_fn = [](const Net& m, const Tensor& x) { return m(x).pow(2).mean(); };
Tensor input() { return ones({4, 2}); }
struct GradientsTest : ::testing::Test {
  void SetUp() override { manual_seed(5); }
};
std::vector<float> all(const Tensor& t) { return t.to_vector<float>(); }

TEST_F(GradientsTest, HaveATypeOfTheirOwnAndTheModelsFields) {
  Net net;
  auto [loss, g] = grad(loss_fn, net, input());
  static_assert(std::is_same_v<decltype(g), Gradients<Net>>);
  static_assert(std::is_convertible_v<decltype(g), Net> && reflect::Model<decltype(g)>);
  EXPECT_EQ(g.a.weight.shape(), (Shape{3, 2}));
  EXPECT_EQ(static_hash(g), static_hash(net));
  EXPECT_EQ(tree(g), tree(net));
  const auto& [ga, gb] = g;
  EXPECT_EQ(gb.weight.shape(), (Shape{1, 3}));
  EXPECT_EQ(all(ga.weight), all(g.a.weight));
}

TEST_F(GradientsTest, AreKeptSummedAndStored) {
  Net net;
  auto [loss, g] = grad(loss_fn, net, input());
  Net acc = g;
  acc = map_parameters([](Tensor x, Tensor y) { return x + y; }, acc, g);
  auto twice = map_parameters([](Tensor x) { return x * 2; }, g);
  static_assert(std::is_same_v<decltype(twice), Gradients<Net>>);
  EXPECT_EQ(all(acc.a.weight), all(twice.a.weight));
  std::vector<Net> kept;
  kept.push_back(g);
  const std::pair<Tensor, Net> plain = grad(loss_fn, net, input());
  EXPECT_EQ(all(plain.second.a.weight), all(kept[0].a.weight));
  const auto held = clone(g);
  static_assert(std::is_same_v<decltype(held), const Gradients<Net>>);
}

TEST_F(GradientsTest, OfASequentialAreNoLayerOfOne) {
  Sequential net{Linear{2, 3}, Linear{3, 1}};
  auto [loss, g] =
      grad([](const Sequential& m, const Tensor& x) { return m(x).sum(); }, net, input());
  static_assert(std::is_same_v<decltype(g), Gradients<Sequential>>);
  Sequential plain = g;
  EXPECT_EQ(plain.size(), 2u);
  SGD opt({.lr = 1});
  update(opt, net, g);
}

TEST_F(GradientsTest, UpdateTakesThemAndStructsOfOnesOwn) {
  const Net start;
  Net one = start, two = start, three = start, four = start;
  auto [loss, g] = grad(loss_fn, one, input());
  const Net own = g;
  SGD opt({.lr = 1});
  update(opt, one, g);
  update(opt, two, own);
  update(opt, three, std::move(g));
  Net changed = own;
  update(opt, four, as_gradients(changed));
  EXPECT_EQ(all(one.a.weight), all(two.a.weight));
  EXPECT_EQ(all(one.a.weight), all(three.a.weight));
  EXPECT_EQ(all(one.a.weight), all(four.a.weight));
  EXPECT_NE(all(one.a.weight), all(start.a.weight));
}

TEST_F(GradientsTest, ClippingTakesThem) {
  Net net;
  const Tensor weight = net.a.weight;
  auto [loss, g] = grad(loss_fn, net, input());
  const double before = clip_grad_norm_(g, 1e-3).item<double>();
  EXPECT_GT(before, 1e-3);
  EXPECT_NEAR(clip_grad_norm_(g, 1e9).item<double>(), 1e-3, 1e-6);
  Net acc = g;
  clip_grad_norm_(as_gradients(acc), 1e-4);
  EXPECT_NEAR(clip_grad_norm_(as_gradients(acc), 1e9).item<double>(), 1e-4, 1e-7);
  clip_grad_value_(g, 0);
  EXPECT_EQ(norm(g.a.weight).item<float>(), 0);
  std::vector<Tensor> list{ones({4})};
  clip_grad_norm_(list, 1);
  EXPECT_NEAR(all(list[0])[0], 0.5, 1e-6);
  EXPECT_EQ(all(weight), all(net.a.weight));
}

TEST_F(GradientsTest, OfSeveralModels) {
  Net a;
  Linear b{1, 1};
  auto f = [](const Net& m, const Linear& n, const Tensor& x) { return n(m(x)).sum(); };
  auto [loss, g] = grad<0, 1>(f, a, b, input());
  static_assert(std::is_same_v<decltype(g), std::tuple<Gradients<Net>, Gradients<Linear>>>);
  clip_grad_norm_(g, 1);
  SGD opt_a({.lr = 1}), opt_b({.lr = 1});
  update(opt_a, a, std::get<0>(g));
  update(opt_b, b, std::get<1>(g));
  std::pair<Net, Linear> both{a, b};
  auto of_both = [](const std::pair<Net, Linear>& m, const Tensor& x) {
    return m.second(m.first(x)).sum();
  };
  auto [value, h] = grad(of_both, both, input());
  static_assert(std::is_same_v<decltype(h), std::pair<Gradients<Net>, Gradients<Linear>>>);
  SGD opt({.lr = 1});
  update(opt, both, h);
  const std::pair<Net, Linear> plain{h.first, h.second};
  update(opt, both, plain);
  std::vector<Linear> layers{{2, 2}, {2, 1}};
  auto of_layers = [](const std::vector<Linear>& m, const Tensor& x) {
    return m[1](m[0](x)).sum();
  };
  auto [total, k] = grad(of_layers, layers, input());
  static_assert(std::is_same_v<decltype(k), Gradients<std::vector<Linear>>>);
  EXPECT_EQ(k.size(), 2u);
  clip_grad_norm_(k, 1);
  update(opt, layers, k);
}

TEST_F(GradientsTest, OfATensorAreATensor) {
  auto [value, g] = grad([](const Tensor& x) { return x.pow(2).sum(); }, ones({2}));
  static_assert(std::is_same_v<decltype(g), Tensor>);
  EXPECT_EQ(all(g), (std::vector<float>{2, 2}));
}

TEST_F(GradientsTest, OfGradientsAndAlongThem) {
  Net net;
  auto slope = [](const Net& m, const Tensor& x) {
    auto [loss, g] = grad(loss_fn, m, x);
    return g.b.weight.pow(2).sum();
  };
  auto [value, second] = grad({.allow_unused = true}, slope, net, input());
  static_assert(std::is_same_v<decltype(second), Gradients<Net>>);
  EXPECT_EQ(second.a.weight.shape(), (Shape{3, 2}));
  auto [loss, g] = grad(loss_fn, net, input());
  auto [out, along] = jvp([](const Net& m) { return loss_fn(m, input()); }, net, g);
  double squares = 0;
  for_each_parameter(std::as_const(g), [&](const std::string&, const Tensor& t) {
    squares += t.pow(2).sum().item<float>();
  });
  EXPECT_NEAR(along.item<float>(), squares, 1e-4 * squares + 1e-7);
}

TEST_F(GradientsTest, InACompiledStep) {
  Net net;
  Adam opt({.lr = 1e-2});
  auto step = compile([](Net& m, Adam& o, const Tensor& x) {
    auto [loss, g] = grad(loss_fn, m, x);
    clip_grad_norm_(g, 1);
    update(o, m, std::move(g));
    return loss;
  });
  const float first = step(net, opt, input()).item<float>();
  float last = first;
  for (int i = 0; i < 20; ++i) last = step(net, opt, input()).item<float>();
  EXPECT_LT(last, first);
  auto gradients =
      compile([](const Net& m, const Tensor& x) { return grad(loss_fn, m, x).second; });
  EXPECT_EQ(gradients(net, input()).a.weight.shape(), (Shape{3, 2}));
}

TEST(ConstModel, IsRead) {
  const Net net;
  int parameters = 0;
  for_each_parameter(net, [&](const std::string&, const Tensor&) { ++parameters; });
  EXPECT_EQ(parameters, 4);
  for_each_buffer(net, [](const std::string&, const Buffer&) { FAIL(); });
  int seen = 0;
  visit_fields(net, [&](const std::string&, const Tensor&) { ++seen; });
  visit_fields(net, [&](const std::string&, Tensor&) { FAIL(); });
  EXPECT_EQ(seen, 4);
  EXPECT_EQ(num_parameters(net), 13);
  EXPECT_EQ(state_dict(net).size(), 4u);
  EXPECT_EQ(tree(net), tree(clone(net)));
  eval(net);
}

}  // namespace
}  // namespace lilith
