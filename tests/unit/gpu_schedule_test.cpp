#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "ir/host.h"
#include "passes/pipeline.h"
#include "program_check.h"
#include "support/gpu_plan.h"
#include "support/random_graph.h"
#include "support/to_storage.h"

// Kernels for a GPU, by the interpreter of kernel IR: threads and blocks forwards and backwards.
namespace lilith::testing {
namespace {

constexpr kir::RunOrder kBackwards{.blocks_backwards = true, .threads_backwards = true};

bool exact(const RefTensor& want) {
  for (std::int64_t k = 0; k < want.aval.numel(); ++k)
    if (!(std::fabs(want.get(k)) < 0x1p50)) return false;
  return true;
}

class RandomGpuPlans : public ::testing::TestWithParam<int> {};

// Whole numbers in f64: results do not depend on the order of sums.
TEST_P(RandomGpuPlans, ComputeWhatTheInterpreterOfGraphsDoes) {
  int grids = 0;
  for (int i = 0; i < 50; ++i) {
    const auto seed = static_cast<std::uint64_t>(GetParam()) * 1000 + static_cast<std::uint64_t>(i);
    RandomGraph random(seed);
    const Graph g = random.make(15);
    const std::vector<RefTensor> inputs = random.values(g);
    const auto want = ir::interpret(g, inputs);
    std::vector<StoragePtr> in;
    for (const RefTensor& t : inputs) in.push_back(to_storage(t));
    const Graph optimised = run_passes(g);
    const GpuPlan plan(optimised);
    grids += plan.has_grids();
    const auto forwards = plan.interpret(in), backwards = plan.interpret(in, kBackwards);
    for (std::size_t o = 0; o < want.size(); ++o) {
      const Aval& aval = want[o].aval;
      const std::string where = fmt::format("seed {} output {}\n{}", seed, o, optimised.str());
      ASSERT_EQ(std::memcmp(forwards[o]->data(), backwards[o]->data(), aval.bytes()), 0) << where;
      if (!exact(want[o])) continue;
      for (std::int64_t k = 0; k < aval.numel(); ++k)
        ASSERT_EQ(ir::read_f64(forwards[o]->data(), aval.dtype, k), want[o].get(k))
            << where << " element " << k;
    }
  }
  EXPECT_GE(grids, 45);
}
INSTANTIATE_TEST_SUITE_P(Plans, RandomGpuPlans, ::testing::Range(0, 20));

}  // namespace
}  // namespace lilith::testing
