#include "lilith/transforms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <thread>

#include "ir/node.h"
#include "lilith/compile.h"
#include "lilith/graph_names.h"
#include "lilith/ops.h"

namespace lilith {
namespace {

Tensor f64(std::vector<double> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return from_data(values.data(), Shape{n});
}
double item(const Tensor& t) { return t.item<double>(); }
std::vector<double> values(const Tensor& t) { return t.to(kFloat64).to_vector<double>(); }

struct Affine {
  Tensor weight, bias;
  std::int64_t calls = 3;
};
struct Stateful {
  Tensor weight;
  Buffer mean;
};

TEST(Grad, OfAFunctionOfTensors) {
  const Tensor x = f64({1, 2}), y = f64({3, 4});
  auto [value, g] = grad([](Tensor x, Tensor y) { return (x * x * y).sum(); }, x, y);
  EXPECT_EQ(item(value), 19);
  EXPECT_EQ(values(g), (std::vector<double>{6, 16}));
  auto [again, both] = grad<0, 1>([](Tensor x, Tensor y) { return (x * x * y).sum(); }, x, y);
  EXPECT_EQ(values(std::get<1>(both)), (std::vector<double>{1, 4}));
  EXPECT_EQ(values(grad<1>([](Tensor x, Tensor y) { return (x * x * y).sum(); }, x, y).second),
            (std::vector<double>{1, 4}));
}

TEST(Grad, OfTheSameTensorTwice) {
  const Tensor a = f64({2, 3});
  auto [value, g] = grad([](Tensor x, Tensor y) { return (x * x * y).sum(); }, a, a);
  EXPECT_EQ(values(g), (std::vector<double>{8, 18}));
}

TEST(Grad, OfAStruct) {
  const Affine m{f64({2, 3}), f64({1, 1})};
  const Tensor x = f64({5, 7});
  auto [value, g] =
      grad([](const Affine& m, Tensor x) { return (m.weight * x + m.bias).sum(); }, m, x);
  EXPECT_EQ(item(value), 33);
  EXPECT_EQ(values(g.weight), (std::vector<double>{5, 7}));
  EXPECT_EQ(values(g.bias), (std::vector<double>{1, 1}));
  EXPECT_EQ(g.calls, 3);
  EXPECT_EQ(values(m.weight), (std::vector<double>{2, 3}));
}

TEST(Grad, OfTheThirdOrder) {
  auto f = [](Tensor x) { return x * x * x * x; };
  auto d1 = [&](Tensor x) { return grad(f, x).second; };
  auto d2 = [&](Tensor x) { return grad(d1, x).second; };
  const Tensor x = f64({3})[0];
  EXPECT_EQ(item(d1(x)), 108);
  EXPECT_EQ(item(d2(x)), 108);
  EXPECT_EQ(item(grad(d2, x).second), 72);
}

TEST(Grad, InnerVariablesAreNotConfused) {
  // d/dx [x * d/dy (x + y)] = 1, not 2.
  auto outer = [](Tensor x) {
    return x * grad([&](Tensor y) { return x + y; }, f64({1})[0]).second;
  };
  EXPECT_EQ(item(grad(outer, f64({1})[0]).second), 1);
}

TEST(Grad, BuffersAreWrittenBackWithoutGradient) {
  Stateful m{f64({2, 4}), f64({0, 0})};
  auto f = [](Stateful& m, Tensor x) {
    m.mean = m.mean * 0.5 + m.weight;
    return (m.weight * x).sum();
  };
  auto [value, g] = grad(f, m, f64({1, 1}));
  EXPECT_EQ(values(m.mean), (std::vector<double>{2, 4}));
  EXPECT_FALSE(g.mean.defined());
  EXPECT_EQ(values(m.weight), (std::vector<double>{2, 4}));
  auto mean_of = [&](Tensor w) {
    Stateful s{w, f64({0, 0})};
    grad(f, s, f64({1, 1}));
    return s.mean.sum();
  };
  EXPECT_THROW(grad(mean_of, f64({1, 2})), Error);
}

TEST(Grad, AuxIsReturned) {
  auto [value, aux, g] = grad_aux([](Tensor x) { return std::pair(x.sum(), x * 2); }, f64({1, 2}));
  EXPECT_EQ(item(value), 3);
  EXPECT_EQ(values(aux), (std::vector<double>{2, 4}));
  EXPECT_EQ(values(g), (std::vector<double>{1, 1}));
}

TEST(Grad, AuxWithOptions) {
  struct Two {
    Tensor used = ones({2}), unused = ones({2});
  };
  auto [loss, aux, g] = grad_aux(
      {.allow_unused = true},
      [](const Two& m) { return std::pair(m.used.square().sum(), m.unused); }, Two());
  EXPECT_EQ(loss.item(), 2);
  EXPECT_EQ(aux.to_vector<float>(), (std::vector<float>{1, 1}));
  EXPECT_EQ(g.used.to_vector<float>(), (std::vector<float>{2, 2}));
  EXPECT_FALSE(g.unused.defined());
}

TEST(Grad, ControlFlowThatForcesAValue) {
  auto f = [](Tensor x) {
    Tensor y = x * x;
    if (y.sum().item<double>() > 1) y = y * 3;
    return y.sum();
  };
  EXPECT_EQ(values(grad(f, f64({2})).second), (std::vector<double>{12}));
  EXPECT_EQ(values(grad(f, f64({0.5})).second), (std::vector<double>{1}));
}

TEST(Grad, StopGradientCuts) {
  auto f = [](Tensor x) { return (x * stop_gradient(x)).sum(); };
  EXPECT_EQ(values(grad(f, f64({3})).second), (std::vector<double>{3}));
}

TEST(Grad, UnusedParametersAreNamed) {
  const Affine m{f64({2}), f64({1})};
  auto f = [](const Affine& m) { return m.weight.sum(); };
  try {
    grad(f, m);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("grad: the value does not depend on 'bias'"),
              std::string::npos)
        << e.what();
  }
  auto [value, g] = grad({.allow_unused = true}, f, m);
  EXPECT_FALSE(g.bias.defined());
  EXPECT_TRUE(g.weight.defined());
}

TEST(Grad, RefusesWhatIsNoScalar) {
  EXPECT_THROW(grad([](Tensor x) { return x * 2; }, f64({1, 2})), Error);
  EXPECT_THROW(grad([](Tensor x) { return x.sum(); }, ones({2}, {.dtype = kInt64})), Error);
}

TEST(Grad, OneProgramGivesValueAndGradient) {
  const Tensor x = f64({1, 2, 3});
  auto [value, g] = grad([](Tensor x) { return (x * x).sum(); }, x);
  const auto before = cache_stats().runs;
  eval(g);
  EXPECT_NE(value.node()->storage(), nullptr);
  EXPECT_EQ(item(value), 14);
  EXPECT_EQ(cache_stats().runs, before + 1);
}

TEST(Grad, AValueThatWasReadLetsGoOfWhatMadeIt) {
  Tensor inner_seen, seen;
  const auto f = [&](Tensor x) {
    seen = x * x;
    EXPECT_EQ(item(seen.sum()), 25);
    const auto g =
        grad([&](Tensor z) { return inner_seen = (z * z).sum(), item(inner_seen), inner_seen; }, x);
    EXPECT_FALSE(Node(inner_seen).inputs().empty()) << "the outer one may need it";
    EXPECT_FALSE(Node(seen).inputs().empty());
    return (seen * x).sum() + g.first;
  };
  const auto [y, dx] = grad(f, f64({3, 4}));
  EXPECT_TRUE(Node(seen).inputs().empty());
  EXPECT_TRUE(Node(inner_seen).inputs().empty());
  EXPECT_EQ(values(dx), (std::vector<double>{33, 56}));
  EXPECT_EQ(values(seen), (std::vector<double>{9, 16}));
}

TEST(Vjp, PullbackAfterTheValueWasRead) {
  auto [y, pullback] = vjp([](Tensor x) { return x * x; }, f64({3, 4}));
  EXPECT_EQ(values(y), (std::vector<double>{9, 16}));
  EXPECT_EQ(values(pullback(f64({1, 10}))), (std::vector<double>{6, 80}));
  auto [out, pull] =
      vjp([](Tensor a, Tensor b) { return std::pair(a * b, a + b); }, f64({2}), f64({5}));
  auto [da, db] = pull({f64({1}), f64({100})});
  EXPECT_EQ(values(da), (std::vector<double>{105}));
  EXPECT_EQ(values(db), (std::vector<double>{102}));
  EXPECT_THROW(pullback(f64({1})), Error);
}

TEST(Vjp, PullbackAfterAGradientWasRead) {
  const auto f = [](Tensor x) { return tanh(exp(x) * x); };
  const Tensor x = f64({0.5, 0.25}), ct = f64({1, 10});
  const auto [y, pullback] = vjp(f, x);
  const std::vector<double> first = values(pullback(ct));
  const auto expected = values(grad([&](Tensor t) { return (f(t) * ct).sum(); }, x).second);
  for (int k = 0; k < 3; ++k) {
    const std::vector<double> again = values(pullback(ct));
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_NEAR(first[i], expected[i], 1e-12);
      EXPECT_NEAR(again[i], expected[i], 1e-12);
    }
  }
}

