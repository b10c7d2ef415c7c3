#include <gtest/gtest.h>

#include <memory>

#include "lilith/lilith.h"
#include "step/allocation_counter.h"

namespace lilith {
namespace {

using testing::AllocationCounter;

// Parameters, buffers that a step writes back, and a draw of random numbers in each step.
struct Net {
  Conv2d conv{1, 4, 3};
  BatchNorm2d bn{4};
  Dropout drop{.p = 0.25};
  Linear fc{4 * 13 * 13, 10};
  Tensor operator()(Tensor x) {
    x = max_pool2d(relu(bn(conv(x))), 2);
    return log_softmax(fc(drop(x.flatten(1))), 1);
  }
};

struct Batch {
  Tensor x, y;
  explicit Batch(std::int64_t n) : x(rand({n, 1, 28, 28})), y(randint(0, 10, {n})) { eval(x, y); }
};

TEST(Allocations, CounterCounts) {
  if (!AllocationCounter::available()) GTEST_SKIP() << "SKIPPED: a sanitizer owns the allocator";
  AllocationCounter counter;
  auto p = std::make_unique<std::vector<int>>(100);
  EXPECT_GE(counter.count(), 2);
  EXPECT_GE(counter.bytes(), 400);
}

template <class Opt>
void expect_none_from_the_third_call_on(Opt opt) {
  if (!AllocationCounter::available()) GTEST_SKIP() << "SKIPPED: a sanitizer owns the allocator";
  manual_seed(0);
  Net net;
  auto step = compile([](Net& m, Opt& o, Tensor x, Tensor y) {
    auto [loss, g] = grad([](Net& m, Tensor x, Tensor y) { return nll_loss(m(x), y); }, m, x, y);
    update(o, m, g);
    return loss;
  });
  const Batch full(16), last(7);
  const auto allocations = [&](const Batch& b) {
    const AllocationCounter counter;
    step(net, opt, b.x, b.y).template item<float>();
    return counter.count();
  };
  for (const Batch* b : {&full, &last}) {
    for (int call = 1; call <= 6; ++call) {
      const std::int64_t n = allocations(*b);
      EXPECT_TRUE(call < 3 || n == 0)
          << n << " in call " << call << " with " << b->x.size(0) << " images";
    }
  }
  for (int call = 0; call < 3; ++call) {
    EXPECT_EQ(allocations(full), 0) << "after another signature";
    EXPECT_EQ(allocations(last), 0) << "after another signature";
  }
}

TEST(Allocations, NoneInACompiledStepWithAdam) {
  expect_none_from_the_third_call_on(Adam({.lr = 1e-3}));
}
TEST(Allocations, NoneInACompiledStepWithMomentum) {
  expect_none_from_the_third_call_on(SGD({.lr = 1e-2, .momentum = 0.9}));
}

}  // namespace
}  // namespace lilith
