// Own datasets, samplers, worker threads and collating.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <memory>

#include "lilith/data.h"
#include "lilith/ops.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

using testing::error_text;

struct Squares {
  std::int64_t n = 10;
  std::int64_t size() const { return n; }
  std::pair<Tensor, std::int64_t> get(std::int64_t i) const {
    return {tensor({static_cast<float>(i), static_cast<float>(i * i)}), i % 3};
  }
};

TEST(OwnDataset, HasTheRowsOfAStruct) {
  const OwnDataset data{Squares{}};
  static_assert(std::is_base_of_v<data::Dataset<2>, decltype(data)> ||
                std::is_base_of_v<data::Dataset<2>, OwnDataset<Squares>>);
  EXPECT_EQ(data.size(), 10);
  const auto [x, y] = data.rows({4, 2});
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{4, 16, 2, 4}));
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 2}));
  struct Ragged {
    std::int64_t size() const { return 2; }
    Tensor get(std::int64_t i) const { return ones({i + 1}); }
  };
  EXPECT_NE(error_text([] {
              OwnDataset(Ragged{}).rows({0, 1});
            }).find("Dataset: row 1 is f32[2]; row 0 is f32[1], and all rows have to be alike"),
            std::string::npos);
  EXPECT_NE(error_text([] { OwnDataset(Squares{0}); }).find("Dataset: size() is 0"),
            std::string::npos);
}

struct MoveOnly {
  explicit MoveOnly(std::int64_t n)
      : values(std::make_unique<std::vector<float>>(static_cast<std::size_t>(n), 2.5f)) {}
  std::unique_ptr<std::vector<float>> values;
  std::int64_t size() const { return static_cast<std::int64_t>(values->size()); }
  Tensor get(std::int64_t i) const { return tensor((*values)[static_cast<std::size_t>(i)]); }
};
/// Says how often it was copied.
struct Counted {
  int* copies;
  explicit Counted(int* n) : copies(n) {}
  Counted(const Counted& other) : copies(other.copies) { ++*copies; }
  Counted(Counted&&) = default;
  std::int64_t size() const { return 4; }
  Tensor get(std::int64_t i) const { return scalar_tensor(i); }
};

TEST(OwnDataset, IsMovedIn) {
  const OwnDataset rows(MoveOnly(5));
  EXPECT_EQ(rows[3][0].item<float>(), 2.5f);
  MoveOnly more(6);
  EXPECT_EQ(DataLoader(std::move(more), {.batch_size = 2}).size(), 3);
  CollateLoader loader(MoveOnly(4), {.batch_size = 4},
                       [](const std::vector<Tensor>& all) { return stack(all); });
  for (const Tensor& batch : loader) EXPECT_EQ(batch.shape(), (Shape{4}));
  int copies = 0;
  const OwnDataset moved{Counted(&copies)};
  EXPECT_EQ(copies, 0);
  const Counted named(&copies);
  const OwnDataset copied(named);
  EXPECT_EQ(copies, 1);
}

TEST(OwnDataset, PartsAndUnions) {
  const data::Dataset<2> data = OwnDataset(Squares{});
  const Subset part(data, {7, 1});
  EXPECT_EQ(part[0][1].item<int>(), 1);
  const ConcatDataset all(std::vector<data::Dataset<2>>{part, data});
  EXPECT_EQ(all.size(), 12);
  EXPECT_EQ(all.rows({1, 2, 11})[0].to_vector<float>(), (std::vector<float>{1, 1, 0, 0, 9, 81}));
  const auto doubled = transformed(data, [](Tensor x) { return x * 2; });
  EXPECT_EQ(doubled[3][0].to_vector<float>(), (std::vector<float>{6, 18}));
  EXPECT_NE(
      error_text([&] {
        ConcatDataset(std::vector<data::Dataset<2>>{data, TensorDataset(ones({2, 3}), ones({2}))});
      }).find("ConcatDataset: column 0 of dataset 1 is f32[3], of dataset 0 f32[2]"),
      std::string::npos);
}

std::vector<std::int64_t> rows_of(const Sampler& s, std::uint64_t seed = 1,
                                  std::int64_t epoch = 0) {
  return s.order(seed, epoch);
}

TEST(Samplers, DrawWhatTheySay) {
  EXPECT_EQ(rows_of(SequentialSampler(3)), (std::vector<std::int64_t>{0, 1, 2}));
  auto all = rows_of(RandomSampler(50));
  EXPECT_EQ(all, rows_of(RandomSampler(50)));
  EXPECT_NE(all, rows_of(RandomSampler(50), 1, 1));
  std::sort(all.begin(), all.end());
  for (std::int64_t i = 0; i < 50; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i);
  std::array<int, 3> counts{};
  for (const auto i : rows_of(WeightedRandomSampler({1, 0, 3}, 4000)))
    ++counts[static_cast<std::size_t>(i)];
  EXPECT_EQ(counts[1], 0);
  EXPECT_NEAR(counts[2], 3000, 150);
  auto drawn = rows_of(WeightedRandomSampler({1, 2, 3, 0}, 3, false));
  std::sort(drawn.begin(), drawn.end());
  EXPECT_EQ(drawn, (std::vector<std::int64_t>{0, 1, 2}));
  std::vector<int> seen(10);
  for (int rank = 0; rank < 3; ++rank) {
    const Sampler s = DistributedSampler(10, 3, rank, true, 5);
    EXPECT_EQ(s.size, 4);
    for (const auto i : rows_of(s, 100 + static_cast<std::uint64_t>(rank)))
      ++seen[static_cast<std::size_t>(i)];
  }
  EXPECT_EQ(*std::min_element(seen.begin(), seen.end()), 1);
  EXPECT_NE(error_text([] { DistributedSampler(10, 3, 3); }).find("rank 3 of 3"),
            std::string::npos);
  EXPECT_NE(error_text([] { WeightedRandomSampler({1, -1}, 2); }).find("a weight is -1"),
            std::string::npos);
}

