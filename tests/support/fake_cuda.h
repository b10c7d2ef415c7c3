#pragma once
#include <gtest/gtest.h>

#include "core/env.h"
#include "lilith/devices.h"
#include "lilith/memory.h"
#include "lilith/ops/create.h"
#include "support/fake_cuda/process.h"

namespace lilith::testing {

/// What the environment says where it says nothing, before anything asks for a device. It names
/// another driver where the tests are to run on a real GPU (tools/device_check).
inline const bool fake_cuda_chosen = [] {
  if (!env::text("LILITH_CUDA_DRIVER").empty()) return false;
  env::set("LILITH_CUDA_DRIVER", fake_cuda_driver());
  env::set("LILITH_NVRTC", fake_cuda_compiler());
  return true;
}();

/// Tests of what a user does on the first device.
struct OnCuda : ::testing::Test {
  TensorOptions there() const { return {.device = cuda(0)}; }
};

}  // namespace lilith::testing
