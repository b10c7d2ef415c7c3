// Metrics over predictions, the progress line, and charts.
#include <gtest/gtest.h>

#include <cmath>

#include "lilith/metrics.h"
#include "lilith/ops/create.h"
#include "train/progress.h"

namespace lilith {
namespace {

// Four rows, three classes: predictions 0, 1, 1, 2 for targets 0, 1, 2, 2.
Tensor scores() {
  return tensor({{3.f, 1.f, 2.f}, {0.f, 5.f, 1.f}, {0.f, 2.f, 1.f}, {0.f, 1.f, 2.f}});
}
Tensor targets() { return tensor({0, 1, 2, 2}); }

TEST(Metrics, ScoreClassifiers) {
  EXPECT_DOUBLE_EQ(accuracy(scores(), targets()), 0.75);
  EXPECT_DOUBLE_EQ(top_k_accuracy(scores(), targets(), 1), 0.75);
  EXPECT_DOUBLE_EQ(top_k_accuracy(scores(), targets(), 2), 1);
  const std::vector<std::vector<std::int64_t>> expected = {{1, 0, 0}, {0, 1, 0}, {0, 1, 1}};
  EXPECT_EQ(confusion_matrix(scores(), targets()), expected);
  EXPECT_DOUBLE_EQ(precision(scores(), targets()), (1 + 0.5 + 1) / 3);
  EXPECT_DOUBLE_EQ(recall(scores(), targets()), (1 + 1 + 0.5) / 3);
  EXPECT_NEAR(f1_score(scores(), targets()), (1 + 2.0 / 3 + 2.0 / 3) / 3, 1e-12);
  EXPECT_DOUBLE_EQ(precision(scores(), targets(), Average::Micro), 0.75);
}

TEST(Metrics, ScoreRegressions) {
  EXPECT_NEAR(r2_score(tensor({2.5f, 0.0f, 2.f, 8.f}), tensor({3.f, -0.5f, 2.f, 7.f})),
              0.9486081370449679, 1e-12);
  EXPECT_EQ(r2_score(tensor({1.f, 1.f}), tensor({1.f, 1.f})), 1);
  EXPECT_EQ(r2_score(tensor({1.f, 2.f}), tensor({1.f, 1.f})), 0);
}

TEST(Metrics, RefuseWhatDoesNotFit) {
  EXPECT_THROW(accuracy(tensor({1.f, 2.f}), tensor({0, 1})), Error);
  EXPECT_THROW(accuracy(scores(), tensor({0, 1, 2})), Error);
  EXPECT_THROW(accuracy(scores(), tensor({0, 1, 2, 3})), Error);
  EXPECT_THROW(accuracy(scores(), tensor({0.f, 1.f, 2.f, 2.f})), Error);
  EXPECT_THROW(top_k_accuracy(scores(), targets(), 4), Error);
  EXPECT_THROW(r2_score(tensor({1.f}), tensor({1.f, 2.f})), Error);
}

TEST(Progress, FormatsLines) {
  using namespace train;
  EXPECT_EQ(format_duration(7.4), "0:07");
  EXPECT_EQ(format_duration(754), "12:34");
  EXPECT_EQ(format_duration(3723), "1:02:03");
  EXPECT_EQ(format_rate(48211.3), "48,211");
  EXPECT_EQ(format_rate(1234567), "1,234,567");
  EXPECT_EQ(format_rate(12.34), "12.3");
  ProgressState s{2, 10, 300, 600, 30000, 0.05, "accuracy", 0.98};
  const std::string line = progress_line(s, 3, 100);
  EXPECT_EQ(line,
            "epoch 2/10 [==========          ] 300/600  loss 0.0500  accuracy 0.9800  10,000 "
            "samples/s  0:03 left");
  EXPECT_LE(progress_line(s, 3, 40).size(), 40u);
}

}  // namespace
}  // namespace lilith
