// Graphs of many nodes: nothing that builds, rewrites or prints one may evaluate it, recurse along
// it, or look at all of it for each of its nodes.
#include <gtest/gtest.h>

#include "ir/node.h"
#include "lilith/compile.h"
#include "lilith/graph_names.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/transforms.h"
#include "passes/pipeline.h"

namespace lilith {
namespace {

constexpr int kSteps = 25'000;  // four nodes each

Tensor long_chain(Tensor x) {
  for (int k = 0; k < kSteps; ++k) x = sin(x) * 0.5 + cos(x);
  return x;
}

TEST(LargeGraphs, ATracedChainPassesThroughEverythingButTheSchedule) {
  const Graph g = trace(long_chain, ones({3}));
  ASSERT_GT(g.nodes().size(), 4u * kSteps);
  const auto runs = cache_stats().runs;
  const Graph after = run_passes(g);
  EXPECT_GT(after.nodes().size(), 3u * kSteps);
  EXPECT_EQ(parse_graph(after.str()).hash(), after.hash());
  const Graph copy =
      transform(after, [](const Node&, const std::vector<Tensor>&) { return Tensor(); });
  EXPECT_EQ(copy.hash(), after.hash());
  EXPECT_EQ(cache_stats().runs, runs);  // nothing was evaluated on the way
}

TEST(LargeGraphs, TheGradientOfALongLoop) {
  const Tensor x = full({3}, 0.25, {.dtype = kFloat64});
  const auto steps = [](Tensor x) {
    for (int k = 0; k < kSteps / 5; ++k) x = x * 0.999 + sin(x) * 1e-4;
    return x.sum();
  };
  const Graph g = trace([&](Tensor x) { return grad(steps, x).second; }, x);
  EXPECT_GT(g.nodes().size(), 30'000u);
  EXPECT_GT(run_passes(g).nodes().size(), 20'000u);
}

TEST(LargeGraphs, RewritingATracedFunctionAsksForNoValue) {
  // Lines of a loop that a trace does not cover: the graph of a function is taken apart and built
  // anew, outside of any trace.
  const Graph g = trace(long_chain, ones({3}));
  const Graph twice = transform(g, [](const Node& node, const std::vector<Tensor>& in) {
    return node.op_name() == "cos" ? sin(in[0]) : Tensor();
  });
  EXPECT_GT(twice.nodes().size(), 2u * kSteps);
}

TEST(LargeGraphs, OneThatIsBuiltByHandIsNotLookedAtAgainAndAgain) {
  // Outside of any trace: every thousandth node asks whether too much is pending behind it.
  const Tensor input = ir::make_parameter({.shape = {3}, .dtype = kFloat32}, 0, "x");
  const auto runs = cache_stats().runs;
  Tensor x = input;
  for (int k = 0; k < 300'000; ++k) x = sin(x);
  EXPECT_TRUE(x.node()->traced);
  EXPECT_EQ(cache_stats().runs, runs);
  EXPECT_EQ(Graph({input}, {x}).nodes().size(), 300'001u);
  // What depends on no input is evaluated.
  Tensor y = zeros({3});
  for (int k = 0; k < 30'000; ++k) y = y + 1;
  EXPECT_FALSE(y.node()->traced);
  EXPECT_GT(cache_stats().runs, runs);
  EXPECT_EQ(y.to_vector<float>(), std::vector<float>(3, 30'000));
}

struct ManyWeights {
  std::vector<Tensor> weights;
};

TEST(LargeGraphs, AStepOfManyParametersIsOneProgram) {
  ManyWeights net;
  for (int k = 0; k < 1000; ++k) net.weights.push_back(full({2}, 0.5));
  Adam opt({.lr = 1e-3});
  const auto loss = [](const ManyWeights& m) {
    Tensor sum = zeros({});
    for (const Tensor& w : m.weights) sum = sum + (w * w).sum();
    return sum;
  };
  const auto step = [&] {
    auto [value, g] = grad(loss, net);
    clip_grad_norm_(g, 1.0);
    update(opt, net, g);
  };
  step();  // makes the optimiser's state
  step();
  const CacheStats before = cache_stats();
  step();
  EXPECT_EQ(cache_stats().compiled, before.compiled);
  EXPECT_EQ(cache_stats().runs, before.runs + 1);
}

}  // namespace
}  // namespace lilith
