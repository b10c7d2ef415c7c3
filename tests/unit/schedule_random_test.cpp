#include <gtest/gtest.h>

#include <cmath>

#include "eval/compiled_program.h"
#include "ir/host.h"
#include "passes/pipeline.h"
#include "support/random_graph.h"
#include "support/to_storage.h"

// Random graphs compiled and interpreted. Values are whole numbers in f64, so results are compared
// bit by bit whatever the order of summation.
namespace lilith {
namespace {

void expect_equal(const RefTensor& want, const StoragePtr& got, const std::string& where) {
  for (std::int64_t k = 0; k < want.aval.numel(); ++k) {
    if (!(std::fabs(want.get(k)) < 0x1p50)) return;  // no longer exact in every order
  }
  for (std::int64_t k = 0; k < want.aval.numel(); ++k) {
    ASSERT_EQ(ir::read_f64(got->data(), want.aval.dtype, k), want.get(k))
        << where << " element " << k;
  }
}

class RandomPrograms : public ::testing::TestWithParam<int> {};

TEST_P(RandomPrograms, ComputeWhatTheInterpreterDoes) {
  for (int i = 0; i < 5; ++i) {
    const auto seed = static_cast<std::uint64_t>(GetParam()) * 100 + static_cast<std::uint64_t>(i);
    testing::RandomGraph random(seed);
    const Graph g = random.make(15);
    const std::vector<RefTensor> inputs = random.values(g);
    const auto want = ir::interpret(g, inputs);
    std::vector<StoragePtr> in, got(g.outputs().size());
    for (const RefTensor& t : inputs) in.push_back(testing::to_storage(t));
    const Graph optimised = run_passes(g);
    make_compiled_program(optimised, {})->run(in, {}, got);
    for (std::size_t o = 0; o < got.size(); ++o) {
      expect_equal(
          want[o], got[o],
          "seed " + std::to_string(seed) + " output " + std::to_string(o) + "\n" + optimised.str());
      if (HasFatalFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Programs, RandomPrograms, ::testing::Range(0, 20));

}  // namespace
}  // namespace lilith
