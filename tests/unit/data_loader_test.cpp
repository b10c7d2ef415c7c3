// Data sets, splits, the loader's order, and the drawn digits.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "ir/node.h"
#include "lilith/data.h"
#include "lilith/ops.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

using testing::error_text;

Tensor make_f32(const Shape& shape, float first = 0) {
  const Aval aval{shape, DType::F32, {}};
  auto storage = Storage::allocate(aval.bytes());
  for (std::int64_t i = 0; i < aval.numel(); ++i)
    static_cast<float*>(storage->data())[i] = first + static_cast<float>(i);
  return ir::make_data(aval, storage);
}

std::vector<float> epoch_order(DataLoader<1>& loader) {
  std::vector<float> seen;
  for (auto [x] : loader) {
    for (float v : x.to_vector<float>()) seen.push_back(v);
  }
  return seen;
}

// As PyTorch's TensorDataset: d[2:5], d[:], d[[0, 2]], d[mask].
TEST(Dataset, RowsBySliceNumbersAndMask) {
  const TensorDataset set(make_f32({5, 1}), arange(5));
  const auto ys = [&](const auto& rows) { return set[rows][1].template to_vector<std::int64_t>(); };
  using Rows = std::vector<std::int64_t>;
  EXPECT_EQ(ys(Slice()), (Rows{0, 1, 2, 3, 4}));
  EXPECT_EQ(ys(Slice{1, 3}), (Rows{1, 2}));
  EXPECT_EQ(ys(Slice{-2}), (Rows{3, 4}));
  EXPECT_EQ(ys(Slice{None, -1, 2}), (Rows{0, 2}));
  EXPECT_EQ(ys(Slice{3, 100}), (Rows{3, 4}));
  EXPECT_EQ(ys(Slice{3, 1}), Rows{});
  EXPECT_EQ(ys(Slice{0, None, INT64_MAX}), Rows{0});
  EXPECT_EQ(ys(tensor({4, 0, -2})), (Rows{4, 0, 3}));
  EXPECT_EQ(ys(arange(5) > 2), (Rows{3, 4}));
  EXPECT_EQ((set[Slice{1, 3}][0].shape()), Shape({2, 1}));
  EXPECT_EQ(set[Slice()][0].to_vector<float>()[4], 4.f);
  EXPECT_EQ(set[1][1].item<std::int64_t>(), 1);  // a row
  EXPECT_EQ(ys(Slice{None, INT64_MIN}), Rows{});
  EXPECT_ERROR_HERE(set[Slice(0, 2, 0)], "Dataset: a slice's step must be above 0; got 0.");
  EXPECT_ERROR_HERE(set[tensor({7})], "Dataset: row 7 is out of range; there are 5 rows");
  EXPECT_ERROR_HERE(set[tensor({-6})], "Dataset: row -6 is out of range; there are 5 rows");
  EXPECT_ERROR_HERE(set[tensor({0.5})],
                    "Dataset: rows are given by 1-d whole numbers or by a 1-d mask; got f32 [1].");
  EXPECT_ERROR_HERE(set[arange(3) > 1], "Dataset: a mask of 3 for 5 rows.");
  const std::string kinds = "rows are given by a number, a Slice, whole numbers or a mask.";
  EXPECT_ERROR_HERE(set[None], "Dataset: got None; " + kinds);
  EXPECT_ERROR_HERE(set[Ellipsis], "Dataset: got ...; " + kinds);
}

// A subset of nothing is a sampler, whose epochs have no batch.
TEST(DataLoader, AnEmptySubsetHasNoBatch) {
  const TensorDataset set(make_f32({7}));
  const SubsetRandomSampler none(std::vector<std::int64_t>{});
  EXPECT_TRUE(static_cast<bool>(none));
  EXPECT_FALSE(static_cast<bool>(Sampler()));
  DataLoader loader(set, {.batch_size = 2, .sampler = none});
  EXPECT_EQ(loader.size(), 0);
  EXPECT_TRUE(epoch_order(loader).empty());
  EXPECT_TRUE(epoch_order(loader).empty());
  DataLoader two(set, {.sampler = SubsetRandomSampler({3, 5})});
  EXPECT_EQ(epoch_order(two).size(), 2u);
  EXPECT_THROW(DataLoader(set, {.shuffle = true, .sampler = none}), Error);
  EXPECT_THROW(DataLoader(set, {.sampler = Sampler{.size = 3}}), Error);
}

// A generator hands out what the process's would in its place.
TEST(RandomSplit, IsOfOneKindOfSeed) {
  const TensorDataset set(make_f32({20}));
  const auto rows = [](const auto& parts) {
    return parts[0].slice(0)[0].template to_vector<float>();
  };
  manual_seed(3);
  const auto of_process = rows(random_split(set, {12, 8}));
  RandomGenerator own(3);
  EXPECT_EQ(rows(random_split(set, {12, 8}, own)), of_process);
  EXPECT_EQ(own.get_state().counter, 1u);
  EXPECT_NE(rows(random_split(set, {12, 8}, {.generator = own})), of_process);
  EXPECT_EQ(own.get_state().counter, 2u);
}

