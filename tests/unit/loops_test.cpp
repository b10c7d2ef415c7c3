#include "lilith/loops.h"

#include <gtest/gtest.h>

#include <cmath>

#include "eval/program.h"
#include "ir/reference.h"
#include "lilith/compile.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "loops_check.h"
#include "passes/pipeline.h"

namespace lilith {
namespace {

using Pair = std::pair<Tensor, Tensor>;

// h' = tanh(h W + x), y = h' * h'.
struct Cell {
  Tensor w;
  Pair operator()(const Tensor& h, const Tensor& x) const {
    const Tensor next = tanh(matmul(h, w) + x);
    return {next, next * next};
  }
};

Pair by_hand(const Cell& cell, Tensor h, const Tensor& xs, bool reverse = false) {
  const std::int64_t n = xs.size(0);
  std::vector<Tensor> ys(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t t = reverse ? n - 1 - i : i;
    auto [next, y] = cell(h, select(xs, 0, t));
    h = next;
    ys[static_cast<std::size_t>(t)] = y;
  }
  return {h, stack(ys)};
}

TEST(Scan, ComputesWhatALoopDoes) {
  const Cell cell{randn({5, 5}) * 0.4};
  const Tensor h = randn({3, 5}), xs = randn({7, 3, 5});
  for (const bool reverse : {false, true}) {
    const auto [carry, ys] = scan(cell, h, xs, {.reverse = reverse});
    const auto [c, y] = by_hand(cell, h, xs, reverse);
    expect_near(carry, c);
    expect_near(ys, y);
  }
}

TEST(Scan, OneStepAndNone) {
  const Cell cell{randn({5, 5})};
  const Tensor h = randn({3, 5}), xs = randn({1, 3, 5});
  const auto [carry, ys] = scan(cell, h, xs);
  const auto [c, y] = by_hand(cell, h, xs);
  expect_near(carry, c);
  expect_near(ys, y);
  const auto none = scan(cell, h, zeros({0, 3, 5}));
  expect_near(none.carry, h);
  EXPECT_EQ(none.ys.shape().str(), "[0,3,5]");
}

struct State {
  Tensor h;
  std::vector<Tensor> more;
};
struct Row {
  Tensor x, flag;
};

TEST(Scan, StructsAreCarriesRowsAndResults) {
  const State init{zeros({2}), {tensor(std::int64_t{0}), ones({2})}};
  const Row rows{arange(12).to(kFloat32).reshape({6, 2}), arange(6) % 2 == 0};
  const auto step = [](State s, const Row& r) {
    s.h = where(r.flag, s.h + r.x, s.h);
    s.more[0] = s.more[0] + 1;
    const Tensor before = s.more[1];
    s.more[1] = s.h;
    return std::tuple(s, Row{before, r.flag});
  };
  const auto [carry, ys] = scan(step, init, rows);
  EXPECT_EQ(carry.h.to_vector<float>(), (std::vector<float>{0 + 4 + 8, 1 + 5 + 9}));
  EXPECT_EQ(carry.more[0].item<std::int64_t>(), 6);
  EXPECT_EQ(ys.x.shape().str(), "[6,2]");
  EXPECT_EQ(ys.x[3].to_vector<float>(), (std::vector<float>{4, 6}));
  EXPECT_EQ(ys.flag.to_vector<bool>(), rows.flag.to_vector<bool>());
}

TEST(Scan, TheCarryAloneAndCounting) {
  const auto sum = scan([](const Tensor& s, const Tensor& i) { return s + i; },
                        tensor(std::int64_t{0}), arange(101));
  EXPECT_EQ(sum.carry.item<std::int64_t>(), 5050);
}

TEST(Scan, CarriesChangePlacesAndStay) {
  const auto [carry, ys] = scan(
      [](const std::tuple<Tensor, Tensor, Tensor>& c, const Tensor& x) {
        const auto& [a, b, same] = c;
        return std::pair(std::tuple(b, a, same), a * same + x);
      },
      std::tuple(tensor(1.0), tensor(2.0), tensor(10.0)), zeros({5}));
  EXPECT_EQ(std::get<0>(carry).item<float>(), 2);
  EXPECT_EQ(std::get<1>(carry).item<float>(), 1);
  EXPECT_EQ(std::get<2>(carry).item<float>(), 10);
  EXPECT_EQ(ys.to_vector<float>(), (std::vector<float>{10, 20, 10, 20, 10}));
}

TEST(Scan, OutputsThatAreInputsNumbersAndEachOther) {
  const auto [carry, ys] = scan(
      [](const Tensor& c, const Tensor& x) {
        const Tensor next = c + x;
        return std::pair(next, std::tuple(next, next, c, x, full({2}, 7.0)));
      },
      ones({2}), arange(3).to(kFloat32).reshape({3, 1}).expand({3, 2}));
  const auto [a, b, before, x, seven] = ys;
  EXPECT_EQ(carry.to_vector<float>(), (std::vector<float>{4, 4}));
  expect_near(a, tensor({{1.f, 1.f}, {2.f, 2.f}, {4.f, 4.f}}));
  expect_near(b, a);
  expect_near(before, tensor({{1.f, 1.f}, {1.f, 1.f}, {2.f, 2.f}}));
  expect_near(x, tensor({{0.f, 0.f}, {1.f, 1.f}, {2.f, 2.f}}));
  expect_near(seven, full({3, 2}, 7.0));
}

// The same over enough elements that all threads take part.
TEST(Scan, ManyThreads) {
  const Cell cell{randn({128, 128}) * 0.1};
  const Tensor h = randn({64, 128}), xs = randn({40, 64, 128});
  const auto [carry, ys] = scan(cell, h, xs);
  const auto [c, y] = by_hand(cell, h, xs);
  expect_near(carry, c, 1e-4);
  expect_near(ys, y, 1e-4);
}

TEST(Scan, KernelsDoNotGrowWithTheSteps) {
  std::vector<std::int64_t> kernels;
  for (const std::int64_t n : {4, 400}) {
    const Graph g = trace(
        [](const Cell& cell, const Tensor& h, const Tensor& xs) { return scan(cell, h, xs).ys; },
        Cell{zeros({5, 5})}, zeros({3, 5}), zeros({n, 3, 5}));
    kernels.push_back(Program::compile(run_passes(g))->stats().num_kernels);
  }
  EXPECT_EQ(kernels[0], kernels[1]);
  EXPECT_LE(kernels[0], 4);
}

Tensor loss_of_scan(const Cell& cell, const Tensor& h, const Tensor& xs, bool reverse) {
  const auto [carry, ys] = scan(cell, h, xs, {.reverse = reverse});
  return (carry * 0.5).sum() + (ys * ys).sum();
}
Tensor loss_by_hand(const Cell& cell, const Tensor& h, const Tensor& xs, bool reverse) {
  const auto [carry, ys] = by_hand(cell, h, xs, reverse);
  return (carry * 0.5).sum() + (ys * ys).sum();
}

TEST(Scan, Gradients) {
  const Cell cell{randn({5, 5}) * 0.4};
  const Tensor h = randn({3, 5}), xs = randn({7, 3, 5});
  for (const bool reverse : {false, true}) {
    const auto f = [&](const Cell& c, const Tensor& h, const Tensor& xs) {
      return loss_of_scan(c, h, xs, reverse);
    };
    const auto g = [&](const Cell& c, const Tensor& h, const Tensor& xs) {
      return loss_by_hand(c, h, xs, reverse);
    };
    const auto [v, got] = grad<0, 1, 2>(f, cell, h, xs);
    const auto [w, right] = grad<0, 1, 2>(g, cell, h, xs);
    expect_near(v, w);
    expect_near(std::get<0>(got).w, std::get<0>(right).w, 1e-4);
    expect_near(std::get<1>(got), std::get<1>(right), 1e-4);
    expect_near(std::get<2>(got), std::get<2>(right), 1e-4);
    const auto [u, compiled] = compile([&](const Cell& c, const Tensor& h, const Tensor& xs) {
      return grad<0, 1, 2>(f, c, h, xs);
    })(cell, h, xs);
    expect_near(u, w);
    expect_near(std::get<0>(compiled).w, std::get<0>(right).w, 1e-4);
  }
}

struct Weights {
  Tensor w, b, s;
};

TEST(Scan, GradientsByDifferences) {
  const Weights m{randn({3, 3}, {.dtype = kFloat64}), randn({3}, {.dtype = kFloat64}),
                  randn({}, {.dtype = kFloat64})};
  const Tensor h = randn({2, 3}, {.dtype = kFloat64}), xs = randn({4, 2, 3}, {.dtype = kFloat64});
  // Products, sums over rows, numbers, a transposed weight and one used twice.
  const auto f = [](const Weights& m, const Tensor& h, const Tensor& xs) {
    return scan(
        [&](const Tensor& h, const Tensor& x) {
          const Tensor a = sigmoid(matmul(h, m.w.t()) + m.b) * m.s;
          const Tensor b = tanh(matmul(x, m.w) * a);
          return std::pair(b + h * m.b, (a * b).sum());
        },
        h, xs);
  };
  EXPECT_TRUE(gradcheck(
      [&](const Weights& m, const Tensor& h, const Tensor& xs) {
        const auto [carry, ys] = f(m, h, xs);
        return std::tuple(carry, ys);
      },
      m, h, xs));
  // Of the gradient.
  EXPECT_TRUE(gradcheck(
      [&](const Weights& m, const Tensor& h, const Tensor& xs) {
        return grad(
                   [&](const Weights& m, const Tensor& h, const Tensor& xs) {
                     const auto [carry, ys] = f(m, h, xs);
                     return (carry * carry).sum() + ys.sum();
                   },
                   m, h, xs)
            .second.w;
      },
      m, h, xs));
}

TEST(Scan, GradientsOfCarriesOnesAndOfNothingElse) {
  // A counter has no gradient, an unused carry none of its own.
  const auto f = [](const Tensor& x) {
    const auto [carry, ys] = scan(
        [](const std::tuple<Tensor, Tensor>& c, const Tensor& x) {
          const auto& [n, s] = c;
          return std::pair(std::tuple(n + 1, s * x), n.to(kFloat64) * x);
        },
        std::tuple(tensor(std::int64_t{0}), ones({}, {.dtype = kFloat64})), x);
    return ys.sum();
  };
  const auto [v, g] = grad(f, arange(5).to(kFloat64));
  EXPECT_EQ(g.to_vector<double>(), (std::vector<double>{0, 1, 2, 3, 4}));
  EXPECT_EQ(v.item<double>(), 30);
}

TEST(Scan, Jvp) {
  const Cell cell{randn({4, 4}, {.dtype = kFloat64}) * 0.4};
  const Tensor h = randn({2, 4}, {.dtype = kFloat64}), xs = randn({5, 2, 4}, {.dtype = kFloat64});
  const Tensor d = randn({2, 4}, {.dtype = kFloat64});
  const auto [y, dy] = jvp([&](const Tensor& h) { return scan(cell, h, xs).ys; }, h, d);
  const auto [z, dz] = jvp([&](const Tensor& h) { return by_hand(cell, h, xs).second; }, h, d);
  expect_near(y, z, 1e-10);
  expect_near(dy, dz, 1e-10);
}

TEST(Scan, NestsAndIsDifferentiatedInside) {
  const Tensor xs = randn({3, 4}, {.dtype = kFloat64});
  const auto inner = [](const Tensor& s, const Tensor& row) {
    return scan([&](const Tensor& s, const Tensor& x) { return std::pair(s * 0.5 + x * x, s * x); },
                s, row);
  };
  const auto nested = [&](const Tensor& xs) {
    const auto [carry, ys] = scan(
        [&](const Tensor& s, const Tensor& row) {
          const auto [c, y] = inner(s, row);
          return std::pair(c, y.sum());
        },
        ones({}, {.dtype = kFloat64}), xs);
    return carry + (ys * ys).sum();
  };
  EXPECT_TRUE(gradcheck(nested, xs));
  // A gradient in each step.
  const auto steps = [](const Tensor& w, const Tensor& xs) {
    return scan(
               [](const Tensor& w, const Tensor& x) {
                 const auto g = grad([&](const Tensor& w) { return sin(w * x).sum(); }, w).second;
                 return w - 0.1 * g;
               },
               w, xs)
        .carry;
  };
  Tensor w = randn({4}, {.dtype = kFloat64}), by_hand = w;
  for (std::int64_t t = 0; t < 3; ++t) by_hand = by_hand - 0.1 * xs[t] * cos(by_hand * xs[t]);
  expect_near(steps(w, xs), by_hand, 1e-12);
  EXPECT_TRUE(gradcheck(steps, w, xs));
}

TEST(Scan, CheckpointsInside) {
  const Tensor w = randn({4, 4}, {.dtype = kFloat64}), h = randn({2, 4}, {.dtype = kFloat64}),
               xs = randn({5, 2, 4}, {.dtype = kFloat64});
  EXPECT_TRUE(gradcheck(
      [](const Tensor& w, const Tensor& h, const Tensor& xs) {
        const auto step = checkpoint(
            [&](const Tensor& h, const Tensor& x) { return tanh(sin(matmul(h, w)) + x); });
        return scan([&](const Tensor& h, const Tensor& x) { return step(h, x); }, h, xs).carry;
      },
      w, h, xs));
}

TEST(Scan, RandomNumbersDifferFromStepToStep) {
  const auto f = [](const Tensor& xs) {
    return scan([](const Tensor& s, const Tensor&) { return std::pair(s, rand({3})); }, zeros({}),
                xs)
        .ys;
  };
  const auto check = [](const Tensor& y) {
    const std::vector<float> v = y.to_vector<float>();
    for (std::size_t i = 0; i < v.size(); ++i)
      for (std::size_t j = 0; j < i; ++j) EXPECT_NE(v[i], v[j]);
  };
  check(cat({f(zeros({4})), f(zeros({4}))}, 0));
  auto compiled = compile(f);
  const Tensor first = compiled(zeros({4})).clone();
  check(cat({first, compiled(zeros({4}))}, 0));
}

TEST(Scan, PrintsParsesAndVerifies) {
  const Cell cell{randn({4, 4})};
  const Graph g = trace(
      [&](const Tensor& h, const Tensor& xs) {
        return grad([&](const Tensor& h) { return loss_of_scan(cell, h, xs, false); }, h).second;
      },
      zeros({2, 4}), zeros({5, 2, 4}));
  g.verify();
  const std::string text = g.str(false);
  EXPECT_NE(text.find("= scan("), std::string::npos);
  const Graph again = parse_graph(text);
  again.verify();
  EXPECT_EQ(again.str(false), text);
  EXPECT_EQ(parse_graph(run_passes(g).str(false)).str(false), run_passes(g).str(false));
}

TEST(Scan, TheInterpreterAgrees) {
  const Cell cell{randn({4, 4})};
  const Graph g = trace(
      [&](const Tensor& h, const Tensor& xs) {
        const auto [carry, ys] = scan(cell, h, xs);
        return std::tuple(carry, ys);
      },
      randn({2, 4}), randn({5, 2, 4}));
  const Tensor h = randn({2, 4}), xs = randn({5, 2, 4});
  const std::vector<Tensor> compiled = compile(g)({h, xs});
  const std::vector<RefTensor> right =
      ir::interpret(g, {ir::to_reference(h), ir::to_reference(xs)});
  for (std::size_t k = 0; k < right.size(); ++k) {
    const std::vector<float> got = compiled[k].to_vector<float>();
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], right[k].f[i], 1e-5);
  }
}

