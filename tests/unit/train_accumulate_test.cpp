// fit: gradients of several batches, clipping, and TensorBoard's events.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/tensorboard.h"
#include "lilith/train.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using testing::error_text;

struct Line {
  Linear fc{3, 1};
  Tensor operator()(Tensor x) const { return fc(x); }
};
data::Dataset<2> line_data(std::int64_t rows) {
  const Tensor x = sin(arange(rows * 3, {.dtype = kFloat}) * 0.7).view(rows, 3);
  return TensorDataset<2>(x, x.sum(1, true) * 2 + 0.5);
}
std::vector<float> trained(const Line& start, FitOptions options) {
  Line line = start;
  options.epochs = 3;
  options.progress = ShowProgress::Off;
  fit(line, line_data(26), MSELoss{}, options);
  auto w = line.fc.weight.to_vector<float>();
  w.push_back(line.fc.bias.item<float>());
  return w;
}
void expect_near(const std::vector<float>& got, const std::vector<float>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-5) << i;
}

TEST(FitAccumulate, IsOneStepOfAllRows) {
  manual_seed(1);
  const Line start;
  const auto whole = trained(start, {.batch_size = 12, .optimizer = SGD({.lr = 0.05})});
  const auto parts =
      trained(start, {.batch_size = 4, .optimizer = SGD({.lr = 0.05}), .accumulate = 3});
  expect_near(parts, whole);
  const auto uneven =
      trained(start, {.batch_size = 5, .optimizer = SGD({.lr = 0.05}), .accumulate = 4});
  expect_near(uneven, trained(start, {.batch_size = 20, .optimizer = SGD({.lr = 0.05})}));
  EXPECT_NE(error_text([&] {
              trained(start, {.accumulate = 0});
            }).find("fit: accumulate is 0; need at least 1"),
            std::string::npos);
}

TEST(FitClip, BoundsTheGradients) {
  manual_seed(1);
  const Line start;
  const auto weights = [](const Line& l) { return l.fc.weight.to_vector<float>(); };
  for (const std::int64_t accumulate : {1, 2}) {
    Line line = start;
    fit(line, line_data(8), MSELoss{},
        {.epochs = 1,
         .batch_size = 8 / accumulate,
         .optimizer = SGD({.lr = 1}),
         .accumulate = accumulate,
         .clip_grad_norm = 0.25,
         .progress = ShowProgress::Off});
    double moved = std::pow(line.fc.bias.item<float>() - start.fc.bias.item<float>(), 2);
    for (std::size_t i = 0; i < 3; ++i) moved += std::pow(weights(line)[i] - weights(start)[i], 2);
    EXPECT_NEAR(std::sqrt(moved), 0.25, 1e-4);
    Line held = start;
    fit(held, line_data(8), MSELoss{},
        {.epochs = 1,
         .batch_size = 8 / accumulate,
         .optimizer = SGD({.lr = 1}),
         .accumulate = accumulate,
         .clip_grad_value = 0.01,
         .progress = ShowProgress::Off});
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_LE(std::abs(weights(held)[i] - weights(start)[i]), 0.01 + 1e-6);
  }
}

// The records of an events file; their lengths have to add up.
std::vector<std::string> records(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> out;
  for (std::size_t at = 0; at < all.size();) {
    std::uint64_t length = 0;
    std::memcpy(&length, all.data() + at, 8);
    out.push_back(all.substr(at + 12, length));
    at += 16 + length;
    EXPECT_LE(at, all.size());
  }
  return out;
}

TEST(SummaryWriter, WritesRecords) {
  const testing::TempDir dir;
  SummaryWriter writer(dir.file("runs/1"));
  writer.add_scalar("loss", 0.5, 3);
  writer.add_histogram("weights", tensor({1.0, 2.0, 4.0}), 3);
  writer.add_image("picture", ones({3, 2, 2}), 3);
  writer.add_text("note", "hello", 3);
  const auto all = records(writer.path());
  ASSERT_EQ(all.size(), 5u);
  EXPECT_NE(all[0].find("brain.Event:2"), std::string::npos);
  // step 3, a summary of one value: tag and 0.5 as a float.
  EXPECT_NE(
      all[1].find(std::string("\x10\x03\x2a\x0d\x0a\x0b\x0a\x04loss\x15\x00\x00\x00\x3f", 17)),
      std::string::npos);
  EXPECT_NE(all[3].find("\x89PNG"), std::string::npos);
  EXPECT_NE(error_text([&] {
              writer.add_histogram("none", full({2}, NAN), 0);
            }).find("add_histogram: there is no finite number"),
            std::string::npos);
}

TEST(SummaryWriter, TakesTensorsAndSeveralNumbers) {
  const testing::TempDir dir;
  SummaryWriter writer(dir.file("runs"));
  writer.add_scalar("loss", tensor(0.5) + 0, 3);
  writer.add_scalars("both", {{"a", 1}, {"b", 2}}, 3);
  writer.flush();
  writer.close();
  const auto all = records(writer.path());
  ASSERT_EQ(all.size(), 4u);
  EXPECT_NE(all[2].find("both/a"), std::string::npos);
  EXPECT_NE(all[3].find("both/b"), std::string::npos);
}

TEST(SummaryWriter, HasTheFormatsChecksums) {
  // The record of an empty message: length 0 and checksums of eight zero bytes and of none.
  const testing::TempDir dir;
  SummaryWriter writer(dir.file("runs"));
  std::ifstream file(writer.path(), std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  std::uint32_t crc = 0;
  std::memcpy(&crc, all.data() + 8, 4);
  // Of the length 24 (a double and "brain.Event:2" with their tags), by the reference writer.
  EXPECT_EQ(all[0], 24);
  EXPECT_EQ(crc, 0x224b7fa3u);
}

TEST(SummaryWriter, IsACallbackOfFit) {
  const testing::TempDir dir;
  TensorBoard board(dir.file("runs"));
  Line line;
  fit(line, line_data(8), MSELoss{},
      {.epochs = 2, .batch_size = 4, .callbacks = {board}, .progress = ShowProgress::Off});
  EXPECT_EQ(records(board.writer().path()).size(), 1u + 2 * 2);
}

}  // namespace
}  // namespace lilith
