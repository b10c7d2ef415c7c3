#include "eval/program_cache.h"

#include <gtest/gtest.h>

#include "ir/node.h"
#include "lilith/lilith.h"

// What is compiled once, and what is kept.
namespace lilith {
namespace {

std::int64_t compiled() { return cache_stats().compiled; }
bool stored(const Tensor& t) { return t.node()->storage() != nullptr; }

TEST(ProgramCache, ForgetsTheLeastRecentlyUsed) {
  driver::ProgramCache cache;
  const Tensor x = ir::make_parameter({.shape = {}, .dtype = kFloat32}, 0, "x");
  const Graph g({x}, {x});
  const auto compiles = [&](std::uint64_t number) {
    driver::Key key;
    key.add(number);
    const std::int64_t before = compiled();
    cache.get(key, g);
    return compiled() > before;
  };
  for (std::uint64_t k = 0; k < 1000; ++k) {
    ASSERT_TRUE(compiles(k + 1));
    ASSERT_EQ(compiles(0), k == 0) << "program 0 is used all the time, and " << k << " others";
  }
  EXPECT_FALSE(compiles(999));
  EXPECT_TRUE(compiles(1));
}

TEST(ProgramCache, ACompiledFunctionForgetsTheLeastRecentlyUsed) {
  auto f = compile([](Tensor x) { return x + 1; });
  const auto traces = [&](std::int64_t n) {
    const std::int64_t before = cache_stats().traces;
    f(zeros({n}));
    return cache_stats().traces > before;
  };
  for (std::int64_t n = 2; n < 100; ++n) {
    ASSERT_TRUE(traces(n));
    ASSERT_EQ(traces(1), n == 2);
  }
  EXPECT_FALSE(traces(99));
  EXPECT_TRUE(traces(2));
}

// One signature, and a program for each number that the function read.
TEST(ProgramCache, ACompiledFunctionForgetsTheLeastRecentlyUsedNumber) {
  struct Options {
    Hyper scale = 0.0;
  };
  auto f = compile([](Tensor x, const Options& o) { return o.scale > 0.5 ? x + 1 : x - 1; });
  const auto traces = [&](double scale) {
    const std::int64_t before = cache_stats().traces;
    f(ones({2}), Options{scale});
    return cache_stats().traces > before;
  };
  for (int k = 1; k < 100; ++k) {
    ASSERT_TRUE(traces(k));
    ASSERT_EQ(traces(0), k == 1);
  }
  EXPECT_FALSE(traces(99));
  EXPECT_TRUE(traces(1));
}

struct Net {
  Linear fc{4, 8};
  BatchNorm1d bn{8};
  Linear out{8, 3};
  Tensor operator()(Tensor x) { return log_softmax(out(relu(bn(fc(x)))), 1); }
};
Tensor loss_of(Net& m, Tensor x, Tensor y) { return nll_loss(m(x), y); }

TEST(ProgramCache, ASmallerLastBatchIsASecondProgramOnce) {
  manual_seed(0);
  Net lazy, traced;
  SGD opt({.lr = 0.1}), traced_opt({.lr = 0.1});
  auto step = compile([](Net& m, SGD& o, Tensor x, Tensor y) {
    auto [loss, g] = grad(loss_of, m, x, y);
    update(o, m, g);
    return loss;
  });
  const TensorDataset<2> data(rand({25, 4}), randint(0, 3, {25}));
  std::int64_t programs[3], traces[3];
  for (int epoch = 0; epoch < 3; ++epoch) {
    for (auto [x, y] : DataLoader(data, {.batch_size = 10})) {
      auto [loss, g] = grad(loss_of, lazy, x, y);
      update(opt, lazy, g);
      step(traced, traced_opt, x, y);
    }
    programs[epoch] = compiled();
    traces[epoch] = cache_stats().traces;
  }
  EXPECT_EQ(programs[2], programs[0]);
  EXPECT_EQ(traces[2], traces[0]);
}

TEST(ProgramCache, ALazyLoopWithBatchNormCompilesItsStepOnce) {
  manual_seed(1);
  Net net;
  Adam opt({.lr = 1e-2});
  std::int64_t after[5];
  for (int k = 0; k < 5; ++k) {
    const Tensor x = rand({16, 4}), y = randint(0, 3, {16});
    eval(x, y);
    const std::vector<float> mean = net.bn.running_mean.to_vector<float>();
    auto [loss, g] = grad(loss_of, net, x, y);
    update(opt, net, g);
    EXPECT_TRUE(stored(net.bn.running_mean)) << "no ancestor of the loss, but state";
    EXPECT_TRUE(stored(net.bn.running_var));
    EXPECT_TRUE(stored(net.bn.num_batches_tracked));
    EXPECT_TRUE(stored(net.fc.weight));
    EXPECT_NE(net.bn.running_mean.to_vector<float>(), mean);
    EXPECT_EQ(net.bn.num_batches_tracked.item<std::int64_t>(), k + 1);
    loss.item<float>();
    after[k] = compiled();
  }
  EXPECT_EQ(after[4], after[0]);
}

TEST(ProgramCache, EachPrecisionHasItsPrograms) {
  const Tensor x = rand({3, 5}), y = rand({5, 4});
  eval(x, y);
  auto f = compile([](const Tensor& a, const Tensor& b) { return matmul(a, b) * 1.75; });
  const auto compiles = [&](Precision p) {
    set_precision(p);
    const std::int64_t before = compiled();
    matmul(x, y).to_vector<float>();
    f(x, y);
    return compiled() - before;
  };
  EXPECT_EQ(compiles(Precision::high), 2);
  EXPECT_EQ(compiles(Precision::medium), 2);
  EXPECT_EQ(compiles(Precision::highest), 2);
  EXPECT_EQ(compiles(Precision::medium), 0);
  EXPECT_EQ(compiles(Precision::high), 0);
}

TEST(ProgramCache, TheUsersLineIsNotPartOfTheKey) {
  const Tensor x = tensor({1.0f, 2.0f}), y = tensor({3.0f, 5.0f});
  const Tensor here = (exp(x) * 1.5 + x).sum();
  here.item<float>();
  const CacheStats before = cache_stats();
  const Tensor there =  //
      (exp(y) * 1.5 + y).sum();
  ASSERT_NE(here.node()->loc.line, 0u);
  there.item<float>();
  EXPECT_EQ(cache_stats().compiled, before.compiled);
  EXPECT_EQ(cache_stats().hits, before.hits + 1);
  const auto sine = [](Tensor t) { return sin(t).sum(); };
  const auto another_sine = [](Tensor t) { return sin(t).sum(); };
  EXPECT_EQ(trace(sine, x).hash(), trace(another_sine, x).hash());
  EXPECT_NE(trace(sine, x).str(), trace(another_sine, x).str());
}

}  // namespace
}  // namespace lilith
