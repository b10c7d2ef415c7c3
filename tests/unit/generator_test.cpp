#include <gtest/gtest.h>

#include <thread>

#include "lilith/lilith.h"

// A stream of random numbers of one's own.
namespace lilith {
namespace {

using F = std::vector<float>;
using I = std::int64_t;

F numbers(const Tensor& t) { return t.to_vector<float>(); }

TEST(Generator, RepeatsFromItsSeed) {
  RandomGenerator g(7);
  const F a = numbers(rand({5}, {.generator = g})), b = numbers(randn({5}, {.generator = g}));
  EXPECT_NE(a, b);
  g.manual_seed(7);
  EXPECT_EQ(numbers(rand({5}, {.generator = g})), a);
  EXPECT_EQ(g.initial_seed(), 7u);
  RandomGenerator other(7);
  EXPECT_EQ(numbers(rand({5}, {.generator = other})), a);
  EXPECT_EQ(numbers(randn({5}, {.generator = other})), b);
  // The same numbers as the process's generator from this seed.
  manual_seed(7);
  EXPECT_EQ(numbers(rand({5})), a);
}

TEST(Generator, IsApartFromTheProcess) {
  manual_seed(1);
  const F a = numbers(rand({4})), b = numbers(rand({4}));
  manual_seed(1);
  RandomGenerator g(99);
  EXPECT_EQ(numbers(rand({4})), a);
  const F own = numbers(rand({4}, {.generator = g}));
  EXPECT_EQ(numbers(rand({4})), b);
  g.manual_seed(99);
  manual_seed(5);
  EXPECT_EQ(numbers(rand({4}, {.generator = g})), own);
  EXPECT_EQ(rng_state(), (RngState{5, 0}));
}

TEST(Generator, GoesOnFromItsState) {
  RandomGenerator g(3);
  rand({4}, {.generator = g});
  const RngState state = g.get_state();
  const F next = numbers(rand({4}, {.generator = g}));
  EXPECT_NE(g.get_state(), state);
  RandomGenerator fresh;
  fresh.set_state(state);
  EXPECT_EQ(numbers(rand({4}, {.generator = fresh})), next);
  // Copies are one stream.
  RandomGenerator same = fresh;
  const RngState before = fresh.get_state();
  rand({4}, {.generator = same});
  EXPECT_EQ(fresh.get_state().counter, before.counter + 1);
}

TEST(Generator, WhereverNumbersAreDrawn) {
  const auto twice = [](auto draw) {
    RandomGenerator g(11);
    const Tensor a = draw(g);
    const RngState process = rng_state();
    g.manual_seed(11);
    const Tensor b = draw(g);
    EXPECT_EQ(rng_state(), process);
    EXPECT_GT(g.get_state().counter, 0u);
    return a.dtype() == b.dtype() &&
           a.to(kFloat64).to_vector<double>() == b.to(kFloat64).to_vector<double>();
  };
  const auto filled = [&](auto f) {
    return twice([&](const RandomGenerator& g) {
      Tensor t = zeros({6, 5});
      f(t, g);
      return t;
    });
  };
  EXPECT_TRUE(twice([](auto& g) { return randint(10, {20}, {.generator = g}); }));
  EXPECT_TRUE(twice([](auto& g) { return randint(-5, 10, {20}, {.generator = g}); }));
  EXPECT_TRUE(twice([](auto& g) { return randperm(20, {.generator = g}); }));
  EXPECT_TRUE(twice([](auto& g) { return bernoulli(full({20}, 0.5), g); }));
  EXPECT_TRUE(twice([](auto& g) { return normal(zeros({20}), 1.0, g); }));
  EXPECT_TRUE(twice([](auto& g) { return rand({20}, {.dtype = kFloat64, .generator = g}); }));
  EXPECT_TRUE(filled([](Tensor& t, auto& g) { init::uniform_(t, 0, 1, g); }));
  EXPECT_TRUE(filled([](Tensor& t, auto& g) { init::normal_(t, 0, 1, g); }));
  EXPECT_TRUE(filled([](Tensor& t, auto& g) { init::trunc_normal_(t, 0, 1, -2, 2, g); }));
  EXPECT_TRUE(filled([](Tensor& t, auto& g) { init::xavier_uniform_(t, 1, g); }));
  EXPECT_TRUE(filled([](Tensor& t, auto& g) { init::xavier_normal_(t, 1, g); }));
  EXPECT_TRUE(filled([](Tensor& t, auto& g) { init::kaiming_uniform_(t, {.generator = g}); }));
  EXPECT_TRUE(filled([](Tensor& t, auto& g) { init::kaiming_normal_(t, {.generator = g}); }));
  EXPECT_TRUE(filled([](Tensor& t, auto& g) { init::orthogonal_(t, 1, g); }));
  EXPECT_TRUE(filled([](Tensor& t, auto& g) { init::sparse_(t, 0.5, 0.01, g); }));
  // Whole numbers by default, whatever else is said.
  EXPECT_EQ(randint(10, {3}, {.generator = RandomGenerator(1)}).dtype(), kInt64);
  EXPECT_EQ(randperm(3, {.generator = RandomGenerator(1)}).dtype(), kInt64);
  const TensorOptions named{.dtype = kInt32};
  EXPECT_EQ(randint(10, {3}, named).dtype(), kInt32);
}

TEST(Generator, AdvancesInCompiledFunctionsAsOutside) {
  RandomGenerator g(21);
  auto noisy = [g](Tensor x) {
    return x + rand({3}, {.generator = g}) + randperm(3, {.generator = g}).to(kFloat32) + rand({3});
  };
  const Tensor x = zeros({3});
  manual_seed(4);
  std::vector<F> lazy;
  for (int i = 0; i < 3; ++i) lazy.push_back(numbers(noisy(x)));
  const RngState end = g.get_state(), process_end = rng_state();
  g.manual_seed(21);
  manual_seed(4);
  auto compiled = compile(noisy);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(numbers(compiled(x)), lazy[static_cast<std::size_t>(i)]);
  EXPECT_EQ(g.get_state(), end);
  EXPECT_EQ(rng_state(), process_end);
}

TEST(Generator, ManyThreadsDrawFromOne) {
  RandomGenerator g(2);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) rand({2}, {.generator = g});
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(g.get_state().counter, 80u);
}

// Every value lies in the range and its bits are random, beyond what double can count.
TEST(Randint, WideRanges) {
  manual_seed(1);
  const I b = (I{1} << 53) + 1;
  for (const auto& [low, high] : std::vector<std::pair<I, I>>{{0, (I{1} << 60) + 7},
                                                              {INT64_MIN, INT64_MAX},
                                                              {-5, I{1} << 62},
                                                              {INT64_MAX - 3, INT64_MAX},
                                                              {INT64_MIN, INT64_MIN + 2},
                                                              {b, b + 2},
                                                              {0, b + 2}}) {
    const std::vector<I> v = randint(low, high, {4000}).to_vector<I>();
    int odd = 0, upper = 0;
    const double middle = static_cast<double>(low) / 2 + static_cast<double>(high) / 2;
    for (I k : v) {
      ASSERT_GE(k, low);
      ASSERT_LT(k, high);
      odd += static_cast<int>(k & 1);
      upper += static_cast<double>(k) >= middle;
    }
    const bool narrow = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) < 4;
    EXPECT_GT(odd, narrow ? 1000 : 1800) << low << " " << high;
    EXPECT_LT(odd, narrow ? 3000 : 2200) << low << " " << high;
    if (!narrow) {
      EXPECT_NEAR(upper, 2000, 200) << low << " " << high;
    }
  }
}

}  // namespace
}  // namespace lilith
