#include <gtest/gtest.h>

#include <cstring>

#include "lilith/lilith.h"
#include "step/net.h"

namespace lilith {
namespace {

using testing::loss_of;
using testing::Net;

/// The weights after a few steps, as bytes.
std::vector<float> trained_weights() {
  manual_seed(7);
  Net net;
  Adam opt({.lr = 1e-3});
  const auto digits = data::Digits(data::Split::Train, {.size = 200});
  for (auto [x, y] : DataLoader(digits, {.batch_size = 50, .shuffle = true, .seed = 3})) {
    auto [loss, g] = grad(loss_of, net, x, y);
    update(opt, net, g);
  }
  std::vector<float> all;
  for_each_parameter(net, [&](const std::string&, Tensor& t) {
    const std::vector<float> values = t.to_vector<float>();
    all.insert(all.end(), values.begin(), values.end());
  });
  return all;
}

TEST(Reproducibility, TwoRunsGiveTheSameBits) {
  const std::vector<float> first = trained_weights(), second = trained_weights();
  ASSERT_EQ(first.size(), second.size());
  EXPECT_EQ(std::memcmp(first.data(), second.data(), first.size() * sizeof(float)), 0);
}

}  // namespace
}  // namespace lilith