TEST(Vjp, ARuleMayReadValues) {
  const auto squared = custom_vjp([](Tensor x) { return x * x; },
                                  [](const std::vector<Tensor>& in, const Tensor& out, Tensor ct) {
                                    EXPECT_GT(item(out.sum()), 0);
                                    EXPECT_GT(item(ct.sum()), 0);
                                    return std::vector<Tensor>{ct * in[0] * 2};
                                  });
  const auto [y, pullback] = vjp([&](Tensor x) { return squared(exp(x) + 1) * 3; }, f64({0, 1}));
  const auto expected = [](double x) { return 6 * (std::exp(x) + 1) * std::exp(x); };
  for (int k = 0; k < 3; ++k) {
    const std::vector<double> dx = values(pullback(f64({1, 2})));
    EXPECT_NEAR(dx[0], expected(0), 1e-12);
    EXPECT_NEAR(dx[1], 2 * expected(1), 1e-12);
  }
}

TEST(Vjp, ThreadsShareAPullback) {
  const Tensor w = f64({0.5, 0.25}) * 2;  // still pending
  const auto [y, pullback] = vjp([&](Tensor x) { return tanh(exp(x) * w); }, f64({0.1, 0.2}));
  std::vector<double> got[4];
  std::vector<std::thread> threads;
  for (auto& mine : got)
    threads.emplace_back([&] {
      for (int k = 0; k < 20; ++k) {
        const std::vector<double> dx = values(pullback(f64({1, 1})));
        mine.insert(mine.end(), dx.begin(), dx.end());
      }
    });
  for (std::thread& t : threads) t.join();
  const auto expected = [](double x, double w) {
    const double value = std::tanh(std::exp(x) * w);
    return (1 - value * value) * std::exp(x) * w;
  };
  for (const auto& mine : got)
    for (std::size_t i = 0; i < mine.size(); i += 2) {
      EXPECT_NEAR(mine[i], expected(0.1, 1), 1e-12);
      EXPECT_NEAR(mine[i + 1], expected(0.2, 0.5), 1e-12);
    }
}

