#include "lilith/compile.h"
#include "lilith/memory.h"
#include "lilith/ops.h"
#include "runtime/memory_limit.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

struct MemoryErrors : ::testing::Test {
  void TearDown() override { runtime::set_memory_limit_bytes(0); }
};

TEST_F(MemoryErrors, AProgramThatNeverFits) {
  runtime::set_memory_limit_bytes(std::int64_t{1} << 30);
  const Tensor x = rand({std::int64_t{1} << 29}) + 1.5;
  EXPECT_ERROR_HERE(eval(x),
                    "eval: the program needs 2.0 GiB (temporaries 0.0 GiB, inputs and outputs 2.0 "
                    "GiB), this machine grants 1.0 GiB");
}

TEST_F(MemoryErrors, WhatIsLiveCounts) {
  const std::int64_t n = std::int64_t{1} << 24;  // 64 MiB
  const Tensor first = rand({n}), second = rand({n});
  eval(first);
  const std::int64_t limit = memory_stats().live_bytes + (std::int64_t{50} << 20);
  runtime::set_memory_limit_bytes(limit);
  const auto gib = [](std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 30); };
  EXPECT_ERROR_HERE(
      eval(second),
      fmt::format("eval: the program needs 0.1 GiB beside {:.1f} GiB that are live, this machine "
                  "grants {:.1f} GiB",
                  gib(memory_stats().live_bytes), gib(limit)));
  runtime::set_memory_limit_bytes(0);
  EXPECT_LT(second.max().item<float>(), 1);
}

}  // namespace
}  // namespace lilith
