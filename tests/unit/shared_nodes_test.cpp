// Threads with handles of their own to the same lazy nodes; for the thread sanitizer too.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "lilith/compile.h"
#include "lilith/graph.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"

namespace lilith {
namespace {

/// Starts all at once, so that they meet.
void run_together(const std::vector<std::function<void()>>& tasks) {
  std::atomic<std::size_t> ready{0};
  std::vector<std::thread> threads;
  for (const auto& task : tasks) {
    threads.emplace_back([&] {
      ++ready;
      while (ready < tasks.size()) std::this_thread::yield();
      task();
    });
  }
  for (std::thread& t : threads) t.join();
}

constexpr int kRounds = 40;

TEST(SharedNodes, TwoCopiesOfOnePendingTensorAreRead) {
  for (int k = 0; k < kRounds; ++k) {
    const Tensor x = arange(64).to(kFloat32) * 1.5 + static_cast<double>(k);
    const Tensor a = x, b = x;
    std::vector<float> from_a, from_b;
    run_together({[&] { from_a = a.to_vector<float>(); }, [&] { from_b = b.to_vector<float>(); }});
    EXPECT_EQ(from_a, from_b);
    EXPECT_EQ(from_a[2], 3.0f + static_cast<float>(k));
  }
}

TEST(SharedNodes, APendingTensorIsReadWhileOthersBuildOnIt) {
  for (int k = 0; k < kRounds; ++k) {
    const Tensor h = tanh(arange(32).to(kFloat64) * 0.1) * 2.0;
    const Tensor a = h, b = h, c = h;
    double sum = 0, slope = 0, product = 0;
    run_together({[&] { sum = a.sum().item<double>(); },
                  [&] {
                    const auto f = [&](const Tensor& w) { return (w * b * b).sum(); };
                    slope = grad(f, ones({32}, {.dtype = kFloat64})).second.sum().item<double>();
                  },
                  [&] {
                    const Tensor held = c + 1.0;
                    product = (held * c).sum().item<double>();
                  }});
    EXPECT_NEAR(slope + sum, product, 1e-9);
  }
}

TEST(SharedNodes, AConstantBecomesAnArgumentWhileItIsRead) {
  const auto f = compile([](const Tensor& w) { return (w * 3).sum(); });
  for (int k = 0; k < kRounds; ++k) {
    const Tensor w = full({16}, 0.5);
    const Tensor a = w, b = w, c = w;
    float through = 0, read = 0, added = 0;
    run_together({[&] { through = f(a).item<float>(); }, [&] { read = b.to_vector<float>()[7]; },
                  [&] { added = (c + 1).sum().item<float>(); }});
    EXPECT_EQ(through, 24);
    EXPECT_EQ(read, 0.5f);
    EXPECT_EQ(added, 24);
  }
}

TEST(SharedNodes, ValuesThatAnotherThreadStillNeedsAreNotWrittenOver) {
  for (int k = 0; k < kRounds; ++k) {
    Tensor w = full({256}, 1.0) * 1.5;
    eval(w);
    const Tensor next = w * 2.0 + 1.0;  // would take over w's memory
    const Tensor copy = next;
    w = Tensor();
    float evaluated = 0, slope = 0;
    run_together({[&] { evaluated = next.sum().item<float>(); },
                  [&] {
                    const auto f = [&](const Tensor& s) { return (s * copy).sum(); };
                    slope = grad(f, full({256}, 2.0)).second.sum().item<float>();
                  }});
    EXPECT_EQ(evaluated, 1024);
    EXPECT_EQ(slope, 1024);
  }
}

TEST(SharedNodes, AnEvaluatedNodeShowsNothingOfWhatMadeIt) {
  const Tensor x = arange(6).to(kFloat32).reshape({2, 3}).sum({1});
  EXPECT_FALSE(Node(x).attrs().empty());
  eval(x);
  EXPECT_EQ(Node(x).op_name(), "data");
  EXPECT_TRUE(Node(x).attrs().empty());
  EXPECT_TRUE(Node(x).inputs().empty());
}

}  // namespace
}  // namespace lilith