TEST(Scan, Errors) {
  const auto add = [](const Tensor& c, const Tensor& x) { return c + x; };
  EXPECT_NE(testing::error_text([&] { scan(add, zeros({3}), zeros({5, 2, 3})); })
                .find("scan: the carry is f32[3] before a step and f32[2,3] after it; need the "
                      "same (loops_test.cpp:"),
            std::string::npos);
  EXPECT_NE(testing::error_text([&] {
              scan([](const Tensor& c, const std::tuple<Tensor, Tensor>&) { return c; }, zeros({}),
                   std::tuple(zeros({5}), zeros({4})));
            }).find("need the same number of rows"),
            std::string::npos);
  EXPECT_NE(
      testing::error_text([&] { scan(add, zeros({}), zeros({})); }).find("need a first dimension"),
      std::string::npos);
  EXPECT_NE(testing::error_text([&] {
              scan([](const Tensor& c, const std::tuple<>&) { return c; }, zeros({}),
                   std::tuple<>());
            }).find("xs has no tensor"),
            std::string::npos);
  EXPECT_NE(testing::error_text([&] {
              scan([](const Tensor& c, const Tensor& x) { return c * x.item<float>(); }, zeros({}),
                   zeros({3}));
            }).find("item: the tensor is an input of a traced function and has no value"),
            std::string::npos);
  // Nothing is left behind.
  expect_near(scan(add, zeros({}), ones({3})).carry, tensor(3.f));
}

