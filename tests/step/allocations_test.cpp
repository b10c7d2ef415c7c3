#include <gtest/gtest.h>

#include <memory>

#include "lilith/lilith.h"
#include "step/allocation_counter.h"
#include "step/net.h"

namespace lilith {
namespace {

using testing::AllocationCounter;
using testing::loss_of;
using testing::Net;

TEST(Allocations, CounterCounts) {
  if (!AllocationCounter::available()) GTEST_SKIP() << "SKIPPED: a sanitizer owns the allocator";
  AllocationCounter counter;
  auto p = std::make_unique<std::vector<int>>(100);
  EXPECT_GE(counter.count(), 2);
  EXPECT_GE(counter.bytes(), 400);
}

TEST(Allocations, NoneInACompiledStep) {
  if (!AllocationCounter::available()) GTEST_SKIP() << "SKIPPED: a sanitizer owns the allocator";
  manual_seed(0);
  Net net;
  Adam opt({.lr = 1e-3});
  auto step = compile([](Net& m, Adam& o, Tensor x, Tensor y) {
    auto [loss, g] = grad(loss_of, m, x, y);
    update(o, m, g);
    return loss;
  });
  const Tensor x = rand({16, 1, 28, 28}), y = randint(0, 10, {16});
  eval(x, y);
  for (int i = 0; i < 3; ++i) step(net, opt, x, y).item<float>();
  AllocationCounter counter;
  for (int i = 0; i < 5; ++i) step(net, opt, x, y).item<float>();
  EXPECT_EQ(counter.count(), 0) << counter.bytes() << " bytes in five steps";
}

}  // namespace
}  // namespace lilith
