// Loops over a DataLoader: each runs by itself, is an epoch of its own, and can be gone on with.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <ranges>
#include <set>
#include <thread>

#include "lilith/data.h"
#include "lilith/ops.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

using Order = std::vector<std::int64_t>;

TensorDataset<1> numbers(std::int64_t n) { return TensorDataset(arange(n)); }

void add(Order& seen, const Tensor& x) {
  for (const std::int64_t v : x.to_vector<std::int64_t>()) seen.push_back(v);
}

template <class Loader>
Order order_of(Loader&& loader) {
  Order seen;
  for (auto [x] : loader) add(seen, x);
  return seen;
}

Order sorted(Order order) {
  std::sort(order.begin(), order.end());
  return order;
}

Order iota(std::int64_t n) {
  Order all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST(DataLoops, NestedLoopsRunByThemselves) {
  for (const bool shuffle : {false, true}) {
    const DataLoader loader(numbers(23), {.batch_size = 5, .shuffle = shuffle});
    int pairs = 0;
    Order outer;
    for (auto [x] : loader) {
      add(outer, x);
      Order inner;
      for (auto [y] : loader) {
        ++pairs;
        add(inner, y);
      }
      EXPECT_EQ(sorted(inner), iota(23));
    }
    EXPECT_EQ(pairs, 25);
    EXPECT_EQ(sorted(outer), iota(23));
  }
}

TEST(DataLoops, ALookAtTheFirstBatchAndABreakDisturbNothing) {
  DataLoader loader(numbers(20), {.batch_size = 2});
  Order seen;
  for (auto [x] : loader) {
    add(seen, x);
    const auto [first] = *loader.begin();
    EXPECT_EQ(first.to_vector<std::int64_t>(), (Order{0, 1}));
    for (auto [y] : loader) {
      if (y.to_vector<std::int64_t>()[0] == 4) break;
    }
  }
  EXPECT_EQ(seen, iota(20));
}

TEST(DataLoops, IteratorsAndCopiesOfThemHaveTheirOwnStreams) {
  const DataLoader loader(numbers(9), {.batch_size = 3});
  const auto first = [](const auto& it) { return (*it)[0].template to_vector<std::int64_t>()[0]; };
  auto a = loader.begin(), b = loader.begin();
  ++a;
  EXPECT_EQ(first(a), 3);
  EXPECT_EQ(first(b), 0);
  auto c = a;
  ++c;
  EXPECT_EQ(first(a), 3);
  EXPECT_EQ(first(c), 6);
  EXPECT_NE(a, c);
  EXPECT_EQ(first(b++), 0);
  EXPECT_EQ(first(b), 3);
  EXPECT_EQ(a, b);
  EXPECT_EQ(++c, loader.end());
  EXPECT_NE(a, loader.end());
}

TEST(DataLoops, AnIteratorOutlivesItsLoader) {
  auto it = DataLoader(numbers(4), {.batch_size = 2}).begin();
  ++it;
  EXPECT_EQ((*it)[0].to_vector<std::int64_t>(), (Order{2, 3}));
}

TEST(DataLoops, ACopyOfALoaderCountsItsOwnEpochs) {
  DataLoader loader(numbers(30), {.batch_size = 7, .shuffle = true, .seed = 4});
  const Order first = order_of(loader);
  DataLoader copy = loader;
  const Order second = order_of(loader), third = order_of(loader);
  EXPECT_EQ(order_of(copy), second);
  EXPECT_EQ(order_of(copy), third);
  EXPECT_NE(first, second);
  copy = DataLoader(numbers(30), {.batch_size = 7, .shuffle = true, .seed = 4});
  EXPECT_EQ(order_of(copy), first);
}

using Loader = DataLoader<1>;
static_assert(std::input_iterator<Loader::Iterator>);
static_assert(std::sentinel_for<Loader::Sentinel, Loader::Iterator>);
static_assert(std::ranges::input_range<const Loader>);
static_assert(std::ranges::common_range<Loader>);
static_assert(std::is_same_v<std::iterator_traits<Loader::Iterator>::iterator_category,
                             std::input_iterator_tag>);
static_assert(
    std::is_same_v<std::iterator_traits<Loader::Iterator>::value_type, std::array<Tensor, 1>>);

TEST(DataLoops, WorkWithTheStandardLibrary) {
  DataLoader loader(numbers(10), {.batch_size = 3});
  const std::vector<Loader::Batch> all(loader.begin(), loader.end());
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[3][0].to_vector<std::int64_t>(), (Order{9}));
  EXPECT_EQ(std::ranges::distance(loader.begin(), loader.end()), 4);
  EXPECT_EQ(std::accumulate(loader.begin(), loader.end(), std::int64_t{0},
                            [](std::int64_t n, const auto& b) { return n + b[0].size(0); }),
            10);
  Order taken;
  for (auto& [x] : loader | std::views::take(2)) add(taken, x);
  EXPECT_EQ(taken, iota(6));
}