TEST(CustomVjp, ReplacesTheRule) {
  auto clipped = custom_vjp([](Tensor x) { return x * x; },
                            [](const std::vector<Tensor>& in, const Tensor&, const Tensor& ct) {
                              return std::vector<Tensor>{ct * in[0] * 100};
                            });
  auto f = [&](Tensor x) { return clipped(x).sum(); };
  EXPECT_EQ(values(clipped(f64({3}))), (std::vector<double>{9}));
  EXPECT_EQ(values(grad(f, f64({3})).second), (std::vector<double>{300}));
  auto second = [&](Tensor x) { return grad(f, x).second.sum(); };
  EXPECT_EQ(values(grad(second, f64({3})).second), (std::vector<double>{100}));
}

TEST(Gradcheck, AcceptsRightAndRefusesWrongRules) {
  auto f = [](Tensor x, Tensor y) { return std::pair((sin(x) * y).sum(), x.exp()); };
  EXPECT_TRUE(gradcheck(f, f64({0.5, 1.5}), f64({1, 2})));
  EXPECT_TRUE(gradcheck([](const Affine& m) { return m.weight * m.bias; },
                        Affine{f64({1, 2}), f64({3, 4})}));
  set_vjp_hook([](const OpDef& op, int, Tensor ct) { return op.name == "sin" ? ct * 1.01 : ct; });
  EXPECT_THROW(gradcheck(f, f64({0.5, 1.5}), f64({1, 2})), Error);
  set_vjp_hook({});
  EXPECT_THROW(gradcheck([](Tensor x) { return x; }, ones({2})), Error);  // f32
}

TEST(Jvp, AgreesWithTheDerivative) {
  auto [y, dy] = jvp([](Tensor x) { return x * x; }, f64({3, 4}), f64({1, 10}));
  EXPECT_EQ(values(y), (std::vector<double>{9, 16}));
  EXPECT_EQ(values(dy), (std::vector<double>{6, 80}));
  auto f = [](Tensor a, Tensor b) { return a * b; };
  auto [z, dz] = jvp(f, std::tuple(f64({2}), f64({5})), std::tuple(f64({1}), f64({10})));
  EXPECT_EQ(values(dz), (std::vector<double>{25}));
  auto [c, dc] = jvp([](Tensor) { return f64({7}); }, f64({1}), f64({1}));
  EXPECT_EQ(values(dc), (std::vector<double>{0}));
}

TEST(Jacobian, AndHessian) {
  const Tensor j = jacobian([](const Tensor& x) { return x * x * 2; }, f64({1, 2}));
  EXPECT_EQ(j.shape(), (Shape{2, 2}));
  EXPECT_EQ(values(j), (std::vector<double>{4, 0, 0, 8}));
  const Tensor h =
      hessian([](const Tensor& x) { return (x * x * x).sum() + (x.sum() * x.sum()); }, f64({1, 2}));
  EXPECT_EQ(values(h), (std::vector<double>{8, 2, 2, 14}));
}

