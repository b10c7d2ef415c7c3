#include <gtest/gtest.h>

#include <cmath>

#include "passes/pipeline.h"
#include "support/random_graph.h"

namespace lilith {
namespace {

// Beyond 2^50 sums of whole numbers are no longer exact in every order.
bool is_exact(const std::vector<RefTensor>& values) {
  for (const RefTensor& t : values) {
    for (double v : t.f) {
      if (!(std::fabs(v) < 0x1p50)) return false;
    }
  }
  return true;
}

void expect_same_values(const Graph& before, const Graph& after,
                        const std::vector<RefTensor>& inputs, const std::string& what) {
  const auto a = ir::interpret(before, inputs), b = ir::interpret(after, inputs);
  ASSERT_EQ(a.size(), b.size());
  if (!is_exact(a)) return;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].aval, b[i].aval) << what;
    ASSERT_EQ(a[i].f, b[i].f) << what << "\nbefore\n" << before.str() << "after\n" << after.str();
    ASSERT_EQ(a[i].i, b[i].i) << what;
  }
}

class RandomGraphs : public ::testing::TestWithParam<int> {};

TEST_P(RandomGraphs, KeepTheirValuesThroughEveryPass) {
  for (int i = 0; i < 40; ++i) {
    const auto seed = static_cast<std::uint64_t>(GetParam()) * 1000 + static_cast<std::uint64_t>(i);
    testing::RandomGraph random(seed);
    const Graph g = random.make(25);
    const auto inputs = random.values(g);
    const std::string where = "seed " + std::to_string(seed) + " ";
    for (const passes::Pass& pass : passes::pipeline()) {
      const Graph out = pass.run(g);
      ASSERT_NO_THROW(out.verify()) << where << pass.name;
      expect_same_values(g, out, inputs, where + pass.name);
    }
    const Graph out = run_passes(g);
    ASSERT_NO_THROW(out.verify()) << where;
    expect_same_values(g, out, inputs, where);
  }
}

TEST_P(RandomGraphs, PrintAndReadBack) {
  for (int i = 0; i < 40; ++i) {
    const auto seed = static_cast<std::uint64_t>(GetParam()) * 1000 + static_cast<std::uint64_t>(i);
    const Graph g = testing::RandomGraph(seed).make(25);
    const Graph back = parse_graph(g.str());
    ASSERT_EQ(back.str(), g.str()) << "seed " << seed;
    ASSERT_EQ(back.hash(), g.hash()) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Passes, RandomGraphs, ::testing::Range(0, 10));

}  // namespace
}  // namespace lilith
