#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "lilith/ops.h"
#include "support/expect_error.h"

// What the tests of loops share.
namespace lilith {

inline void expect_near(const Tensor& a, const Tensor& b, double tolerance = 1e-5) {
  ASSERT_EQ(a.shape().str(), b.shape().str());
  ASSERT_EQ(a.dtype(), b.dtype());
  const std::vector<double> x = a.to(kFloat64).to_vector<double>(),
                            y = b.to(kFloat64).to_vector<double>();
  for (std::size_t k = 0; k < x.size(); ++k)
    ASSERT_NEAR(x[k], y[k], tolerance * std::max(1.0, std::fabs(y[k]))) << "element " << k;
}

}  // namespace lilith