TEST(Checkpoint, HasTheSameGradients) {
  const Affine m{f64({0.5, 2}), f64({0.1, 0.2})};
  auto block = [](const Affine& m, Tensor x) { return exp(sin(x * m.weight) + m.bias); };
  auto plain = [&](const Affine& m, Tensor x) { return block(m, block(m, x)).sum(); };
  auto saved = [&](const Affine& m, Tensor x) {
    auto again =
        checkpoint([&](Tensor x) { return block(m, x); });  // m is captured: its gradient flows
    return again(checkpoint(block)(m, x)).sum();
  };
  const Tensor x = f64({0.3, 0.7});
  auto [v1, g1] = grad<0, 1>(plain, m, x);
  auto [v2, g2] = grad<0, 1>(saved, m, x);
  EXPECT_EQ(v1.item<double>(), v2.item<double>());
  const auto a = values(std::get<0>(g1).weight), b = values(std::get<0>(g2).weight);
  for (std::size_t k = 0; k < a.size(); ++k) EXPECT_NEAR(a[k], b[k], 1e-12);
  const auto c = values(std::get<1>(g1)), d = values(std::get<1>(g2));
  for (std::size_t k = 0; k < c.size(); ++k) EXPECT_NEAR(c[k], d[k], 1e-12);
  EXPECT_TRUE(gradcheck([&](Tensor x) { return grad<1>(saved, m, x).second; }, x));
}

TEST(Checkpoint, RecomputesBehindABarrier) {
  auto f = checkpoint([](Tensor x) { return exp(sin(x)); });
  const Graph g = trace(
      [&](Tensor x) { return grad([&](Tensor x) { return f(x).sum(); }, x).second; }, f64({1}));
  EXPECT_NE(g.str().find("barrier"), std::string::npos);
}

TEST(Checkpoint, ARuleThatDiesWithTheFirstResultFreesNoOther) {
  const Tensor x = f64({0.1, 0.2, 0.3});
  auto [l, g] = grad(
      [](Tensor x) { return checkpoint([](Tensor x) { return dropout(exp(x), 0.5); })(x).sum(); },
      x);
  eval(l, g);
  EXPECT_NEAR(values(g)[0] + values(g)[1] + values(g)[2], item(l), 1e-12);  // exp is its derivative
}

TEST(Checkpoint, ACustomRuleMayHoldTheLastHandle) {
  const Tensor x = f64({0.1, 0.2});
  auto [l, g] = grad(
      [](Tensor x) {
        const Tensor kept = exp(x);
        auto f = custom_vjp(
            [](Tensor x) { return x * x; },
            [kept](auto&, auto&, const Tensor& ct) { return std::vector<Tensor>{ct * kept}; });
        return f(x).sum();
      },
      x);
  eval(l, g);
  EXPECT_NEAR(values(g)[1], std::exp(0.2), 1e-12);
}

TEST(Checkpoint, WhatItCapturesIsNotStored) {
  const Tensor x = f64({0.1, 0.2});
  std::optional<ir::NodeRef> captured;
  auto loss = [&](Tensor x) {
    const Tensor w = exp(x);
    captured.emplace(w);
    return checkpoint([w](Tensor x) { return sin(x) * w; })(x).sum();
  };
  auto [l, g] = grad(loss, x);
  eval(l, g);
  EXPECT_EQ((*captured)->storage(), nullptr);
  EXPECT_NEAR(values(g)[0], std::exp(0.1) * (std::sin(0.1) + std::cos(0.1)), 1e-12);
}

// y = exp(x) * mask / (1 - p): the gradient of y² is 2 y² where both masks are the same.
TEST(Checkpoint, DrawsTheSameNumbersAgain) {
  auto gap = [](Tensor x) {
    auto block = checkpoint([](Tensor x) { return dropout(exp(x), 0.5); });
    auto [loss, y, g] = grad_aux(
        [&](Tensor x) {
          const Tensor y = block(x);
          return std::pair((y * y).sum(), y);
        },
        x);
    return std::pair((g - y * y * 2).abs().max(), (y == 0).to(kFloat32).mean());
  };
  const Tensor x = rand({1000});
  const auto [lazily, dropped] = gap(x);
  EXPECT_LT(lazily.item<float>(), 1e-4);
  EXPECT_NEAR(dropped.item<float>(), 0.5, 0.1);
  const auto [compiled, dropped_too] = compile(gap)(x);
  EXPECT_LT(compiled.item<float>(), 1e-4);
  EXPECT_NEAR(dropped_too.item<float>(), 0.5, 0.1);
}

}  // namespace
}  // namespace lilith
