#pragma once
#include <gtest/gtest.h>

#include "runtime/opencl/device.h"

/// Skips a test, aloud, on a machine without an OpenCL device.
#define NEEDS_OPENCL                                             \
  if (::lilith::runtime::opencl::devices().empty())              \
  GTEST_SKIP() << "SKIPPED: this machine has no OpenCL device: " \
               << ::lilith::runtime::opencl::why_none()
