#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "core/env.h"
#include "ir/node.h"
#include "lilith/compile.h"
#include "lilith/graph_names.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "unit/count_allocations.h"

namespace lilith {
namespace {

Tensor f64(std::vector<double> values) {
  return from_data(values.data(), Shape{static_cast<std::int64_t>(values.size())});
}
std::vector<double> values(const Tensor& t) { return t.to(kFloat64).to_vector<double>(); }

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}
#define EXPECT_ERROR(statement, text)                      \
  do {                                                     \
    const std::string what = error_of([&] { statement; }); \
    EXPECT_NE(what.find(text), std::string::npos) << what; \
  } while (false)

struct Model {
  Tensor weight = f64({1, 2});
  Buffer seen = f64({0, 0});
  std::int64_t calls = 0;
  std::optional<Tensor> extra;
};
struct Affine {
  Tensor weight, bias;
};
struct Descent {
  Hyper lr = 0.5;
};

TEST(Compile, OneTracePerSignature) {
  static int traced;  // not captured: what captures something is traced again, to be sure
  traced = 0;
  auto f = compile([&](Tensor x) {
    ++traced;
    return (x + 1).sum();
  });
  EXPECT_EQ(f(f64({1, 2})).item<double>(), 5);
  EXPECT_EQ(f(f64({2, 3})).item<double>(), 7);
  EXPECT_EQ(traced, 1);
  EXPECT_EQ(f(f64({2})).item<double>(), 3);
  EXPECT_EQ(traced, 2);
  EXPECT_NE(explain(f).find("x f64[2]"), std::string::npos);
}

TEST(Compile, NumbersArePartOfTheSignature) {
  static int traced;
  traced = 0;
  auto f = compile([&](Tensor x, double k, bool twice) {
    ++traced;
    return twice ? x * k * 2 : x * k;
  });
  EXPECT_EQ(values(f(f64({1}), 3.0, false)), (std::vector<double>{3}));
  EXPECT_EQ(values(f(f64({1}), 3.0, true)), (std::vector<double>{6}));
  EXPECT_EQ(values(f(f64({2}), 3.0, false)), (std::vector<double>{6}));
  EXPECT_EQ(traced, 2);
}

TEST(Compile, StateIsWrittenBack) {
  static int traced;
  traced = 0;
  auto step = compile([&](Model& m, const Descent& d, Tensor x) {
    ++traced;
    m.seen = m.seen + x;
    m.weight = m.weight - x * d.lr.tensor();
    return m.weight.sum();
  });
  Model m;
  Descent d;
  EXPECT_EQ(step(m, d, f64({1, 1})).item<double>(), 2);
  EXPECT_EQ(values(m.weight), (std::vector<double>{0.5, 1.5}));
  d.lr = 1.0;  // a run-time number: no new trace
  step(m, d, f64({1, 1}));
  EXPECT_EQ(values(m.weight), (std::vector<double>{-0.5, 0.5}));
  EXPECT_EQ(values(m.seen), (std::vector<double>{2, 2}));
  EXPECT_EQ(traced, 1);
  EXPECT_EQ(m.calls, 0);
}

TEST(Compile, AHyperThatIsReadAsANumberIsAGuard) {
  static int traced;
  traced = 0;
  auto f = compile([&](Tensor x, const Descent& d) {
    ++traced;
    return d.lr > 1 ? x * 10 : x;
  });
  Descent small, large{2.0};
  EXPECT_EQ(values(f(f64({3}), small)), (std::vector<double>{3}));
  EXPECT_EQ(values(f(f64({3}), large)), (std::vector<double>{30}));
  EXPECT_EQ(values(f(f64({4}), small)), (std::vector<double>{4}));
  EXPECT_EQ(traced, 2);
}

TEST(Compile, StateIsDonated) {
  auto step = compile([](Model& m) { m.weight = m.weight * 2; });
  Model m;
  step(m);
  const auto before = cache_stats().donated;
  step(m);
  EXPECT_EQ(cache_stats().donated, before + 1);
  const Tensor old = m.weight;  // still held: the value must not change under it
  step(m);
  EXPECT_EQ(cache_stats().donated, before + 1);
  EXPECT_EQ(values(old), (std::vector<double>{4, 8}));
  EXPECT_EQ(values(m.weight), (std::vector<double>{8, 16}));
  step(m);  // weight was lent by to_vector of its cast only; old is lent
  EXPECT_EQ(values(m.weight), (std::vector<double>{16, 32}));
}

TEST(Compile, TheSameObjectTwice) {
  auto f = compile([](Model& a, Model& b) {
    a.weight = a.weight + 1;
    b.weight = b.weight * 2;
  });
  Model m;
  f(m, m);
  EXPECT_EQ(values(m.weight), (std::vector<double>{4, 6}));
}

TEST(Compile, ResultsOfEveryForm) {
  struct Out {
    Tensor a;
    std::pair<Tensor, double> b;
  };
  auto f = compile([](Tensor x, Tensor y) { return Out{x * y, {x, 2.5}}; });
  const Tensor x = f64({2}), y = f64({3});
  for (int k = 0; k < 2; ++k) {
    const Out out = f(x, y);
    EXPECT_EQ(values(out.a), (std::vector<double>{6}));
    EXPECT_EQ(values(out.b.first), (std::vector<double>{2}));
    EXPECT_EQ(out.b.second, 2.5);
  }
  auto constant = compile([](Tensor) { return std::tuple(ones({2}), Tensor()); });
  EXPECT_EQ(values(std::get<0>(constant(x))), (std::vector<double>{1, 1}));
  EXPECT_FALSE(std::get<1>(constant(x)).defined());
}

TEST(Compile, LiteralsMadeInsideAreConstants) {
  auto f = compile([](Tensor x) { return x * f64({10, 100}); });
  EXPECT_EQ(values(f(f64({1, 2}))), (std::vector<double>{10, 200}));
  EXPECT_EQ(values(f(f64({3, 4}))), (std::vector<double>{30, 400}));
}

TEST(Compile, GradInsideAndOutside) {
  auto loss = [](const Model& m, Tensor x) { return (m.weight * m.weight * x).sum(); };
  auto step = compile([&](Model& m, Tensor x) {
    auto [value, g] = grad(loss, m, x);
    m.weight = m.weight - g.weight;
    return value;
  });
  Model m;
  EXPECT_EQ(step(m, f64({1, 1})).item<double>(), 5);
  EXPECT_EQ(values(m.weight), (std::vector<double>{-1, -2}));
  auto square = compile([](Tensor x) { return (x * x).sum(); });
  EXPECT_EQ(values(grad(square, f64({3})).second), (std::vector<double>{6}));
}

TEST(CompileErrors, ACapturedTensor) {
  const Tensor w = f64({1, 2});
  auto f = compile([&](Tensor x) { return x * w; });
  EXPECT_ERROR(f(f64({1, 2})), "compile: the function uses a tensor that is no argument (f64[2]");
  const Tensor pending = w * 2.5;
  auto g = compile([&](Tensor x) { return x * pending; });
  EXPECT_ERROR(g(f64({1, 2})), "that is no argument (f64[2], the result of mul");
}

TEST(CompileErrors, ACapturedConstant) {
  Tensor total = zeros({});
  auto f = compile([&](Tensor x) { return x.sum() + total; });
  EXPECT_ERROR(f(ones({2})), "compile: the function uses a tensor that is no argument (f32[]");
  auto g = compile([](Tensor x) { return x + full({2}, 3.0) * ones_like(x); });
  EXPECT_EQ(values(g(ones({2}))), (std::vector<double>{4, 4}));
  auto both = compile([](Tensor x) {
    const Tensor one = ones({2});
    return std::pair(one, x + one);
  });
  EXPECT_EQ(values(both(ones({2})).second), (std::vector<double>{2, 2}));
}

// Handles that live in the graph, as part of a gradient rule, are not the user's.
TEST(Compile, RulesThatHoldTracers) {
  const Affine m{f64({0.5, 2}), f64({0.1, 0.2})};
  auto loss = [](const Affine& m, Tensor x) {
    const Tensor scale = exp(x);
    auto block = checkpoint([&](Tensor x) {
      return tanh(x * m.weight + m.bias) * scale + arange(2, {.dtype = kFloat64});
    });
    return block(x).sum();
  };
  auto step = compile([&](const Affine& m, Tensor x) { return grad<0, 1>(loss, m, x).second; });
  const Tensor x = f64({0.3, 0.7});
  const auto [of_model, of_x] = step(m, x);
  const auto [want_model, want_x] = grad<0, 1>(loss, m, x).second;
  EXPECT_EQ(values(of_model.weight), values(want_model.weight));
  EXPECT_EQ(values(of_x), values(want_x));

  auto ruled = compile([](Tensor x, Tensor w) {
    auto square =
        custom_vjp([](Tensor x) { return x * x; },
                   [w](auto&, auto&, const Tensor& ct) { return std::vector<Tensor>{ct * w}; });
    return grad([&](Tensor x) { return (square(x) + square(x * 2)).sum(); }, x).second;
  });
  EXPECT_EQ(values(ruled(f64({1, 1}), f64({2, 3}))), (std::vector<double>{6, 9}));
}

TEST(CompileErrors, ARuleThatHoldsACapturedTensor) {
  const Tensor w = f64({2, 3});
  auto square =
      custom_vjp([](Tensor x) { return x * x; },
                 [w](auto&, auto&, const Tensor& ct) { return std::vector<Tensor>{ct * w}; });
  auto f =
      compile([&](Tensor x) { return grad([&](Tensor x) { return square(x).sum(); }, x).second; });
  EXPECT_ERROR(f(f64({1, 1})), "the function uses a tensor that is no argument (f64[2]");
}

TEST(CompileErrors, AValueInside) {
  auto f = compile([](Tensor x) { return x.sum().item<double>() > 0 ? x : x * 2; });
  EXPECT_ERROR(f(f64({1})), "item: a value was asked for while a function is traced");
  auto g = compile([](Tensor x) {
    eval(x);
    return x;
  });
  EXPECT_ERROR(g(f64({1})), "eval: called while a function is traced");
}

TEST(CompileErrors, ATracerThatEscapes) {
  Tensor kept;
  auto f = compile([&](Tensor x) {
    kept = x * 3;
    return kept + 1;
  });
  EXPECT_ERROR(f(f64({1})), "kept outside of it");
  EXPECT_ERROR(kept.item<double>(), "an input of a function that was traced");
  auto g = compile([&](Tensor x) {
    kept = x;
    return x * 2;
  });
  EXPECT_ERROR(g(f64({1})), "kept outside of it");
  EXPECT_ERROR(kept.item<double>(), "input of a traced function");
}

TEST(CompileErrors, AStaticFieldThatChanges) {
  auto f = compile([](Model& m) {
    ++m.calls;
    m.weight = m.weight * 2;
  });
  Model m;
  EXPECT_ERROR(
      f(m),
      "compile: a static field changed while the function was traced, from calls = 0 to calls = 1");
  EXPECT_EQ(values(m.weight), (std::vector<double>{1, 2}));  // tensors are put back
  auto g = compile([](Model& m) { m.extra = m.weight; });
  EXPECT_ERROR(g(m), "the structure of an argument changed");
  auto h = compile([](Descent& d, Tensor x) {
    d.lr = 0.1;
    return x;
  });
  Descent d;
  EXPECT_ERROR(h(d, f64({1})), "a Hyper is assigned");
  EXPECT_EQ(d.lr, 0.5);
}

TEST(Compile, AFunctionThatThrowsLeavesItsArguments) {
  auto f = compile([](Model& m) {
    m.weight = m.weight * 2;
    if (m.weight.ndim() == 1) fail("no vectors");
    return m.weight;
  });
  Model m;
  EXPECT_ERROR(f(m), "no vectors");
  EXPECT_EQ(values(m.weight), (std::vector<double>{1, 2}));
  EXPECT_FALSE(tracing());
}

// The index is an input (checked before the run) or computed by it (a flag read after it).
TEST(Compile, ARunThatThrowsLeavesItsState) {
  auto given = compile([](Model& m, const Tensor& table, const Tensor& index) {
    m.weight = m.weight * 2 + index_select(table, 0, index);
  });
  auto computed = compile([](Model& m, const Tensor& table, const Tensor& index) {
    const Tensor at = (table.sum().to(kInt64) + index).reshape({2});
    m.weight = m.weight * 2 + index_select(table, 0, at);
  });
  const std::vector<std::int64_t> right_at{0, 1}, wrong_at{1, 7};
  const Tensor table = f64({0, 0, 0}), right = from_data(right_at.data(), {2}),
               wrong = from_data(wrong_at.data(), {2});
  const auto check = [&](auto& f) {
    Model m;
    f(m, table, right);
    EXPECT_ERROR(f(m, table, wrong), "index_select: index 7 is out of range; need 0 <= index < 3");
    EXPECT_EQ(values(m.weight), (std::vector<double>{2, 4}));
    f(m, table, right);
    EXPECT_EQ(values(m.weight), (std::vector<double>{4, 8}));
  };
  check(given);
  check(computed);
}

TEST(Compile, NoAllocationFromTheThirdCallOn) {
  auto step = compile([](Model& m, Descent& d, Tensor x) {
    m.weight = m.weight - x * d.lr.tensor();
    return m.weight.sum();
  });
  Model m;
  Descent d;
  const Tensor x = f64({1, 1});
  for (int k = 0; k < 3; ++k) step(m, d, x);
  if (env::eager()) GTEST_SKIP() << "LILITH_EAGER interprets";
  const AllocationCounter counter;
  for (int k = 0; k < 10; ++k) step(m, d, x);
  EXPECT_EQ(counter.count(), 0);
}

TEST(Compile, RandomNumbersAdvanceAsInLazyRuns) {
  auto draw = [](Tensor x) {
    return x + rand({4}, {.dtype = kFloat64}) + rand({4}, {.dtype = kFloat64});
  };
  auto f = compile(draw);
  const Tensor x = f64({0, 0, 0, 0});
  manual_seed(7);
  const auto a = values(f(x)), b = values(f(x));
  manual_seed(7);
  EXPECT_EQ(values(draw(x)), a);
  EXPECT_EQ(values(draw(x)), b);
  EXPECT_NE(a, b);
}

TEST(Compile, CallsFromManyThreads) {
  auto f = compile([](Tensor x, Tensor y) { return (x * y).sum(); });
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int k = 0; k < 50; ++k) {
        const double expected = 3.0 * t + k;
        if (f(f64({1.0 * t, 1}), f64({3, 1.0 * k})).item<double>() != expected) ++wrong;
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Trace, GivesANamedGraph) {
  const Graph g =
      trace([](const Model& m, Tensor x) { return (m.weight * x).sum(); }, Model{}, f64({1, 2}));
  ASSERT_EQ(g.inputs().size(), 3u);
  EXPECT_EQ(Node(g.inputs()[0]).name(), "weight");
  EXPECT_EQ(Node(g.inputs()[2]).name(), "x");
  EXPECT_NE(g.str().find("%weight"), std::string::npos);
  g.verify();
  const auto f = compile(g);
  EXPECT_EQ(values(f(std::vector<Tensor>{f64({1, 2}), f64({0, 0}), f64({3, 4})})[0]),
            (std::vector<double>{11}));
  EXPECT_ERROR(f(std::vector<Tensor>{f64({1})}), "graph: it has 3 inputs; got 1");
  const Graph h = trace(
      [](Tensor x) { return grad([](Tensor x) { return (x * x).sum(); }, x).second; }, f64({1, 2}));
  EXPECT_EQ(values(compile(h)(f64({3, 4}))), (std::vector<double>{6, 8}));
}

}  // namespace
}  // namespace lilith