TEST(DataLoader, YieldsBatchesAsTuples) {
  const TensorDataset set(make_f32({7, 2}), make_f32({7}, 100));
  std::vector<std::int64_t> sizes;
  float next = 0;
  for (auto [x, y] : DataLoader(set, {.batch_size = 3})) {
    sizes.push_back(x.size(0));
    EXPECT_EQ(x.size(1), 2);
    for (float v : x.to_vector<float>()) EXPECT_EQ(v, next++);
    EXPECT_EQ(y.to_vector<float>()[0], 100 + x.to_vector<float>()[0] / 2);
  }
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{3, 3, 1}));
  DataLoader full(set, {.batch_size = 3, .drop_last = true});
  EXPECT_EQ(full.size(), 2);
  int batches = 0;
  for ([[maybe_unused]] auto& [x, y] : full) ++batches;
  EXPECT_EQ(batches, 2);
}

TEST(DataLoader, ShufflesBySeedAndEpoch) {
  const TensorDataset set(make_f32({100}));
  DataLoader a(set, {.batch_size = 8, .shuffle = true, .seed = 1});
  DataLoader b(set, {.batch_size = 8, .shuffle = true, .seed = 1});
  DataLoader c(set, {.batch_size = 8, .shuffle = true, .seed = 2});
  const auto first = epoch_order(a), second = epoch_order(a);
  EXPECT_NE(first, second);
  EXPECT_EQ(std::set<float>(first.begin(), first.end()).size(), 100u);
  EXPECT_EQ(epoch_order(b), first);
  EXPECT_EQ(epoch_order(b), second);
  EXPECT_NE(epoch_order(c), first);
  b.set_epoch(0);
  EXPECT_EQ(epoch_order(b), first);
}

TEST(DataLoader, RefusesNonsense) {
  const TensorDataset set(make_f32({4}));
  EXPECT_THROW(DataLoader(set, {.batch_size = 0}), Error);
  EXPECT_THROW(set.rows({4}), Error);
  EXPECT_THROW(set.rows({-1}), Error);
  EXPECT_THROW(TensorDataset(make_f32({4}), make_f32({5})), Error);
  EXPECT_THROW(TensorDataset(make_f32({})), Error);
  EXPECT_THROW(random_split(set, {2, 1}), Error);
  EXPECT_THROW(random_split(set, {5, -1}), Error);
}

TEST(DataLoader, AnEmptySetHasNoBatches) {
  const TensorDataset set(make_f32({0, 3}));
  DataLoader loader(set, {.batch_size = 4, .shuffle = true});
  EXPECT_EQ(loader.size(), 0);
  for ([[maybe_unused]] auto& [x] : loader) FAIL();
}

TEST(RandomSplit, PartitionsTheRows) {
  const TensorDataset set(make_f32({50}));
  const auto parts = random_split(set, {30, 15, 5}, 3);
  ASSERT_EQ(parts.size(), 3u);
  std::set<float> seen;
  for (const auto& part : parts) {
    for (float v : part.slice(0)[0].to_vector<float>()) seen.insert(v);
  }
  EXPECT_EQ(seen.size(), 50u);
  EXPECT_EQ(random_split(set, {30, 15, 5}, 3)[1].slice(0)[0].to_vector<float>(),
            parts[1].slice(0)[0].to_vector<float>());
  EXPECT_NE(random_split(set, {30, 15, 5}, 4)[1].slice(0)[0].to_vector<float>(),
            parts[1].slice(0)[0].to_vector<float>());
}

TEST(Digits, DependOnTheSeedAlone) {
  const data::Digits a(data::Split::Train, {.size = 64, .seed = 5});
  const data::Digits longer(data::Split::Train, {.size = 100, .seed = 5});
  const data::Digits other(data::Split::Train, {.size = 64, .seed = 6});
  const data::Digits test(data::Split::Test, {.size = 64, .seed = 5});
  const auto x = a.slice(0)[0].to_vector<float>();
  EXPECT_EQ(longer.slice(0, 64)[0].to_vector<float>(), x);
  EXPECT_NE(other.slice(0)[0].to_vector<float>(), x);
  EXPECT_NE(test.slice(0)[0].to_vector<float>(), x);
}

TEST(Digits, FillTheFormatOfMnist) {
  const data::Digits set(data::Split::Train, {.size = 500});
  const auto [x, y] = set.slice(0);
  EXPECT_EQ(x.shape(), (Shape{500, 1, 28, 28}));
  const auto labels = y.to_vector<std::int64_t>();
  for (std::int64_t digit = 0; digit < 10; ++digit) {
    EXPECT_GT(std::count(labels.begin(), labels.end(), digit), 20) << digit;
  }
  double sum = 0;
  for (float v : x.to_vector<float>()) {
    ASSERT_TRUE(v >= 0 && v <= 1);
    sum += v;
  }
  // MNIST's mean is 0.13.
  EXPECT_GT(sum / (500 * 784), 0.06);
  EXPECT_LT(sum / (500 * 784), 0.22);
  EXPECT_THROW(data::Digits(data::Split::Train, {.size = -1}), Error);
}

}  // namespace
}  // namespace lilith
