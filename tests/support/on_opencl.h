#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lilith/ops/create.h"
#include "support/expect_error.h"
#include "support/opencl.h"

namespace lilith::testing {

/// Tests of what a user does on the first OpenCL device.
struct OnOpenCl : ::testing::Test {
  void SetUp() override { NEEDS_OPENCL; }
  TensorOptions there() const { return {.device = opencl(0)}; }
};

/// `f` throws an Error whose text has this part.
template <class F>
void expect_error_has(F&& f, const std::string& part) {
  const std::string text = error_text(f);
  EXPECT_NE(text.find(part), text.npos) << text;
}

inline std::vector<float> floats(const Tensor& t) { return t.to_vector<float>(); }

}  // namespace lilith::testing
