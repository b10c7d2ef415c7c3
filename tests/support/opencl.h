#pragma once
#include <gtest/gtest.h>

#include <cstdlib>

#include "runtime/opencl/device.h"

/// Skips a test, aloud, on a machine without an OpenCL device; fails it where LILITH_REQUIRE_OPENCL
/// says that there has to be one, as in CI.
#define NEEDS_OPENCL                                                           \
  if (::lilith::runtime::opencl::devices().empty()) {                          \
    if (std::getenv("LILITH_REQUIRE_OPENCL") != nullptr)                       \
      FAIL() << "no OpenCL device: " << ::lilith::runtime::opencl::why_none(); \
    GTEST_SKIP() << "SKIPPED: this machine has no OpenCL device: "             \
                 << ::lilith::runtime::opencl::why_none();                     \
  }                                                                            \
  static_assert(true)