// Written out: the orders of a seed are the same on every machine and in every release.
TEST(DataLoops, AGivenSeedKeepsItsOrders) {
  DataLoader loader(numbers(8), {.batch_size = 3, .shuffle = true, .seed = 1});
  EXPECT_EQ(order_of(loader), (Order{5, 3, 6, 0, 4, 1, 7, 2}));
  EXPECT_EQ(order_of(loader), (Order{5, 2, 4, 7, 6, 1, 3, 0}));
  EXPECT_EQ(order_of(DataLoader(numbers(8), {.shuffle = true, .seed = 0})),
            (Order{3, 2, 4, 6, 1, 5, 7, 0}));
}

TEST(DataLoops, WithoutASeedEveryOrderIsDrawn) {
  const auto epochs = [](std::uint64_t seed) {
    manual_seed(seed);
    std::vector<Order> orders;
    for (int epoch = 0; epoch < 3; ++epoch)
      orders.push_back(order_of(DataLoader(numbers(40), {.batch_size = 8, .shuffle = true})));
    DataLoader kept(numbers(40), {.batch_size = 8, .shuffle = true});
    for (int epoch = 0; epoch < 3; ++epoch) orders.push_back(order_of(kept));
    return orders;
  };
  const auto orders = epochs(1);
  EXPECT_EQ(std::set<Order>(orders.begin(), orders.end()).size(), orders.size());
  for (const Order& order : orders) EXPECT_EQ(sorted(order), iota(40));
  EXPECT_EQ(epochs(1), orders);
  EXPECT_NE(epochs(2)[0], orders[0]);
}

TEST(DataLoops, WithoutShufflingNothingIsDrawn) {
  manual_seed(3);
  order_of(DataLoader(numbers(4)));
  order_of(DataLoader(numbers(4), {.shuffle = true, .seed = 1}));
  EXPECT_EQ(rng_state().counter, 0u);
}

TEST(DataLoops, SetEpochRepeatsAnEpochWithoutASeedToo) {
  DataLoader loader(numbers(40), {.batch_size = 8, .shuffle = true});
  loader.set_epoch(2);
  const Order second = order_of(loader), third = order_of(loader);
  loader.set_epoch(2);
  EXPECT_EQ(order_of(loader), second);
  EXPECT_EQ(order_of(loader), third);
  EXPECT_NE(second, third);
}

TEST(DataLoops, ASplitWithoutASeedFollowsManualSeed) {
  const auto set = numbers(30);
  const auto first_part = [&](std::uint64_t seed) {
    manual_seed(seed);
    return random_split(set, {20, 10})[0].slice(0)[0].to_vector<std::int64_t>();
  };
  EXPECT_EQ(first_part(1), first_part(1));
  EXPECT_NE(first_part(1), first_part(2));
}

// What the epochs `from` to 3 see, started in batch `skip` of the first.
std::vector<Order> rest_of(Loader& loader, std::int64_t from) {
  std::vector<Order> orders;
  for (std::int64_t epoch = from; epoch < 3; ++epoch) orders.push_back(order_of(loader));
  return orders;
}

