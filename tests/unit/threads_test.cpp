#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "core/env.h"
#include "lilith/compile.h"
#include "lilith/ops.h"
#include "lilith/runtime.h"
#include "lilith/transforms.h"
#include "runtime/pace.h"
#include "runtime/thread_team.h"

namespace lilith {
namespace {

struct KeepTeam {
  int before = num_threads();
  ~KeepTeam() {
    set_num_threads(before);
    set_spin(true);
  }
};

Tensor long_tail(Tensor t) {
  for (int i = 0; i < 100; ++i) t = i % 2 ? maximum(t, -1.0 - i) : t + 0.25;
  return t;
}

/// A product whose epilogue is long enough to need a tile in each thread's scratch, reductions in
/// chunks, and a gradient: the gradient's elements and the loss.
std::vector<float> work(const Tensor& x, const Tensor& w) {
  const auto loss = [&](const Tensor& w) {
    const Tensor h = softmax(long_tail(matmul(x, w)), 1);
    return (h * h).sum() + tanh(matmul(h.t(), x)).mean();
  };
  auto [value, dw] = grad(loss, w);
  std::vector<float> out = dw.to_vector<float>();
  out.push_back(value.item<float>());
  return out;
}

Tensor wave(Shape shape, double step) {
  return sin(arange(shape.numel()).to(kFloat32) * step).reshape(shape);
}

TEST(Threads, TheSameNumberGivesTheSameBits) {
  const KeepTeam keep;
  Tensor x = wave({200, 90}, 0.37), w = wave({90, 70}, 0.11);
  eval(x, w);
  for (const int n : {1, 2, 3, 5}) {
    set_num_threads(n);
    EXPECT_EQ(num_threads(), n);
    clear_program_cache();
    const std::vector<float> first = work(x, w);
    for (const bool spin : {false, true}) {
      set_spin(spin);
      EXPECT_EQ(work(x, w), first) << n << " threads";
      set_num_threads(n + 1);
      EXPECT_EQ(work(x, w), first) << "a program keeps its order of summation";
      set_num_threads(n);
      clear_program_cache();
      EXPECT_EQ(work(x, w), first) << n << " threads, compiled again";
    }
  }
}

// A fresh process each: the team reads the environment once.
struct ThreadsDeathTest : testing::Test {
  ThreadsDeathTest() { testing::GTEST_FLAG(death_test_style) = "threadsafe"; }
  static void exit_with_team(const char* threads, const char* spin) {
    env::set("LILITH_NUM_THREADS", threads);
    env::set("LILITH_SPIN", spin);
    try {
      const int n = num_threads();
      std::exit(10 * n + (runtime::ThreadTeam::instance().spin() ? 1 : 0));
    } catch (const Error& e) {
      std::fputs(e.what(), stderr);
      std::exit(1);
    }
  }
};

TEST_F(ThreadsDeathTest, TheEnvironmentSetsTheTeam) {
  using testing::ExitedWithCode;
  EXPECT_EXIT(exit_with_team("3", ""), ExitedWithCode(31), "");
  EXPECT_EXIT(exit_with_team("1", "0"), ExitedWithCode(10), "");
  EXPECT_EXIT(exit_with_team("2", "1"), ExitedWithCode(21), "");
  EXPECT_EXIT(exit_with_team("0", ""), ExitedWithCode(1),
              "LILITH_NUM_THREADS: got 0; need at least 1");
  EXPECT_EXIT(exit_with_team("many", ""), ExitedWithCode(1),
              "LILITH_NUM_THREADS: 'many' is no whole number");
}

TEST(Threads, MayBeSetWhileProgramsRun) {
  const KeepTeam keep;
  set_num_threads(1);
  Tensor x = wave({120, 64}, 0.37), w = wave({64, 48}, 0.11);
  eval(x, w);
  const auto f =
      compile([](const Tensor& x, const Tensor& w) { return long_tail(matmul(x, w)).sum({0}); });
  const std::vector<float> expected = f(x, w).to_vector<float>();
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> users;
  for (int i = 0; i < 2; ++i) {
    users.emplace_back([&] {
      for (int k = 0; k < 60; ++k) {
        const Tensor got = f(x, w);
        wrong += !std::equal(expected.begin(), expected.end(), got.data<float>());
      }
    });
  }
  std::thread setter([&] {
    for (int n = 0; !stop; ++n) {
      set_num_threads(1 + n % 5);
      set_spin(n % 2 == 0);
    }
  });
  for (std::thread& u : users) u.join();
  stop = true;
  setter.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Threads, NumbersThatNoMachineHasAreRefused) {
  const int before = num_threads();
  for (const int n : {0, -3, 4097, 2000000000}) EXPECT_THROW(set_num_threads(n), Error) << n;
  EXPECT_EQ(num_threads(), before);
}

TEST(Threads, APreparationKnowsTheNumberOfThreadsOfItsRun) {
  const KeepTeam keep;
  std::atomic<bool> stop{false};
  std::thread setter([&] {
    for (int n = 0; !stop; ++n) set_num_threads(1 + n % 4);
  });
  struct Context {
    std::vector<int> visits;
  };
  for (int k = 0; k < 200; ++k) {
    Context c;
    runtime::ThreadTeam::instance().run(
        [](void* p, int thread, int n) {
          auto& c = *static_cast<Context*>(p);
          if (n == static_cast<int>(c.visits.size())) ++c.visits[static_cast<std::size_t>(thread)];
        },
        &c, [](void* p, int n) { static_cast<Context*>(p)->visits.assign(n, 0); });
    EXPECT_TRUE(std::all_of(c.visits.begin(), c.visits.end(), [](int v) { return v == 1; }));
    EXPECT_FALSE(c.visits.empty());
  }
  stop = true;
  setter.join();
}

TEST(Threads, WhatAPreparationThrowsReachesTheCaller) {
  auto& team = runtime::ThreadTeam::instance();
  const auto task = [](void* p, int, int) { *static_cast<bool*>(p) = true; };
  bool ran = false;
  EXPECT_THROW(team.run(task, &ran, [](void*, int) { throw Error("no memory"); }), Error);
  EXPECT_FALSE(ran);
  const auto count = [](void* p, int, int) { ++*static_cast<std::atomic<int>*>(p); };
  std::atomic<int> threads{0};
  team.run(count, &threads);
  EXPECT_TRUE(threads == team.size() || threads == 1);
}

using Pace = runtime::Pace;
constexpr std::chrono::milliseconds ms(int n) { return std::chrono::milliseconds(n); }

TEST(Pace, RunsOnTheTeamWhereThatIsFaster) {
  Pace pace;
  Pace::Clock::time_point now = Pace::Clock::now();
  for (int k = 0; k < 100; ++k, now += ms(1)) {
    EXPECT_TRUE(pace.wants_team(now));
    pace.note(now, ms(1), std::chrono::microseconds(400));
  }
}

TEST(Pace, RunsAloneForAWhileWhereTheOthersDoNotRun) {
  Pace pace;
  Pace::Clock::time_point now = Pace::Clock::now();
  pace.note(now, ms(3), ms(2));
  EXPECT_TRUE(pace.wants_team(now));  // too little to tell
  pace.note(now, ms(3), ms(2));
  EXPECT_FALSE(pace.wants_team(now));
  EXPECT_FALSE(pace.wants_team(now + ms(4)));
  EXPECT_TRUE(pace.wants_team(now + ms(5)));
  // As long as it stays so, twice as long each time.
  int tries = 0;
  for (int k = 0; k < 10000; ++k, now += ms(1)) {
    if (!pace.wants_team(now)) continue;
    ++tries;
    pace.note(now, ms(8), ms(6));
  }
  EXPECT_LE(tries, 68);
  // Soon after the others are there again it is the team that runs.
  now += ms(160);
  EXPECT_TRUE(pace.wants_team(now));
  pace.note(now, ms(8), ms(1));
  pace.note(now, ms(8), ms(6));
  EXPECT_FALSE(pace.wants_team(now + ms(4)));
  EXPECT_TRUE(pace.wants_team(now + ms(5)));
}

}  // namespace
}  // namespace lilith
