// The units that a compiled program is made of: what runs a plan's launches, and where its buffers
// lie.
#include "eval/launcher.h"

#include <gtest/gtest.h>

#include <cstring>

#include "eval/memory_check.h"
#include "eval/placement.h"
#include "ir/node.h"
#include "lilith/compile.h"
#include "lilith/memory.h"
#include "lilith/ops.h"
#include "runtime/memory_limit.h"
#include "schedule/schedule.h"

namespace lilith {
namespace {

struct MemoryLimit {
  ~MemoryLimit() { runtime::set_memory_limit_bytes(0); }
};

/// Two products and a row of sums: several launches, a temporary, and the same output twice.
struct LauncherTest : ::testing::Test {
  LauncherTest() {
    eval(x, w);
    in = {x.node()->storage(), w.node()->storage()};
    const auto f = [](const Tensor& x, const Tensor& w) {
      const Tensor y = matmul(relu(matmul(x, w)), w);
      return std::vector<Tensor>{y, y.sum({0}), y};
    };
    plan = schedule::make_plan(trace(f, x, w), {});
    instance.buffers.resize(plan.buffers.size());
  }

  /// The sums, after `launch` has run the plan.
  template <class F>
  std::vector<float> sums(F&& launch) {
    std::vector<StoragePtr> out(3);
    const Placement placement(plan, 0);
    const StoragePtr arena = Storage::allocate(plan.arena_bytes);
    placement.place(instance, arena, in, {}, out);
    launch();
    placement.copy_repeated(in, out);
    EXPECT_NE(out[0], out[2]);
    EXPECT_EQ(std::memcmp(out[0]->data(), out[2]->data(), out[0]->bytes()), 0);
    const auto* p = static_cast<const float*>(out[1]->data());
    return {p, p + 40};
  }

  Tensor x = sin(arange(50 * 40).to(kFloat32)).reshape({50, 40});
  Tensor w = cos(arange(40 * 40).to(kFloat32)).reshape({40, 40});
  std::vector<StoragePtr> in;
  schedule::Plan plan;
  Instance instance;
};

TEST_F(LauncherTest, EveryWayToRunGivesTheSameBits) {
  const auto launcher = make_cpu_launcher(plan);
  ASSERT_GE(plan.launches.size(), 2u);
  const std::vector<float> whole = sums([&] { launcher->run(instance); });
  const std::vector<float> want = matmul(relu(matmul(x, w)), w).sum({0}).to_vector<float>();
  for (std::size_t k = 0; k < want.size(); ++k) EXPECT_NEAR(whole[k], want[k], 1e-3);

  std::vector<std::size_t> order;
  const auto step = [&](std::size_t k) { order.push_back(k); };
  EXPECT_EQ(sums([&] { launcher->run_in_steps(instance, step); }), whole);
  ASSERT_EQ(order.size(), plan.launches.size());
  for (std::size_t k = 0; k < order.size(); ++k) EXPECT_EQ(order[k], k);

  std::vector<double> ms;
  EXPECT_EQ(sums([&] { ms = launcher->run_timed(instance); }), whole);
  ASSERT_EQ(ms.size(), plan.launches.size());
  for (const double t : ms) EXPECT_GT(t, 0);
}

TEST_F(LauncherTest, OutputsThatHaveMemoryNeedNoRoom) {
  const Placement placement(plan, 0);
  std::vector<StoragePtr> out(3);
  EXPECT_EQ(placement.bytes_in_place({}, out), 0);
  out[1] = Storage::allocate(40 * 4);
  EXPECT_EQ(placement.bytes_in_place({}, out), 40 * 4);
  out[0] = out[2] = Storage::allocate(50 * 40 * 4);  // one buffer, counted once
  EXPECT_EQ(placement.bytes_in_place({}, out), 40 * 4 + 50 * 40 * 4);

  const MemoryCheck check(plan);
  const MemoryLimit restored;
  runtime::set_memory_limit_bytes(memory_stats().live_bytes +
                                  static_cast<std::int64_t>(plan.arena_bytes));
  EXPECT_NO_THROW(check.before_run(placement, {}, out));
  EXPECT_THROW(check.before_run(placement, {}, std::vector<StoragePtr>(3)), DeviceError);
  runtime::set_memory_limit_bytes(1000);
  EXPECT_THROW(MemoryCheck{plan}, DeviceError);
}

}  // namespace
}  // namespace lilith
