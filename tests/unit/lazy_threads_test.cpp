// Threads that evaluate side by side, by the hundred: for the thread sanitizer too.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <functional>
#include <numeric>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "lilith/compile.h"
#include "lilith/graph_names.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"

namespace lilith {
namespace {

constexpr int kThreads = 4;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kRounds = 60;
#else
constexpr int kRounds = 300;
#endif

/// f(thread) in so many at once. They meet before each of the rounds, which `prepare` begins.
void in_rounds(int rounds, const std::function<void(int round)>& prepare,
               const std::function<void(int thread)>& f) {
  std::atomic<int> begun{-1}, ended{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int k = 0; k < rounds; ++k) {
        while (begun < k) std::this_thread::yield();
        f(t);
        ++ended;
      }
    });
  for (int k = 0; k < rounds; ++k) {
    prepare(k);
    begun = k;
    while (ended < (k + 1) * kThreads) std::this_thread::yield();
  }
  for (std::thread& t : threads) t.join();
}

float first(const Tensor& t) { return t.to_vector<float>()[0]; }

/// Links 0 to n of a chain: link k is k + start.
std::vector<Tensor> chain(float start, int n) {
  std::vector<Tensor> links{full({8}, start) * 1.0};
  for (int k = 0; k < n; ++k) links.push_back(links.back() + 1.0);
  return links;
}

TEST(LazyThreads, EachAsksForOtherLinksOfOneChain) {
  constexpr int kLinks = 24;
  std::array<std::vector<Tensor>, kThreads> links;
  std::atomic<int> wrong{0};
  in_rounds(
      kRounds,
      [&](int round) {
        const std::vector<Tensor> made = chain(static_cast<float>(round), kLinks);
        links.fill(made);
      },
      [&](int t) {
        std::vector<Tensor>& mine = links[static_cast<std::size_t>(t)];
        std::mt19937 random(static_cast<unsigned>(t + 1));
        const float start = first(mine[0]);
        std::vector<std::size_t> order(mine.size());
        std::iota(order.begin(), order.end(), 0);
        std::shuffle(order.begin(), order.end(), random);
        for (const std::size_t k : order) {
          wrong += first(mine[k]) != start + static_cast<float>(k);
          mine[k] = Tensor();  // what leads to it goes, in any order
        }
      });
  EXPECT_EQ(wrong, 0);
}

TEST(LazyThreads, AllReadOneValueThatOneOfThemComputes) {
  std::array<Tensor, kThreads> copies;
  std::array<float, kThreads> seen{};
  int wrong = 0;
  std::optional<float> expected;
  const auto look = [&] {
    if (expected)
      for (const float s : seen) wrong += s != *expected;
  };
  const auto runs = cache_stats().runs;
  in_rounds(
      kRounds,
      [&](int round) {
        look();
        expected = static_cast<float>(2 * round + 3);
        copies.fill(Tensor());
        copies.fill(full({8}, static_cast<float>(round)) * 2.0 + 3.0);
      },
      [&](int t) {
        const auto k = static_cast<std::size_t>(t);
        seen[k] = first(copies[k]);
      });
  look();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(cache_stats().runs, runs + kRounds);
}

TEST(LazyThreads, EachUpdatesItsOwnInPlaceWithAModelThatTheyShare) {
  const Tensor weight = full({16}, 0.5) * 1.0;
  eval(weight);
  std::array<Tensor, kThreads> state;
  for (Tensor& s : state) s = zeros({16}) * 1.0;
  const auto donated = cache_stats().donated;
  in_rounds(
      kRounds, [](int) {},
      [&](int t) {
        Tensor& mine = state[static_cast<std::size_t>(t)];
        mine += weight;
        eval(mine);
      });
  for (const Tensor& s : state)
    EXPECT_EQ(s.to_vector<float>(), std::vector<float>(16, 0.5f * kRounds));
  EXPECT_GT(cache_stats().donated, donated + kRounds);
  EXPECT_EQ(first(weight), 0.5f);
}

// A value is overwritten by whoever holds it last, and by nobody before.
TEST(LazyThreads, WhatOneUpdatesInPlaceOthersStillRead) {
  Tensor w = zeros({64}) * 1.0;
  std::array<Tensor, kThreads> copies;
  std::atomic<int> wrong{0};
  in_rounds(
      kRounds, [&](int) { copies.fill(w); },
      [&](int t) {
        Tensor& mine = copies[static_cast<std::size_t>(t)];
        const float before = first(mine);
        for (int k = 1; k <= 8; ++k) {
          mine = mine + 1.0;
          eval(mine);
        }
        wrong += first(mine) != before + 8;
        const Tensor view = mine.reshape({8, 8}), sum = view.sum({1});
        mine = Tensor();
        wrong += first(sum) != 8 * (before + 8);
      });
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(first(w), 0);
}

