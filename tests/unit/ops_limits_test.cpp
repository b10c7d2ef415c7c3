#include <gtest/gtest.h>

#include "lilith/ops.h"

// Arguments at the ends of their ranges.
namespace lilith {
namespace {

TEST(OpsLimits, AStepPastTheEndTakesTheFirstElement) {
  const Tensor x = arange(5);
  for (const std::int64_t step : {std::int64_t{5}, std::int64_t{6}, INT64_MAX}) {
    EXPECT_EQ(slice(x, 0, 1, INT64_MAX, step).to_vector<std::int64_t>(),
              std::vector<std::int64_t>({1}));
    EXPECT_EQ(slice_update(x, full({1}, 9), 0, 1, INT64_MAX, step).to_vector<std::int64_t>(),
              std::vector<std::int64_t>({0, 9, 2, 3, 4}));
    EXPECT_EQ(slice(zeros({0}), 0, 0, INT64_MAX, step).numel(), 0);
  }
}

TEST(OpsLimits, RandomIntegersOfTheWidestRange) {
  const auto values = randint(INT64_MIN, INT64_MAX, {100}).to_vector<std::int64_t>();
  EXPECT_TRUE(std::any_of(values.begin(), values.end(), [](auto v) { return v < 0; }));
  EXPECT_TRUE(std::any_of(values.begin(), values.end(), [](auto v) { return v > 0; }));
}

}  // namespace
}  // namespace lilith
