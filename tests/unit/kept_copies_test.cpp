// Copies of weights that are kept from run to run follow what the weights become.
#include <gtest/gtest.h>

#include <thread>

#include "eval/kept_copies.h"
#include "lilith/lilith.h"

namespace lilith {
namespace {

struct Net {
  Linear first{128, 192}, last{192, 128};
  Tensor operator()(const Tensor& x) const { return last(relu(first(x))); }
};

Tensor input(double offset = 0) {
  return sin(arange(1024 * 128, {.dtype = kFloat64}) * 0.37 + offset)
      .to(kFloat32)
      .reshape({1024, 128});
}

/// Computed from memory that no run has seen before.
Tensor expected(const Net& net, const Tensor& x) {
  const auto w = [](const Tensor& t) { return (t.to(kFloat64)).clone(); };
  const Tensor h = relu(matmul(x.to(kFloat64), w(net.first.weight).t()) + w(net.first.bias));
  return (matmul(h, w(net.last.weight).t()) + w(net.last.bias)).to(kFloat32);
}

void expect_right(const Net& net, const Tensor& x, const Tensor& y) {
  EXPECT_TRUE(allclose(y, expected(net, x), 1e-4, 1e-4));
}

auto inference() {
  return compile([](const Net& n, const Tensor& x) { return n(x); });
}

std::int64_t live() { return memory_stats().live_bytes; }

TEST(KeptCopies, AreMadeInTheSecondRunAndDroppedWithTheirWeights) {
  const auto f = inference();
  Net net;
  const Tensor x = input();
  eval(net, x);
  expect_right(net, x, f(net, x));
  const std::int64_t before = live();
  for (int i = 0; i < 3; ++i) {
    const Tensor y = f(net, input(i));
    eval(y);
  }
  const std::int64_t kept = live() - before;
  EXPECT_GE(kept, 128 * 192 * 4);
  Net other;
  eval(other);
  const std::int64_t two = live();
  expect_right(other, x, f(other, x));
  EXPECT_LE(live(), two - kept / 2);
}

// Beside a result like the weight no copy counts as kept; products share copies in both.
TEST(KeptCopies, GiveTheBitsOfProgramsThatKeepNone) {
  for (const std::int64_t rows : {61, 96, 333}) {
    for (const std::int64_t depth : {120, 512, 1042}) {
      const Tensor a = randn({rows, depth}), b = randn({rows + 16, depth}), w = randn({96, depth});
      const auto products = [](const Tensor& x, const Tensor& y, const Tensor& v) {
        return std::pair(matmul(relu(x), v.t()), matmul(tanh(y), v.t()));
      };
      const auto f = compile(products, {.dynamic = false});
      const auto g =
          compile([products](const Tensor& x, const Tensor& y,
                             const Tensor& v) { return std::pair(products(x, y, v), v * 2); },
                  {.dynamic = false});
      const auto [p, q] = f(a, b, w);
      const auto [both, twice] = g(a, b, w);
      EXPECT_TRUE(allclose(p, both.first, 0, 0)) << rows << " rows of " << depth;
      EXPECT_TRUE(allclose(q, both.second, 0, 0)) << rows << " rows of " << depth;
    }
  }
}

TEST(KeptCopies, FollowAssignedWeights) {
  const auto f = inference();
  Net net;
  const Tensor x = input();
  for (int step = 0; step < 3; ++step) {
    for (int i = 0; i < 4; ++i) expect_right(net, x, f(net, x));
    net.first.weight = net.first.weight * 0.5 + 0.001;
  }
}

// An update writes to the very memory that was copied.
TEST(KeptCopies, FollowUpdates) {
  const auto f = inference();
  auto step = compile([](Net& n, SGD& o, const Tensor& x) {
    auto [loss, g] = grad([&](const Net& m) { return m(x).square().mean(); }, n);
    update(o, n, g);
    return loss;
  });
  Net net;
  SGD opt(0.5);
  const Tensor x = input();
  for (int k = 0; k < 3; ++k) {
    for (int i = 0; i < 3; ++i) expect_right(net, x, f(net, x));
    eval(step(net, opt, x));
  }
  expect_right(net, x, f(net, x));
}

TEST(KeptCopies, OfModelsInTurn) {
  const auto f = inference();
  Net a, b;
  const Tensor x = input();
  for (const int times : {1, 1, 3, 2}) {
    for (int i = 0; i < times; ++i) expect_right(a, x, f(a, x));
    for (int i = 0; i < times; ++i) expect_right(b, x, f(b, x));
  }
}

// Its memory is as likely as not that of the one before it.
TEST(KeptCopies, OfModelsOneAfterAnother) {
  const auto f = inference();
  const Tensor x = input();
  for (int k = 0; k < 4; ++k) {
    Net net;
    for (int i = 0; i < 3; ++i) expect_right(net, x, f(net, x));
  }
}

TEST(KeptCopies, MemoryOfTheUserIsReadAnew) {
  std::vector<float> weights(192 * 128, 0.01f);
  const auto f = compile([](const Tensor& w, const Tensor& x) { return matmul(x, w.t()); });
  const Tensor w = from_data(weights.data(), {192, 128}, [] {}), x = input();
  for (int k = 0; k < 4; ++k) {
    std::fill(weights.begin(), weights.end(), 0.01f * static_cast<float>(k));
    const Tensor y = f(w, x);
    EXPECT_TRUE(allclose(y, (x.sum(1, true) * (0.01 * k)).expand({1024, 192}), 1e-4, 1e-4)) << k;
  }
}

TEST(KeptCopies, ServeThreads) {
  const auto f = inference();
  const Net net;  // of one that is not const the first call puts tracers in its place
  eval(net);
  const Tensor x = input(), want = expected(net, x);
  eval(want);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) wrong += !allclose(f(net, x), want, 1e-4, 1e-4);
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace lilith