struct Products {
  Tensor w, v, batched;
};

TEST(Scan, ProductsOfRowsLeaveTheLoop) {
  const Products m{randn({4, 5}), randn({5, 3}), randn({2, 4, 5})};
  const Tensor h = randn({2, 5}), xs = randn({6, 2, 4});
  const auto step = [](const Products& m, const Tensor& h, const Tensor& x) {
    const Tensor next = tanh(h + matmul(x, m.w) + bmm(x.unsqueeze(1), m.batched).squeeze(1) +
                             matmul(m.w.t(), x.t()).t());
    return std::pair(next, std::tuple(matmul(next, m.v), matmul(x, m.w), x));
  };
  const auto looped = [&](const Products& m, const Tensor& h, const Tensor& xs) {
    const auto [carry, ys] =
        scan([&](const Tensor& h, const Tensor& x) { return step(m, h, x); }, h, xs);
    return std::tuple(carry, ys);
  };
  const auto by_hand = [&](const Products& m, Tensor h, const Tensor& xs) {
    std::vector<Tensor> a, b, c;
    for (std::int64_t t = 0; t < 6; ++t) {
      auto [next, ys] = step(m, h, xs[t]);
      h = next;
      a.push_back(std::get<0>(ys));
      b.push_back(std::get<1>(ys));
      c.push_back(std::get<2>(ys));
    }
    return std::tuple(h, std::tuple(stack(a), stack(b), stack(c)));
  };
  const auto compare = [](const auto& got, const auto& right) {
    const auto& [a, x] = got;
    const auto& [b, y] = right;
    expect_near(a, b);
    expect_near(std::get<0>(x), std::get<0>(y));
    expect_near(std::get<1>(x), std::get<1>(y));
    expect_near(std::get<2>(x), std::get<2>(y));
  };
  compare(looped(m, h, xs), by_hand(m, h, xs));
  const auto loss = [](const auto& f) {
    return [&f](const Products& m, const Tensor& h, const Tensor& xs) {
      const auto [carry, ys] = f(m, h, xs);
      return carry.sum() + (std::get<0>(ys) * std::get<0>(ys)).sum() + std::get<1>(ys).sum();
    };
  };
  const auto got = grad<0, 1, 2>(loss(looped), m, h, xs).second;
  const auto right = grad<0, 1, 2>(loss(by_hand), m, h, xs).second;
  expect_near(std::get<0>(got).w, std::get<0>(right).w, 1e-4);
  expect_near(std::get<0>(got).v, std::get<0>(right).v, 1e-4);
  expect_near(std::get<0>(got).batched, std::get<0>(right).batched, 1e-4);
  expect_near(std::get<2>(got), std::get<2>(right), 1e-4);
  // Of the products of x the one of each row with a matrix of its own stays in the body.
  const Graph g = run_passes(trace(looped, m, h, xs));
  const std::string text = g.str(false), body = text.substr(0, text.find("\n}"));
  EXPECT_EQ(body.find("dot_general"), body.rfind("dot_general")) << text;
}

