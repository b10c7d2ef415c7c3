#include <gtest/gtest.h>

#include <cmath>

#include "lilith/init.h"
#include "lilith/ops.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

using testing::error_text;

struct Moments {
  double mean = 0, std = 0, low = 0, high = 0;
};
Moments moments(const Tensor& t) {
  const auto v = t.to(DType::F64).to_vector<double>();
  Moments m;
  m.low = m.high = v[0];
  for (const double x : v) {
    m.mean += x / static_cast<double>(v.size());
    m.low = std::min(m.low, x);
    m.high = std::max(m.high, x);
  }
  for (const double x : v) m.std += (x - m.mean) * (x - m.mean) / static_cast<double>(v.size());
  m.std = std::sqrt(m.std);
  return m;
}

Tensor weight() { return zeros({100, 50, 2}); }

TEST(Init, GainsAreTorchs) {
  EXPECT_EQ(init::calculate_gain("linear"), 1);
  EXPECT_NEAR(init::calculate_gain("tanh"), 5.0 / 3, 1e-12);
  EXPECT_NEAR(init::calculate_gain("leaky_relu", 0.2), std::sqrt(2 / 1.04), 1e-12);
  EXPECT_NE(error_text([] { init::calculate_gain("swish"); }).find("unknown nonlinearity 'swish'"),
            std::string::npos);
}

TEST(Init, UniformAndNormalHaveTheirMoments) {
  Tensor t = weight();
  init::uniform_(t, -1, 3);
  Moments m = moments(t);
  EXPECT_NEAR(m.mean, 1, 0.05);
  EXPECT_GE(m.low, -1);
  EXPECT_LE(m.high, 3);
  init::normal_(t, 2, 0.5);
  m = moments(t);
  EXPECT_NEAR(m.mean, 2, 0.03);
  EXPECT_NEAR(m.std, 0.5, 0.02);
  init::trunc_normal_(t, 0, 1, -1, 2);
  m = moments(t);
  EXPECT_GE(m.low, -1);
  EXPECT_LE(m.high, 2);
  EXPECT_NEAR(m.mean, 0.2296, 0.03);  // (phi(-1) - phi(2)) / (Phi(2) - Phi(-1))
}

TEST(Init, FansSetTheScale) {
  Tensor t = weight();  // fan_in 100, fan_out 200
  init::xavier_uniform_(t);
  EXPECT_NEAR(moments(t).high, std::sqrt(6.0 / 300), 2e-3);
  init::xavier_normal_(t, 2);
  EXPECT_NEAR(moments(t).std, 2 * std::sqrt(2.0 / 300), 5e-3);
  init::kaiming_uniform_(t, {.a = std::sqrt(5.0)});
  EXPECT_NEAR(moments(t).high, 0.1, 1e-3);
  init::kaiming_normal_(t, {.mode = "fan_out", .nonlinearity = "relu"});
  EXPECT_NEAR(moments(t).std, 0.1, 3e-3);
  Tensor flat = zeros({3});
  EXPECT_NE(error_text([&] { init::xavier_normal_(flat); }).find("need at least rank 2"),
            std::string::npos);
  EXPECT_NE(error_text([&] { init::kaiming_normal_(t, {.mode = "fan"}); }).find("mode is 'fan'"),
            std::string::npos);
}

TEST(Init, StructuredMatrices) {
  Tensor t = zeros({2, 3});
  init::eye_(t);
  EXPECT_EQ(t.to_vector<float>(), (std::vector<float>{1, 0, 0, 0, 1, 0}));
  Tensor conv = ones({4, 2, 3});
  init::dirac_(conv, 2);
  std::vector<float> want(24, 0);
  want[0 * 6 + 1] = want[1 * 6 + 4] = want[2 * 6 + 1] = want[3 * 6 + 4] = 1;
  EXPECT_EQ(conv.to_vector<float>(), want);
  init::constant_(t, 7);
  EXPECT_EQ(t.to_vector<float>(), std::vector<float>(6, 7));
  Tensor s = zeros({10, 4});
  init::sparse_(s, 0.35);
  const auto v = s.to_vector<float>();
  for (std::size_t c = 0; c < 4; ++c) {
    int zero = 0;
    for (std::size_t r = 0; r < 10; ++r) zero += v[r * 4 + c] == 0;
    EXPECT_EQ(zero, 4);
  }
}

TEST(Init, OrthogonalRowsOrColumns) {
  for (const Shape& shape : {Shape{4, 9}, Shape{9, 2, 2}}) {
    Tensor t = zeros(shape, {.dtype = DType::F64});
    init::orthogonal_(t, 2);
    const Tensor m = t.reshape({shape[0], -1});
    const Tensor gram = shape[0] == 4 ? matmul(m, m.t()) : matmul(m.t(), m);
    const auto g = gram.to_vector<double>();
    for (std::size_t i = 0; i < 16; ++i) EXPECT_NEAR(g[i], i % 5 == 0 ? 4 : 0, 1e-12);
  }
}

}  // namespace
}  // namespace lilith
