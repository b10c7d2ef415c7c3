#include "schedule/barriers.h"

#include <gtest/gtest.h>

#include <vector>

#include "schedule/memory_plan.h"

namespace lilith::schedule {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

/// Launches without code, each with the numbers of the buffers that it touches.
Plan plan_of(const std::vector<std::size_t>& mebibytes,
             const std::vector<std::vector<int>>& launches) {
  Plan plan;
  for (const std::size_t m : mebibytes) {
    plan.buffers.emplace_back();
    plan.buffers.back().bytes = m * kMiB;
  }
  for (const std::vector<int>& buffers : launches) {
    plan.launches.emplace_back();
    plan.launches.back().buffers = buffers;
  }
  plan.launches[0].barrier_before = false;
  return plan;
}

std::vector<std::size_t> barriers(const Plan& plan) {
  std::vector<std::size_t> at;
  for (std::size_t k = 0; k < plan.launches.size(); ++k)
    if (plan.launches[k].barrier_before) at.push_back(k);
  return at;
}

// Scratch memory of launches that could run at the same time shares its place behind a barrier.
TEST(Barriers, PartLaunchesWhereTheArenaIsFullest) {
  const std::vector<std::vector<int>> launches = {{0}, {0, 1}, {0, 2}, {0, 3}};
  Plan plan = plan_of({100, 40, 50, 1}, launches);
  part_peaks(&plan);
  EXPECT_EQ(barriers(plan), std::vector<std::size_t>{2});
  plan_memory(&plan, 0);
  EXPECT_EQ(plan.arena_bytes, 151 * kMiB);
}

TEST(Barriers, AreNotPutWhereTheyWouldSaveNothing) {
  Plan whole = plan_of({100, 40}, {{0, 1}, {0, 1}, {0, 1}});
  part_peaks(&whole);
  EXPECT_EQ(barriers(whole), std::vector<std::size_t>{});
  Plan small = plan_of({20, 20, 20}, {{0}, {1}, {2}});
  part_peaks(&small);
  EXPECT_EQ(barriers(small), std::vector<std::size_t>{});
}

}  // namespace
}  // namespace lilith::schedule