TEST(Scan, IndicesOutsideAreFound) {
  const Tensor table = arange(5).to(kFloat32);
  const auto f = [&](const Tensor& start) {
    return scan(
        [&](const Tensor& i, const Tensor&) {
          const Tensor next = i + 1;
          return std::pair(next, take(table, next * next));
        },
        start, zeros({3}));
  };
  const auto [i, ys] = f(tensor(std::int64_t{-2}));
  EXPECT_EQ(ys.to_vector<float>(), (std::vector<float>{1, 0, 1}));
  const std::string error =
      testing::error_text([&] { f(tensor(std::int64_t{0})).ys.to_vector<float>(); });
  EXPECT_NE(error.find("index 9 is out of range"), std::string::npos) << error;
  EXPECT_NE(error.find("loops_test.cpp"), std::string::npos) << error;
}

TEST(Scan, ReadsWhatLiesInAnotherOrder) {
  for (const std::int64_t width : {3, 32}) {
    const Tensor x = reshape(sin(cast(arange(4 * 5 * width), DType::F32) * 0.37), {4, 5, width});
    eval(x);
    const auto turned = [&] { return (exp(x * 0.1) + 1).permute({1, 2, 0}) * 1.0; };
    const auto [h, ys] = scan(
        [](Tensor h, Tensor v) {
          const Tensor next = tanh(h * 0.5 + v);
          return std::pair(next, next * 2);
        },
        zeros({width, 4}), turned());
    const std::vector<float> got = ys.sum(0).to_vector<float>();
    const Tensor rows = turned();
    eval(rows);
    Tensor g = zeros({width, 4}), sum = g;
    for (std::int64_t t = 0; t < 5; ++t) {
      g = tanh(g * 0.5 + rows[t]);
      sum = sum + g * 2;
    }
    const std::vector<float> right = sum.to_vector<float>();
    for (std::size_t k = 0; k < got.size(); ++k) EXPECT_NEAR(got[k], right[k], 1e-5);
  }
}

}  // namespace
}  // namespace lilith