TEST(LazyThreads, GradientsWhileOthersEvaluateWhatTheyFlowThrough) {
  std::array<Tensor, kThreads> copies;
  std::atomic<int> wrong{0};
  in_rounds(
      kRounds,
      [&](int round) {
        Tensor w = full({8}, static_cast<float>(round % 7)) * 1.0;
        eval(w);
        const Tensor h = w * 2.0 + 1.0;  // takes over w's memory where nobody walks to it
        w = Tensor();
        copies.fill(h);
      },
      [&](int t) {
        Tensor h = std::exchange(copies[static_cast<std::size_t>(t)], Tensor());
        if (t % 2 == 0) {
          const auto loss = [&](const Tensor& x) {
            const Tensor y = x * h;
            if (t == 2) eval(y);  // inside of the function
            return (y * x).sum();
          };
          const float slope = first(grad(loss, full({8}, 3.0)).second);
          wrong += slope != 6 * first(h);
        } else {
          const Tensor next = h - 1.0, copy = h;
          h = Tensor();
          wrong += first(next) + 1.0f != first(copy);
        }
      });
  EXPECT_EQ(wrong, 0);
}

TEST(LazyThreads, WalksWhileOthersUpdateInPlace) {
  std::atomic<int> wrong{0};
  std::array<Tensor, kThreads> state;
  for (Tensor& s : state) s = zeros({8}) * 1.0;
  std::atomic<int> steps{0};
  in_rounds(
      kRounds, [](int) {},
      [&](int t) {
        if (t == 0) {
          const Tensor a = ones({4}) * 2.0;
          wrong += Node(a + 1).inputs().size() != 2;
          return;
        }
        Tensor& mine = state[static_cast<std::size_t>(t)];
        mine = mine * 1.0 + 1.0;
        const Tensor copy = mine;
        eval(copy);
        ++steps;
      });
  for (int t = 1; t < kThreads; ++t) EXPECT_EQ(first(state[static_cast<std::size_t>(t)]), kRounds);
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(steps, kRounds * (kThreads - 1));
}

TEST(LazyThreads, WhatFailsIsLetGoOf) {
  std::array<Tensor, kThreads> good, bad;
  std::vector<float> frame(8, 1.f);
  std::atomic<int> wrong{0};
  const auto fails = [](const Tensor& t) {
    try {
      eval(t);
    } catch (const Error&) {
      return true;
    }
    return false;
  };
  in_rounds(
      kRounds,
      [&](int round) {
        const Tensor h = full({8}, static_cast<float>(round)) * 1.5;  // of all of them
        const Tensor borrowed = from_data(frame.data(), {8}, [] {});
        for (std::size_t t = 0; t < kThreads; ++t) {
          good[t] = h + 1.0;
          bad[t] = t % 2 ? index_select(h, 0, arange(6).to(kInt64) + 5) : h + borrowed;
        }
        frame.assign(8, static_cast<float>(round + 2));  // under what is pending
      },
      [&](int t) {
        const auto k = static_cast<std::size_t>(t);
        wrong += !fails(bad[k]);
        const float value = first(good[k]);
        wrong += !fails(bad[(k + 1) % kThreads]);
        wrong += value != first(good[(k + 2) % kThreads]);
      });
  EXPECT_EQ(wrong, 0);
}

TEST(LazyThreads, NewProgramsBesideThoseThatAreThere) {
  std::array<Tensor, kThreads> copies;
  std::atomic<int> wrong{0};
  in_rounds(
      kRounds / 10,
      [&](int round) {
        if (round % 2 == 0) clear_program_cache();
        copies.fill(full({round + 2}, 0.25) * 2.0);
      },
      [&](int t) {
        const Tensor& x = copies[static_cast<std::size_t>(t)];
        Tensor y = x;
        for (int k = 0; k < 3; ++k) {
          y = t % 2 ? y + 1.0 : y * 2.0;
          wrong += first(y) !=
                   (t % 2 ? 0.5f + static_cast<float>(k + 1) : 0.5f * static_cast<float>(2 << k));
        }
      });
  EXPECT_EQ(wrong, 0);
}

// The child has its own thread alone: what others had begun to compute it computes itself.
TEST(LazyThreads, AForkAmidThem) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "SKIPPED: ThreadSanitizer ends a forked child that makes threads";
#endif
  std::atomic<bool> done{false};
  std::array<std::vector<Tensor>, kThreads> links;
  links.fill(chain(2, 400));
  std::vector<std::thread> others;
  std::atomic<int> wrong{0};
  for (int t = 0; t < kThreads; ++t)
    others.emplace_back([&, t] {
      const std::vector<Tensor>& mine = links[static_cast<std::size_t>(t)];
      Tensor own = zeros({8}) * 1.0;
      for (int k = 0; !done; ++k) {
        const std::size_t at = static_cast<std::size_t>(7 * k + 3 * t) % mine.size();
        wrong += first(mine[at]) != 2 + static_cast<float>(at);
        own = own + 1.0;
        eval(own);
        if (k % 64 == 63) wrong += first(std::exchange(own, zeros({8}) * 1.0)) != 64;
      }
    });
  const std::vector<Tensor> mine = links[0];
  int failed = 0;
  for (int k = 0; k < 10; ++k) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      int bad = 0;
      for (std::size_t at = 0; at < mine.size(); at += 37)
        bad += first(mine[at]) != 2 + static_cast<float>(at);
      std::thread([&] { bad += first(mine[1] + mine[2]) != 7; }).join();
      _exit(bad ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    failed += status != 0;
  }
  done = true;
  for (std::thread& t : others) t.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace lilith
