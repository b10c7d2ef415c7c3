// Programs of sizes that are expected next are made before they are asked for, and nothing follows
// from it but time.
#include "eval/ahead.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "core/env.h"
#include "eval/program_store.h"
#include "ir/graph_numbers.h"
#include "lilith/lilith.h"

namespace lilith {
namespace {

Graph sums_of(std::int64_t n) {
  return trace(
      [](const Tensor& x) { return softmax(cat({x, x * 2.0}, 1).slice(1, 1, x.size(1)), 1); },
      zeros({3, n}));
}

TEST(GraphNumbers, GraphsOfOneStructureDifferInThem) {
  const ir::GraphNumbers five = ir::numbers_of(ir::Numbered(sums_of(5))),
                         six = ir::numbers_of(ir::Numbered(sums_of(6)));
  EXPECT_EQ(five.rest, six.rest);
  EXPECT_EQ(five.numbers.size(), six.numbers.size());
  EXPECT_NE(five.numbers, six.numbers);
}

TEST(GraphNumbers, OtherConstantsAreAnotherStructure) {
  const auto times = [](double factor) {
    return trace([=](const Tensor& x) { return x * factor; }, zeros({3}));
  };
  EXPECT_NE(ir::numbers_of(ir::Numbered(times(0.3))).rest,
            ir::numbers_of(ir::Numbered(times(0.7))).rest);
}

TEST(GraphNumbers, AMeansFactorFollowsFromItsSize) {
  const auto mean = [](std::int64_t n) {
    return trace([](const Tensor& x) { return x.mean(0); }, zeros({n, 2}));
  };
  const Graph ten = mean(10), seven = mean(7);
  const Graph made =
      ir::with_numbers(ir::Numbered(ten), ir::numbers_of(ir::Numbered(seven)).numbers);
  EXPECT_EQ(made.hash(), seven.hash());
}

TEST(GraphNumbers, AGraphWithAnothersNumbersIsThatGraph) {
  const Graph five = sums_of(5), six = sums_of(6);
  const ir::Numbered numbered(five);
  const Graph again = ir::with_numbers(numbered, ir::numbers_of(numbered).numbers);
  EXPECT_EQ(again.hash(), five.hash());
  const Graph made = ir::with_numbers(numbered, ir::numbers_of(ir::Numbered(six)).numbers);
  EXPECT_EQ(made.hash(), six.hash());
  EXPECT_EQ(made.str(), six.str());
}

TEST(GraphNumbers, WhatNoRuleTakesIsAnError) {
  const ir::Numbered numbered(trace([](const Tensor& x) { return x.reshape({6}); }, zeros({2, 3})));
  std::vector<std::int64_t> numbers = ir::numbers_of(numbered).numbers;
  std::ranges::replace(numbers, 3, 4);  // 2 x 4 elements as 6
  EXPECT_THROW(ir::with_numbers(numbered, numbers), Error);
}

class AheadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (num_threads() < 2) GTEST_SKIP() << "SKIPPED: one thread makes nothing ahead";
    if (has_code_of_the_user(ir::Numbered(sums_of(3))))
      GTEST_SKIP() << "SKIPPED: another test of this process has registered a pass";
    clear_program_cache();
  }
  void TearDown() override {
    driver::Ahead::instance().clear();
    driver::Ahead::instance().finish();
  }
  static std::int64_t taken() { return driver::Ahead::instance().num_taken(); }
};

/// A state that grows by a row at each step. `waits`: what is expected is there when it is asked
/// for.
std::vector<Tensor> grow(std::int64_t steps, std::int64_t width, bool waits = false) {
  std::vector<Tensor> seen;
  Tensor kept = sin(arange(width).to(kFloat32)).reshape({1, width});
  for (std::int64_t t = 1; t < steps; ++t) {
    const Tensor row = cos(kept.mean(0, true) + static_cast<double>(t));
    kept = cat({kept, row}, 0);
    seen.push_back(matmul(softmax(matmul(row, kept.T()), 1), kept));
    eval(seen.back(), kept);
    if (waits) driver::Ahead::instance().finish();
  }
  return seen;
}

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::ranges::equal(a, b, [](const Tensor& x, const Tensor& y) {
    return x.to_vector<float>() == y.to_vector<float>();
  });
}

TEST_F(AheadTest, AStateThatGrowsFindsItsProgramsThere) {
  const std::int64_t before = taken();
  const std::vector<Tensor> values = grow(40, 24, true);
  EXPECT_GT(taken() - before, 20);
  env::set("LILITH_DISABLE", "ahead");
  clear_program_cache();
  const std::int64_t now = taken();
  const std::vector<Tensor> alone = grow(40, 24);
  env::set("LILITH_DISABLE", "");
  EXPECT_EQ(taken(), now);
  EXPECT_TRUE(same_bits(values, alone));
}

TEST_F(AheadTest, WhatWasMadeAheadCountsWhenItIsAskedFor) {
  const CacheStats before = cache_stats();
  grow(30, 25);
  const CacheStats after = cache_stats();
  env::set("LILITH_DISABLE", "ahead");
  clear_program_cache();
  grow(30, 25);
  env::set("LILITH_DISABLE", "");
  const CacheStats alone = cache_stats();
  EXPECT_EQ(after.compiled + after.planned - before.compiled - before.planned,
            alone.compiled + alone.planned - after.compiled - after.planned);
}

TEST_F(AheadTest, SizesThatJumpAreMadeWhenTheyAreAskedFor) {
  const std::int64_t before = taken();
  for (const std::int64_t n : {7, 12, 9, 31, 30, 8, 19, 25})
    EXPECT_NEAR(sin(ones({n, 26})).sum().item(), std::sin(1.0) * 26 * static_cast<double>(n), 1e-2);
  EXPECT_EQ(taken(), before);
}

// The shapes that come after 6 do not exist; nobody asks for them.
TEST_F(AheadTest, WhatCannotBeMadeIsNoError) {
  for (std::int64_t n = 1; n <= 6; ++n) {
    const Tensor x = ones({n, 27});
    EXPECT_NEAR(cat({x, ones({7 - n, 27})}, 0).reshape({7 * 27}).sum().item(), 189, 1e-3);
  }
}

TEST_F(AheadTest, CompiledFunctionsTakeThemToo) {
  const auto f = compile([](const Tensor& x) { return softmax(x * 0.5, 0).sum(1); });
  const std::int64_t before = taken();
  for (std::int64_t n = 3; n < 30; ++n) {
    EXPECT_NEAR(f(ones({n, 28})).sum().item(), 28, 1e-3);
    driver::Ahead::instance().finish();
  }
  EXPECT_GT(taken() - before, 10);
}

TEST_F(AheadTest, ThreadsThatGrowBesideEachOther) {
  const std::vector<Tensor> a = grow(30, 29), b = grow(30, 30);
  clear_program_cache();
  std::vector<Tensor> c, d;
  std::thread one([&] { c = grow(30, 29); }), other([&] { d = grow(30, 30); });
  one.join();
  other.join();
  EXPECT_TRUE(same_bits(a, c));
  EXPECT_TRUE(same_bits(b, d));
}

TEST_F(AheadTest, AChildGoesOn) {
  const std::vector<Tensor> all = grow(40, 31);
  clear_program_cache();
  grow(12, 31);  // and more is being made
  const pid_t child = fork();
  if (child == 0) _exit(same_bits(grow(40, 31), all) ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(same_bits(grow(40, 31), all));
}

}  // namespace
}  // namespace lilith
