#include "core/per_thread.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace lilith {
namespace {

template <class F>
void on_threads(int n, const F& f) {
  std::vector<std::thread> threads;
  for (int k = 0; k < n; ++k) threads.emplace_back(f);
  for (std::thread& t : threads) t.join();
}

TEST(PerThread, CountIsTheSumOfWhatThreadsAdded) {
  PerThreadCount count;
  on_threads(2 * static_cast<int>(kThreadSlots), [&] {
    for (int i = 0; i < 100; ++i) count.add(3);
    count.add(-100);
  });
  EXPECT_EQ(count.sum(), 2 * static_cast<int>(kThreadSlots) * 200);
}

TEST(PerThread, PoolGivesBackWhatTheThreadGave) {
  PerThreadPool<int> pool;
  EXPECT_EQ(pool.take(), nullptr);
  auto one = std::make_unique<int>(1);
  const int* const address = one.get();
  pool.give(std::move(one));
  on_threads(1, [&] { pool.give(std::make_unique<int>(2)); });
  std::unique_ptr<int> mine = pool.take();
  EXPECT_EQ(mine.get(), address);
  const std::unique_ptr<int> others = pool.take();  // rather than to make a new one
  ASSERT_NE(others, nullptr);
  EXPECT_EQ(*others, 2);
  EXPECT_EQ(pool.take(), nullptr);
  pool.give(std::move(mine));  // which the pool's end frees
}

TEST(PerThread, PoolGivesNothingToTwoThreads) {
  PerThreadPool<int> pool;
  for (std::size_t k = 0; k < kThreadSlots + 3; ++k) pool.give(std::make_unique<int>(0));
  on_threads(8, [&] {
    for (int i = 0; i < 2000; ++i) {
      std::unique_ptr<int> object = pool.take();
      if (!object) object = std::make_unique<int>(0);
      ASSERT_EQ((*object)++, 0);
      std::this_thread::yield();
      ASSERT_EQ((*object)--, 1);
      pool.give(std::move(object));
    }
  });
}

TEST(PerThread, LinesLieApart) {
  PerThread<int> each;
  std::set<std::uintptr_t> lines;
  each.each([&](const int& x) { lines.insert(reinterpret_cast<std::uintptr_t>(&x) / 64); });
  EXPECT_EQ(lines.size(), kThreadSlots);
}

}  // namespace
}  // namespace lilith