TEST(Samplers, GiveALoaderItsRows) {
  const data::Dataset<2> data = OwnDataset(Squares{});
  const DataLoader loader(data, {.batch_size = 2, .sampler = SubsetRandomSampler({1, 3, 5, 7, 9})});
  EXPECT_EQ(loader.size(), 3);
  std::vector<float> seen;
  for (auto [x, y] : loader)
    for (const float v : select(x, 1, 0).to_vector<float>()) seen.push_back(v);
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, (std::vector<float>{1, 3, 5, 7, 9}));
  EXPECT_NE(error_text([&] {
              DataLoader(data, {.shuffle = true, .sampler = SequentialSampler(3)});
            }).find("shuffle and a sampler"),
            std::string::npos);
}

// Batches of noise on rows: what they draw is the batch's own.
std::vector<std::vector<float>> epoch_of(const DataLoader<2>& loader) {
  std::vector<std::vector<float>> out;
  for (auto [x, y] : loader) out.push_back(x.to_vector<float>());
  return out;
}
data::Dataset<2> noisy() {
  return transformed(OwnDataset(Squares{23}), [](Tensor x) { return x + rand({2}); });
}

TEST(Workers, GiveTheSameBatches) {
  const DataLoaderOptions alone{.batch_size = 4, .shuffle = true, .seed = 3};
  DataLoaderOptions helped = alone;
  helped.num_workers = 3;
  const DataLoader a(noisy(), alone), b(noisy(), helped);
  const auto first = epoch_of(a);
  EXPECT_EQ(first, epoch_of(b));
  const auto second = epoch_of(a);
  EXPECT_NE(first, second);
  EXPECT_EQ(second, epoch_of(b));
}

TEST(Workers, ResumeAtAnyBatch) {
  const DataLoaderOptions options{.batch_size = 4, .shuffle = true, .num_workers = 2};
  manual_seed(5);
  DataLoader loader(noisy(), options);
  std::vector<std::vector<float>> rest;
  DataLoaderState state;
  int k = 0;
  for (auto [x, y] : loader) {
    if (k > 2) rest.push_back(x.to_vector<float>());
    if (++k == 3) state = loader.state();
  }
  DataLoader other(noisy(), options);
  other.set_state(state);
  EXPECT_EQ(epoch_of(other), rest);
}

TEST(Workers, WakeWithoutTakingACore) {
  struct Policies {
    std::int64_t size() const { return 1; }
    Tensor get(std::int64_t) const { return tensor(sched_getscheduler(0)); }
  };
  for (auto [policy] : DataLoader(OwnDataset(Policies{}), {.num_workers = 1}))
    EXPECT_EQ(policy.item(), SCHED_BATCH);
  EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
}

TEST(Workers, ErrorsReachTheLoop) {
  struct Broken {
    std::int64_t size() const { return 8; }
    Tensor get(std::int64_t i) const {
      LILITH_CHECK(i != 5, "row five is broken");
      return ones({1});
    }
  };
  const DataLoader loader(OwnDataset(Broken{}), {.batch_size = 2, .num_workers = 2});
  int seen = 0;
  const std::string text = error_text([&] {
    for (auto batch : loader) ++seen;
  });
  EXPECT_NE(text.find("row five is broken"), std::string::npos);
  EXPECT_EQ(seen, 2);
  // Asked for again it fails again, rather than waits for a batch that nobody makes.
  auto at = loader.begin();
  ++at;
  for (int k = 0; k < 2; ++k)
    EXPECT_NE(error_text([&] { ++at; }).find("row five is broken"), std::string::npos);
  // A loop that is left waits for nobody.
  for (auto batch : DataLoader(noisy(), {.batch_size = 1, .num_workers = 2})) break;
}

TEST(Collate, PadsRowsOfAnyLength) {
  struct Words {
    std::int64_t size() const { return 5; }
    Tensor get(std::int64_t i) const { return full({i + 1}, static_cast<double>(i)); }
  };
  CollateLoader loader(
      Words{}, {.batch_size = 2, .shuffle = true, .seed = 4},
      [](const std::vector<Tensor>& rows) { return pad_sequence(rows, true, -1); });
  EXPECT_EQ(loader.size(), 3);
  float total = 0;
  for (const Tensor& batch : loader) total += clamp_min(batch, 0).sum().item<float>();
  EXPECT_EQ(total, 1 * 2 + 2 * 3 + 3 * 4 + 4 * 5);
  const Tensor padded = pad_sequence({ones({2}), ones({1})});
  EXPECT_EQ(padded.to_vector<float>(), (std::vector<float>{1, 1, 1, 0}));
  EXPECT_EQ(padded.shape(), (Shape{2, 2}));
  EXPECT_NE(error_text([] { pad_sequence({}); }).find("pad_sequence: no sequences"),
            std::string::npos);
}

}  // namespace
}  // namespace lilith
