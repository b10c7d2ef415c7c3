#include "lilith/vmap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "lilith/compile.h"
#include "lilith/loops.h"
#include "lilith/lower.h"
#include "lilith/nn.h"
#include "lilith/ops.h"

// vmap as users call it; tests/ops/vmap_test.cpp has every op.
namespace lilith {
namespace {

void expect_near(const Tensor& a, const Tensor& b, double tolerance = 1e-5) {
  ASSERT_EQ(a.aval().str(), b.aval().str());
  const std::vector<double> x = a.to(kFloat64).to_vector<double>(),
                            y = b.to(kFloat64).to_vector<double>();
  for (std::size_t k = 0; k < x.size(); ++k)
    ASSERT_NEAR(x[k], y[k], tolerance * std::max(1.0, std::fabs(y[k]))) << "element " << k;
}

/// stack of f(k) for k < n.
template <class F>
Tensor by_loop(std::int64_t n, F&& f) {
  std::vector<Tensor> rows;
  for (std::int64_t k = 0; k < n; ++k) rows.push_back(f(k));
  return stack(rows);
}

Tensor ramp(const Shape& shape) {
  return sin(arange(static_cast<double>(shape.numel()), {.dtype = kFloat32})).reshape(shape);
}

TEST(Vmap, AxesOfArguments) {
  const Tensor a = ramp({3, 4}), b = ramp({5, 3, 2});
  const auto f = [](const Tensor& x, const Tensor& y) { return outer(x, y).sum(0) * y; };
  const Tensor want = by_loop(4, [&](std::int64_t k) { return f(select(a, 1, k), b[0].sum(0)); });
  expect_near(vmap(f, {1, std::nullopt})(a, b[0].sum(0)), want);
  expect_near(vmap(f, {.in_axes = {-1, std::nullopt}})(a, b[0].sum(0)), want);
  expect_near(vmap([](const Tensor& x) { return x * 2; }, 1)(a), a.transpose(0, 1) * 2);
  expect_near(vmap([&](const Tensor& x) { return x.sum(); }, {.in_axes = 2})(b), b.sum({0, 1}));
}

TEST(Vmap, AxesOfResults) {
  const Tensor a = ramp({3, 4, 2});
  const auto f = [](const Tensor& x) { return std::tuple(x * 2, x.sum(), std::pair(x, x + 1)); };
  const auto [x, sum, both] = vmap(f, 0, {1, -1, 2})(a);
  expect_near(x, a.transpose(0, 1) * 2);
  expect_near(sum, a.sum({1, 2}));
  expect_near(both.first, a.permute({1, 2, 0}));
  expect_near(both.second, a.permute({1, 2, 0}) + 1);
  const auto [y, shared] =
      vmap([&](const Tensor& x) { return std::pair(x, ramp({2})); }, 0, {0, std::nullopt})(a);
  expect_near(y, a);
  expect_near(shared, ramp({2}));
}

TEST(Vmap, RepeatsWhatDoesNotDependOnTheExample) {
  const Tensor a = ramp({3, 4}), w = ramp({2});
  expect_near(vmap([&](const Tensor&) { return w * 2; })(a), expand(w * 2, {3, 2}));
  expect_near(vmap([](const Tensor& x) { return full({2}, 7.0) + 0 * x.size(0); })(a),
              full({3, 2}, 7.0));
}

TEST(Vmap, TakesNumbersAndContainers) {
  const Tensor a = ramp({3, 4});
  const auto f = [](const std::vector<Tensor>& xs, double k, std::pair<Tensor, Tensor> p) {
    return xs[0] * k + xs[1] + p.first - p.second;
  };
  expect_near(vmap(f)(std::vector{a, a * 2}, 2.5, std::pair(a, a)), a * 4.5);
}

TEST(Vmap, Nests) {
  const Tensor a = ramp({2, 3}), b = ramp({4, 3});
  const auto dot = [](const Tensor& x, const Tensor& y) { return (x * y).sum(); };
  const Tensor all = vmap(vmap(dot, {std::nullopt, 0}), {0, std::nullopt})(a, b);
  expect_near(all, matmul(a, b.transpose(0, 1)));
  const auto powers = [](const Tensor& x) {
    return vmap([&](const Tensor& y) { return x * y; })(x) + x;
  };
  expect_near(vmap(powers)(a), by_loop(2, [&](std::int64_t k) { return powers(a[k]); }));
}

TEST(Vmap, OfGradAndGradOf) {
  const Tensor x = ramp({5, 3}), w = ramp({3, 4});
  const auto loss = [](const Tensor& w, const Tensor& x) {
    return tanh(matmul(x, w)).pow(2).sum();
  };
  const auto one = [&](const Tensor& x) { return grad(loss, w, x).second; };
  const Tensor each = by_loop(5, [&](std::int64_t k) { return one(x[k]); });
  expect_near(vmap(one)(x), each);
  const auto [values, gradients] = vmap(value_and_grad(loss), {std::nullopt, 0})(w, x);
  expect_near(gradients, each);
  expect_near(values, by_loop(5, [&](std::int64_t k) { return loss(w, x[k]); }));
  const auto total = [&](const Tensor& w) {
    return vmap([&](const Tensor& x) { return loss(w, x); })(x).sum();
  };
  expect_near(grad(total, w).second, each.sum(0));
  const auto curvature = [&](const Tensor& x) {
    return grad([&](const Tensor& v) { return grad(loss, v, x).second.pow(2).sum(); }, w).second;
  };
  expect_near(vmap(curvature)(x), by_loop(5, [&](std::int64_t k) { return curvature(x[k]); }),
              1e-4);
}

TEST(Vmap, OfVjpJvpCheckpointAndCustomRules) {
  const Tensor x = ramp({5, 3});
  const auto f = [](const Tensor& x) { return sin(x) * x.sum(); };
  const auto push = [&](const Tensor& x) { return jvp(f, x, cos(x)).second; };
  expect_near(vmap(push)(x), by_loop(5, [&](std::int64_t k) { return push(x[k]); }));
  const auto pull = [&](const Tensor& x) { return vjp(f, x).second(cos(x)); };
  expect_near(vmap(pull)(x), by_loop(5, [&](std::int64_t k) { return pull(x[k]); }));
  const Tensor w = ramp({3});
  const auto again = [&](const Tensor& w) {
    const auto g = checkpoint([&](const Tensor& x) { return exp(sin(x * w)); });
    return vmap(g)(x).sum();
  };
  const auto plain = [&](const Tensor& w) { return exp(sin(x * w)).sum(); };
  expect_near(grad(again, w).second, grad(plain, w).second);
  const auto clipped =
      custom_vjp([](const Tensor& x, const Tensor& w) { return x * w; },
                 [](const std::vector<Tensor>& in, const Tensor&, const Tensor& ct) {
                   return std::vector<Tensor>{ct * in[1] * 10, (ct * in[0]).clamp(-0.5, 0.5)};
                 });
  const auto of_clipped = [&](const Tensor& x, const Tensor& w) {
    return vmap([&](const Tensor& x) { return clipped(x, w).sum(); })(x).sum();
  };
  const auto [dx, dw] = grad<0, 1>(of_clipped, x, w).second;
  expect_near(dx, expand(w * 10, {5, 3}));
  expect_near(dw, x.clamp(-0.5, 0.5).sum(0));
}

struct Net {
  Linear fc1{3, 8};
  Linear fc2{8, 2};
  Tensor operator()(const Tensor& x) const { return fc2(relu(fc1(x))); }
};

TEST(Vmap, GradientsOfEachSample) {
  const Net net;
  const Tensor x = ramp({6, 3}), y = ramp({6, 2});
  const auto loss = [](const Net& net, const Tensor& x, const Tensor& y) {
    return (net(x) - y).pow(2).sum();
  };
  const auto [losses, each] = vmap(value_and_grad(loss), {std::nullopt, 0, 0})(net, x, y);
  EXPECT_EQ(losses.shape(), Shape({6}));
  EXPECT_EQ(each.fc1.weight.shape(), Shape({6, 8, 3}));
  for (std::int64_t k = 0; k < 6; ++k) {
    const auto g = grad(loss, net, x[k], y[k]).second;
    expect_near(each.fc1.weight[k], g.fc1.weight);
    expect_near(each.fc2.bias[k], g.fc2.bias);
  }
}

TEST(Vmap, GradientsOfEachImage) {
  struct Images {
    Conv2d a{2, 6, 3}, b{6, 8, 3};
    Tensor operator()(Tensor x) const {
      x = max_pool2d(relu(a(x)), 2);
      return max_pool2d(relu(b(x)), 2).sum({-1, -2});
    }
  } net;
  const Tensor x = ramp({4, 1, 2, 14, 14}).sin();
  const auto loss = [](const Images& net, const Tensor& x) { return net(x).pow(2).sum(); };
  const auto each = compile([&](const Images& net, const Tensor& x) {
    return vmap([&](const Images& net, const Tensor& x) { return grad(loss, net, x).second; },
                {std::nullopt, 0})(net, x);
  });
  const Images all = each(net, x);
  for (std::int64_t k = 0; k < 4; ++k) {
    const Images g = grad(loss, net, x[k]).second;
    expect_near(all.a.weight[k], g.a.weight);
    expect_near(all.b.weight[k], g.b.weight);
    expect_near(all.b.bias[k], g.b.bias);
  }
  EXPECT_EQ(each(net, x).b.weight.to_vector<float>(), all.b.weight.to_vector<float>());
}

TEST(Vmap, Ensembles) {
  std::vector<Net> nets(4);
  const Net all = stack_models(nets);
  EXPECT_EQ(all.fc1.weight.shape(), Shape({4, 8, 3}));
  const Tensor x = ramp({5, 3});
  const auto call = [](const Net& net, const Tensor& x) { return net(x); };
  const Tensor y = vmap(call, {0, std::nullopt})(all, x);
  expect_near(y, by_loop(4, [&](std::int64_t k) { return nets[static_cast<std::size_t>(k)](x); }));
  const Tensor xs = ramp({4, 5, 3});
  expect_near(vmap(call)(all, xs),
              by_loop(4, [&](std::int64_t k) { return nets[static_cast<std::size_t>(k)](xs[k]); }));
  // All of them trained at once.
  const auto loss = [&](const Net& nets) {
    return vmap(call, {0, std::nullopt})(nets, x).pow(2).sum();
  };
  const auto g = grad(loss, all).second;
  const auto one = grad([&](const Net& net) { return net(x).pow(2).sum(); }, nets[2]).second;
  expect_near(g.fc1.weight[2], one.fc1.weight);
}

TEST(Vmap, TiedWeightsStayOne) {
  struct Tied {
    Linear a{3, 3, {.bias = false}}, b{3, 3, {.bias = false}};
    Tied() { tie(a.weight, b.weight); }
    LILITH_FIELDS(a, b)
  };
  std::vector<Tied> nets(2);
  const Tied all = stack_models(nets);
  const Tensor x = ramp({3});
  const auto f = [&](const Tied& m) {
    return grad([&](const Tied& m) { return m.b(m.a(x)).sum(); }, m).second.a.weight;
  };
  expect_near(vmap(f)(all), stack(std::vector{f(nets[0]), f(nets[1])}));
}

TEST(Vmap, LayersInTestMode) {
  struct Block {
    Conv2d conv{2, 3, 3};
    BatchNorm2d norm{3};
    Tensor operator()(const Tensor& x) { return norm(conv(x)); }
  } block;
  test_mode(block);
  const Tensor x = ramp({4, 2, 2, 5, 5});
  expect_near(vmap([&](const Tensor& x) { return block(x); })(x),
              by_loop(4, [&](std::int64_t k) { return block(x[k]); }));
}

TEST(Vmap, Compiles) {
  const Net net;
  auto step = compile([](const Net& net, const Tensor& x) {
    return vmap([&](const Tensor& x) { return net(x).sum(); })(x);
  });
  const Tensor x = ramp({6, 3});
  expect_near(step(net, x), net(x).sum(1));
  auto whole =
      compile(vmap([](const Net& net, const Tensor& x) { return net(x); }, {std::nullopt, 0}));
  expect_near(whole(net, x), net(x));
}

TEST(Vmap, EachExampleDrawsItsOwn) {
  const auto f = [](const Tensor& x) { return x * 0 + rand({3}); };
  const auto draw = [&](std::int64_t n) {
    manual_seed(3);
    return vmap(f)(zeros({n, 3}));
  };
  const std::vector<float> a = draw(4).to_vector<float>();
  EXPECT_EQ(std::set<float>(a.begin(), a.end()).size(), 12u);
  EXPECT_EQ(draw(4).to_vector<float>(), a);
  // The draws of an example do not depend on how many there are.
  const std::vector<float> more = draw(9).to_vector<float>();
  EXPECT_TRUE(std::equal(a.begin(), a.end(), more.begin()));
  // Shared where drawn outside; the generator moves on by one draw a call.
  manual_seed(3);
  const Tensor first = vmap(f)(zeros({2, 3})), second = vmap(f)(zeros({2, 3}));
  EXPECT_NE(first.to_vector<float>(), second.to_vector<float>());
  const Tensor twice = vmap(vmap(f))(zeros({2, 3, 3}));
  const std::vector<float> t = twice.to_vector<float>();
  EXPECT_EQ(std::set<float>(t.begin(), t.end()).size(), 18u);
}

TEST(Vmap, DrawsOfAGenerator) {
  const RandomGenerator g(5), h(5);
  const auto draw = [](const RandomGenerator& g) {
    return vmap([&](const Tensor& x) { return x + randn({2}, {.generator = g}); })(zeros({3, 2}));
  };
  manual_seed(1);
  const Tensor a = draw(g);
  manual_seed(2);
  EXPECT_EQ(a.to_vector<float>(), draw(h).to_vector<float>());
}

TEST(Vmap, ScanOfEachExample) {
  const Tensor w = ramp({3, 3}), x = ramp({4, 6, 3}), h = ramp({4, 3});
  const auto f = [&](const Tensor& h, const Tensor& xs) {
    auto [last, ys] = scan(
        [&](const Tensor& h, const Tensor& x) {
          const Tensor next = tanh(matmul(h, w) + x);
          return std::pair(next, next * 2);
        },
        h, xs);
    return std::pair(last, ys);
  };
  const auto check = [&](const auto& got, auto&& one) {
    expect_near(got.first, by_loop(4, [&](std::int64_t k) { return one(k).first; }));
    expect_near(got.second, by_loop(4, [&](std::int64_t k) { return one(k).second; }));
  };
  check(vmap(f)(h, x), [&](std::int64_t k) { return f(h[k], x[k]); });
  check(vmap(f, {0, std::nullopt})(h, x[0]), [&](std::int64_t k) { return f(h[k], x[0]); });
  check(vmap(f, {std::nullopt, 0})(h[0], x), [&](std::int64_t k) { return f(h[0], x[k]); });
  const auto slope = [&](const Tensor& h, const Tensor& xs) {
    return grad([&](const Tensor& h) { return f(h, xs).second.pow(2).sum(); }, h).second;
  };
  expect_near(vmap(slope)(h, x), by_loop(4, [&](std::int64_t k) { return slope(h[k], x[k]); }),
              1e-4);
  const auto total = [&](const Tensor& x) { return vmap(f)(h, x).second.pow(2).sum(); };
  const auto by_hand = [&](const Tensor& x) {
    return by_loop(4, [&](std::int64_t k) { return f(h[k], x[k]).second; }).pow(2).sum();
  };
  expect_near(grad(total, x).second, grad(by_hand, x).second, 1e-4);
}

TEST(Vmap, WhileUntilAllAreThrough) {
  const Tensor x = tensor({1.0f, 5.0f, 40.0f, 0.2f});
  const auto f = [](const Tensor& x) {
    return while_loop(
        [](const std::pair<Tensor, Tensor>& c) { return c.first < 30; },
        [](const std::pair<Tensor, Tensor>& c) { return std::pair(c.first * 2, c.second + 1); },
        std::pair(x, zeros({}, {.dtype = kInt64})));
  };
  const auto [values, steps] = vmap(f)(x);
  EXPECT_EQ(values.to_vector<float>(), (std::vector<float>{32, 40, 40, 51.2f}));
  EXPECT_EQ(steps.to_vector<std::int64_t>(), (std::vector<std::int64_t>{5, 3, 0, 8}));
  // A condition that all share: no select.
  const auto counted = [](const Tensor& x) {
    return while_loop(
        [](const std::pair<Tensor, Tensor>& c) { return c.second < 3; },
        [](const std::pair<Tensor, Tensor>& c) { return std::pair(c.first * 2, c.second + 1); },
        std::pair(x, zeros({}, {.dtype = kInt64})));
  };
  EXPECT_EQ(vmap(counted)(x).first.to_vector<float>(), (x * 8).to_vector<float>());
}

TEST(Vmap, Branches) {
  const Tensor x = ramp({5, 3});
  const auto f = [](const Tensor& x, const Tensor& p) {
    return cond(p, [](const Tensor& x) { return x * 2; }, [](const Tensor& x) { return -x; }, x);
  };
  const Tensor p = x.sum(1) > 0;
  expect_near(vmap(f)(x, p), by_loop(5, [&](std::int64_t k) { return f(x[k], p[k]); }));
  expect_near(vmap(f, {0, std::nullopt})(x, p[0]),
              by_loop(5, [&](std::int64_t k) { return f(x[k], p[0]); }));
  expect_near(vmap(f, {std::nullopt, 0})(x[0], p),
              by_loop(5, [&](std::int64_t k) { return f(x[0], p[k]); }));
  const auto total = [&](const Tensor& x) { return vmap(f)(x, p).pow(2).sum(); };
  const auto by_hand = [&](const Tensor& x) {
    return by_loop(5, [&](std::int64_t k) { return f(x[k], p[k]); }).pow(2).sum();
  };
  expect_near(grad(total, x).second, grad(by_hand, x).second);
}

TEST(Vmap, LoopsThatDraw) {
  const auto f = [](const Tensor& x) {
    return scan([](const Tensor& h, const Tensor& x) { return std::pair(h, x + rand({})); },
                zeros({}), x)
        .ys;
  };
  const std::vector<float> draws = vmap(f)(zeros({3, 4})).to_vector<float>();
  EXPECT_EQ(std::set<float>(draws.begin(), draws.end()).size(), 12u);
}

TEST(Vmap, Jacobians) {
  const Tensor x = ramp({2, 3}), w = ramp({3, 4});
  const auto f = [&](const Tensor& x) { return tanh(matmul(x, w)); };
  const Tensor y = f(x), j = jacobian(f, x);
  EXPECT_EQ(j.shape(), Shape({2, 4, 2, 3}));
  const auto [value, pullback] = vjp(f, x);
  for (std::int64_t a = 0; a < 2; ++a)
    for (std::int64_t b = 0; b < 4; ++b)
      expect_near(j[a][b], pullback(one_hot(tensor(a * 4 + b), 8).to(kFloat32).reshape({2, 4})));
  expect_near(jacrev(f, x), j);
  expect_near(jacfwd(f, x), j);
  expect_near(hessian([&](const Tensor& x) { return f(x).sum(); }, x),
              jacfwd(
                  [&](const Tensor& x) {
                    return grad([&](const Tensor& x) { return f(x).sum(); }, x).second;
                  },
                  x));
  EXPECT_EQ(
      jacobian([&](const Tensor& x) { return w + stop_gradient(x).sum(); }, x).abs().sum().item(),
      0);
  const auto each = vmap([&](const Tensor& x) {
    return jacobian([&](const Tensor& v) { return tanh(matmul(v, w)); }, x);
  })(x);
  expect_near(each[1], j[1].select(1, 1));
}

TEST(Vmap, JacobianOfAModel) {
  const Net net;
  const Tensor x = ramp({5, 3});
  const Net j = jacrev([&](const Net& net) { return net(x); }, net);
  EXPECT_EQ(j.fc1.weight.shape(), Shape({5, 2, 8, 3}));
  const auto g = grad([&](const Net& net) { return net(x)[3][1]; }, net).second;
  expect_near(j.fc1.weight[3][1], g.fc1.weight);
  expect_near(j.fc2.bias[3][1], g.fc2.bias);
}

TEST(Vmap, OfARegisteredOp) {
  const OpDef& twice = register_op({.name = "vmap_test_twice",
                                    .infer = [](const InferCtx& c) { return c.in[0]; },
                                    .no_vjp_reason = "none",
                                    .lower = [](LowerCtx& c) { return c[0] + c[0]; }});
  const Tensor x = ramp({3, 4});
  expect_near(vmap([&](const Tensor& x) { return apply(twice, {x}); })(x), x * 2);
}

// Every second element, and the first of another operand at the end.
TEST(Vmap, OfARegisteredView) {
  const OpDef& halves = register_op(
      {.name = "vmap_test_halves",
       .arity = 2,
       .cls = OpClass::View,
       .infer =
           [](const InferCtx& c) {
             Aval out = c.in[0];
             out.shape[0] = (out.shape[0] + 1) / 2;
             return out;
           },
       .vjp =
           [](const VjpCtx& c, const Tensor& ct) {
             const Tensor spread = stack({ct, zeros_like(ct)}, 1).flatten();
             return std::vector<Tensor>{spread.slice(0, 0, c.in[0].size(0)), ct * 3};
           },
       .lower =
           [](LowerCtx& c) {
             return c.element(0, {c.index[0] * c.integer(2)}) + c.element(1, {c.index[0]});
           }});
  const auto f = [&](const Tensor& x, const Tensor& y) { return apply(halves, {x, y}); };
  const auto by_hand = [](const Tensor& x, const Tensor& y) { return x.slice(0, 0, 7, 2) + y; };
  const Tensor x = ramp({3, 7}), y = ramp({3, 4});
  expect_near(vmap(f)(x, y), vmap(by_hand)(x, y));
  expect_near(vmap(f, {0, std::nullopt})(x, y[0]), vmap(by_hand, {0, std::nullopt})(x, y[0]));
  const Tensor xs = ramp({2, 3, 7}), ys = ramp({2, 3, 4});
  expect_near(vmap(vmap(f))(xs, ys), vmap(vmap(by_hand))(xs, ys));
  const auto total = [&](const Tensor& x, const Tensor& y) {
    return vmap(f, {0, std::nullopt})(x, y).pow(2).sum();
  };
  const auto [dx, dy] = grad<0, 1>(total, x, y[0]).second;
  const Tensor ct = 2 * f(x[1], y[0]);
  expect_near(dx[1].slice(0, 0, 7, 2), ct);
  expect_near(dy, (2 * vmap(f, {0, std::nullopt})(x, y[0])).sum(0) * 3);
}

}  // namespace
}  // namespace lilith
