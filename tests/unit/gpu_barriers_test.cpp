// Kernels of blocks that random graphs and nets become: each is proved free of races, and none is
// without any one of its barriers.
#include <gtest/gtest.h>

#include "passes/pipeline.h"
#include "support/barriers.h"
#include "support/expect_error.h"
#include "support/gpu_plan.h"
#include "support/random_graph.h"

namespace lilith::testing {
namespace {

struct Found {
  int kernels = 0, barriers = 0;
};

void check(const GpuPlan& planned, const std::string& of, Found* found) {
  for (const schedule::LaunchPlan& l : planned.plan.launches) {
    if (l.kernel.threads == 0) continue;
    ++found->kernels;
    ASSERT_EQ(error_text([&] { kir::verify(l.kernel); }), "no error") << of << "\n"
                                                                      << kir::to_string(l.kernel);
    without_each_barrier(l.kernel, [&](const kir::Kernel& k, int n) {
      ++found->barriers;
      const std::string text = error_text([&] { kir::verify(k); });
      EXPECT_NE(text.find("no barrier between"), std::string::npos)
          << of << ": " << l.what << " (" << l.how << ") without barrier " << n << ": " << text
          << kir::to_string(l.kernel);
    });
  }
}

class GpuBarriers : public ::testing::TestWithParam<int> {};

// Each of the 20 has 50 graphs: a thousand together.
TEST_P(GpuBarriers, OfRandomGraphsAreAllNeeded) {
  Found found;
  for (int i = 0; i < 50; ++i) {
    const auto seed = static_cast<std::uint64_t>(GetParam() * 50 + i);
    // f64 for one order of sums or another, f32 for products by tensor cores.
    const DType dtype = i % 2 == 0 ? DType::F64 : DType::F32;
    const Graph g = run_passes(RandomGraph(seed, dtype).make(25));
    check(GpuPlan(g, gpu_target(true)), fmt::format("seed {}\n{}", seed, g.str()), &found);
  }
  EXPECT_GT(found.kernels, 100);
  EXPECT_GT(found.barriers, 10);
}
INSTANTIATE_TEST_SUITE_P(Plans, GpuBarriers, ::testing::Range(0, 20));

}  // namespace
}  // namespace lilith::testing
