// Which launches wait for which, from the bytes that they touch.
#include "schedule/launch_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "schedule/memory_plan.h"

namespace lilith::schedule {
namespace {

using Kind = BufferPlan::Kind;

BufferPlan buffer(Kind kind, std::size_t bytes, std::size_t offset = 0, int donor = -1) {
  BufferPlan b;
  b.kind = kind;
  b.bytes = bytes;
  b.offset = offset;
  b.donor = donor;
  return b;
}
LaunchPlan launch(std::vector<int> reads, const std::vector<int>& writes) {
  LaunchPlan l;
  l.buffers = std::move(reads);
  l.buffers.insert(l.buffers.end(), writes.begin(), writes.end());
  l.written = writes;
  return l;
}

TEST(LaunchGraph, ReadersWaitForTheWriterAndTheNextWriterForThem) {
  Plan p;
  p.buffers = {buffer(Kind::Input, 8), buffer(Kind::Arena, 64, 0), buffer(Kind::Arena, 64, 64),
               buffer(Kind::Arena, 64, 128), buffer(Kind::Arena, 64, 0)};
  p.launches = {launch({0}, {1}), launch({1}, {2}), launch({1}, {3}), launch({2, 3}, {4}),
                launch({0}, {})};
  // The last value lies where the first did: its writer waits for those who read that too.
  EXPECT_EQ(launch_needs(p), (LaunchNeeds{{}, {0}, {0}, {2, 1}, {}}));
  EXPECT_EQ(longest_chain(launch_needs(p)), 3u);
  p.launches[3] = launch({2}, {4});
  EXPECT_EQ(launch_needs(p)[3], (std::vector<int>{2, 1}));
  p.buffers[4].offset = 192;
  EXPECT_EQ(launch_needs(p)[3], std::vector<int>{1});
}

TEST(LaunchGraph, BytesCountNotBuffers) {
  Plan p;
  p.buffers = {buffer(Kind::Arena, 100, 0), buffer(Kind::Arena, 10, 90),
               buffer(Kind::Arena, 10, 100), buffer(Kind::Arena, 0, 50)};
  p.launches = {launch({}, {0}), launch({}, {1}), launch({}, {2}), launch({}, {3})};
  EXPECT_EQ(launch_needs(p), (LaunchNeeds{{}, {0}, {}, {}}));
}

TEST(LaunchGraph, AnOutputLiesInItsDonor) {
  Plan p;
  p.buffers = {buffer(Kind::Input, 8), buffer(Kind::Output, 8), buffer(Kind::Output, 8, 0, 0)};
  p.launches = {launch({0}, {1}), launch({}, {2})};
  EXPECT_EQ(launch_needs(p), (LaunchNeeds{{}, {0}}));
  p.buffers[2].donor = -1;
  EXPECT_EQ(launch_needs(p), (LaunchNeeds{{}, {}}));
  // In place: a launch does not wait for itself.
  p.buffers[2].donor = 0;
  p.launches = {launch({0}, {2}), launch({2}, {1})};
  EXPECT_EQ(launch_needs(p), (LaunchNeeds{{}, {0}}));
}

TEST(LaunchGraph, AnEmptyPlanHasNoChain) { EXPECT_EQ(longest_chain(launch_needs({})), 0u); }

bool overlap(const Plan& p, int a, int b) {
  const BufferPlan &x = p.buffers[static_cast<std::size_t>(a)],
                   &y = p.buffers[static_cast<std::size_t>(b)];
  return x.bytes > 0 && y.bytes > 0 && x.offset < y.offset + y.bytes &&
         y.offset < x.offset + x.bytes;
}

/// Whether two launches touch one byte, and one of them writes it.
bool conflict(const Plan& p, const LaunchPlan& x, const LaunchPlan& y) {
  const auto writes = [](const LaunchPlan& l, int b) {
    return std::ranges::count(l.written, b) > 0;
  };
  for (const int a : x.buffers)
    for (const int b : y.buffers)
      if ((writes(x, a) || writes(y, b)) && overlap(p, a, b)) return true;
  return false;
}

TEST(LaunchGraph, RandomPlansWaitForWhatTheyTouchAndNothingElse) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 rng(seed);
    const auto below = [&](unsigned n) { return static_cast<int>(rng() % n); };
    Plan p;
    for (int b = 0; b < 12; ++b) p.buffers.push_back(buffer(Kind::Arena, rng() % 40, rng() % 100));
    for (int k = 0; k < 14; ++k) {
      std::vector<int> reads{below(12), below(12)};
      const int write = below(12);
      std::erase(reads, write);
      p.launches.push_back(launch(reads, {write}));
    }
    const LaunchNeeds needs = launch_needs(p);
    // reached[k][j]: k waits for j, by way of others too.
    std::vector<std::vector<bool>> wanted(14, std::vector<bool>(14)), reached = wanted;
    for (std::size_t k = 0; k < 14; ++k) {
      for (std::size_t j = 0; j < k; ++j) wanted[k][j] = conflict(p, p.launches[j], p.launches[k]);
      for (std::size_t j = 0; j < k; ++j)
        for (std::size_t i = 0; i < j; ++i)
          if (wanted[k][j] && wanted[j][i]) wanted[k][i] = true;
      for (const int n : needs[k]) {
        const auto j = static_cast<std::size_t>(n);
        ASSERT_TRUE(conflict(p, p.launches[j], p.launches[k])) << seed;
        ASSERT_FALSE(reached[k][j]) << seed << ": " << k << " waits for " << j << " twice";
        reached[k][j] = true;
        for (std::size_t i = 0; i < j; ++i)
          if (reached[j][i]) reached[k][i] = true;
      }
    }
    ASSERT_EQ(reached, wanted) << seed;
  }
}

TEST(LaunchGraph, ASmallArenaIsNotReused) {
  Plan p;
  p.buffers = {buffer(Kind::Arena, 100), buffer(Kind::Arena, 100), buffer(Kind::Arena, 100)};
  p.launches = {launch({}, {0}), launch({0}, {1}), launch({1}, {2})};
  for (LaunchPlan& l : p.launches) l.barrier_before = true;
  Plan tight = p, wide = p;
  plan_memory(&tight, 0, 300);  // they take 384
  plan_memory(&wide, 0, 384);
  EXPECT_EQ(tight.arena_bytes, 256u);
  EXPECT_EQ(wide.arena_bytes, 384u);
}

}  // namespace
}  // namespace lilith::schedule