TEST(DataLoops, AStatePutBackGoesOnAtTheNextBatch) {
  for (const std::optional<std::uint64_t> seed : {std::optional<std::uint64_t>(9), {}}) {
    const DataLoaderOptions options{.batch_size = 4, .shuffle = true, .seed = seed};
    for (std::int64_t stop = 0; stop <= 5; ++stop) {  // batches of the second epoch; 5 are all
      manual_seed(1);
      DataLoader whole(numbers(18), options);
      order_of(whole);
      DataLoaderState state = whole.state();
      RngState rng = rng_state();
      EXPECT_EQ(state.epoch, 1);
      EXPECT_EQ(state.batch, 0);
      Order right;
      std::int64_t batch = 0;
      for (auto [x] : whole) {
        for (auto [y] : whole) break;  // draws, and is no position
        if (batch++ >= stop) add(right, x);
        if (batch != stop) continue;
        state = whole.state();
        rng = rng_state();
        EXPECT_EQ(state.epoch, 1);
        EXPECT_EQ(state.batch, stop);
      }
      const auto right_rest = rest_of(whole, 2);

      manual_seed(77);
      DataLoader other(numbers(18), options);
      set_rng_state(rng);
      other.set_state(state);
      EXPECT_EQ(other.state(), state);
      Order got;
      for (auto [x] : other) {
        for (auto [y] : other) break;
        add(got, x);
      }
      EXPECT_EQ(got, right) << "stopped after " << stop;
      EXPECT_EQ(rest_of(other, 2), right_rest) << "stopped after " << stop;
    }
  }
}

TEST(DataLoops, AStateOfAnotherLoaderIsRefused) {
  const DataLoaderOptions options{.batch_size = 4, .shuffle = true, .seed = 1};
  const DataLoaderState state = DataLoader(numbers(18), options).state();
  const auto loader = [&](std::int64_t rows, std::int64_t batch_size, bool shuffle, bool drop_last,
                          std::uint64_t seed) {
    return DataLoader(numbers(rows), {batch_size, shuffle, seed, drop_last});
  };
  EXPECT_ERROR_HERE(loader(19, 4, true, false, 1).set_state(state),
                    "set_state: the number of rows was 18, the loader has 19; need the same");
  EXPECT_ERROR_HERE(loader(18, 3, true, false, 1).set_state(state),
                    "set_state: batch_size was 4, the loader has 3; need the same");
  EXPECT_ERROR_HERE(loader(18, 4, false, false, 1).set_state(state),
                    "set_state: shuffle was true, the loader has false; need the same");
  EXPECT_ERROR_HERE(loader(18, 4, true, true, 1).set_state(state),
                    "set_state: drop_last was false, the loader has true; need the same");
  EXPECT_ERROR_HERE(loader(18, 4, true, false, 2).set_state(state),
                    "set_state: the seed was 1, the loader has 2; need the same");
  DataLoaderState beyond = state;
  beyond.batch = 6;
  EXPECT_ERROR_HERE(loader(18, 4, true, false, 1).set_state(beyond),
                    "set_state: batch 6 of epoch 0; an epoch has 5 batches");
}

TEST(DataLoops, AConstLoaderMayBeReadFromThreads) {
  const DataLoader loader(numbers(50), {.batch_size = 4, .shuffle = true, .seed = 1});
  std::vector<Order> orders(4);
  std::vector<std::thread> threads;
  for (Order& order : orders) threads.emplace_back([&] { order = order_of(loader); });
  for (auto& thread : threads) thread.join();
  for (const Order& order : orders) EXPECT_EQ(sorted(order), iota(50));
  EXPECT_EQ(std::set<Order>(orders.begin(), orders.end()).size(), 4u);
}

// A source of the user's that throws at row 7.
class Failing final : public DataSource {
 public:
  std::int64_t size() const override { return 12; }
  const std::vector<Aval>& columns() const override { return columns_; }
  void read(const std::int64_t* rows, std::int64_t n, void* const*) const override {
    for (std::int64_t i = 0; i < n; ++i)
      LILITH_CHECK(rows[i] != 7, "Failing: row {} is broken", rows[i]);
  }

 private:
  std::vector<Aval> columns_{{{}, DType::F32, {}}};
};

TEST(DataLoops, ErrorsNameTheLineOfTheLoader) {
  const data::Dataset<1> set(std::make_shared<Failing>());
  const Loc here = std::source_location::current();
  DataLoader loader(set, {.batch_size = 5});  // one line below
  Loc made = here;
  ++made.line;
  EXPECT_EQ(testing::error_text([&] {
              for (auto [x] : loader) x.numel();
            }),
            "Failing: row 7 is broken (" + made.str() + ")");
}

}  // namespace
}  // namespace lilith
