// What docs/adding-a-pass.md does, step by step.
#include <gtest/gtest.h>

#include <cmath>

#include "lilith/compile.h"
#include "lilith/graph_names.h"
#include "lilith/ops.h"
#include "passes/pipeline.h"

namespace lilith {
namespace {

// exp(x) * exp(y) is exp(x + y): one exponential less, where nobody else wants the two.
Graph join_exponentials(const Graph& g) {
  return rewrite(g, pattern("mul", pattern("exp", any("x")), pattern("exp", any("y"))),
                 [](Match m) { return exp(m["x"] + m["y"]); });
}

TEST(AddingAPass, AFunctionOnGraphs) {
  const Tensor x = zeros({4}), y = zeros({4});
  const Graph g = trace([](Tensor a, Tensor b) { return exp(a) * exp(b); }, x, y);
  EXPECT_EQ(join_exponentials(g).str(false),
            "%x: f32[4] = parameter\n"
            "%y: f32[4] = parameter\n"
            "%0: f32[4] = add(%x, %y)\n"
            "%1: f32[4] = exp(%0)\n"
            "return %1\n");
}

TEST(AddingAPass, ThatEveryCompilationRuns) {
  register_pass({.name = "join_exponentials", .after = "simplify", .run = join_exponentials});

  const Tensor x = arange(4).to(kFloat32), y = full({4}, 0.5);
  const Graph g = trace([](Tensor a, Tensor b) { return exp(a) * exp(b); }, x, y);
  const std::string text = run_passes(g).str(false);
  EXPECT_EQ(text.find("mul"), std::string::npos) << text;
  const std::vector<float> got = (exp(x) * exp(y)).to_vector<float>();
  for (int k = 0; k < 4; ++k)
    EXPECT_NEAR(got[static_cast<std::size_t>(k)], std::exp(k + 0.5), 1e-4);
}

}  // namespace
}  // namespace lilith
