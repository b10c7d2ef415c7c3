// Launches of a training step on a large GPU, and how many of them wait for each other one behind
// another: counted without one. What the optimiser computes of numbers alone belongs to the host.
#include <gtest/gtest.h>

#include <algorithm>

#include "lilith/lilith.h"
#include "passes/pipeline.h"
#include "schedule/launch_graph.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"
#include "zoo/cnn/model.h"
#include "zoo/lenet/model.h"
#include "zoo/vae/model.h"

namespace lilith {
namespace {

struct Count {
  std::size_t launches = 0, chain = 0;
};

bool is_of_arrays(const schedule::Plan& plan, const schedule::LaunchPlan& l) {
  return std::ranges::any_of(
      l.buffers, [&](int b) { return plan.buffers[static_cast<std::size_t>(b)].shape.rank() > 0; });
}

Count count(const Graph& traced, bool mma) {
  const schedule::IndexChecks prepared = schedule::prepare(run_passes(traced));
  schedule::PlanOptions options;
  options.target.gpu = schedule::GpuTarget{.threads = 256, .shared_bytes = 48 << 10, .units = 132};
  options.target.threads = options.target.gpu->units;
  options.target.gpu->mma = mma;
  options.donated.assign(prepared.graph.inputs().size(), prepared.checks.empty());
  const schedule::Plan plan = schedule::make_plan(prepared.graph, options);
  Count c;
  schedule::LaunchNeeds needs = schedule::launch_needs(plan);
  std::vector<std::size_t> depth;
  for (std::size_t k = 0; k < needs.size(); ++k) {
    const bool counts = is_of_arrays(plan, plan.launches[k]);
    EXPECT_GT(plan.launches[k].kernel.threads, 0) << plan.launches[k].what;
    std::size_t longest = 0;
    for (const int n : needs[k]) longest = std::max(longest, depth[static_cast<std::size_t>(n)]);
    depth.push_back(longest + counts);
    c.launches += counts;
    c.chain = std::max(c.chain, depth.back());
  }
  return c;
}

/// A step of Adam on a batch of 100, by tensor cores or without: the most of both.
template <class Net, class Loss>
Count step_of(const Loss& loss, const Tensor& second) {
  Net net;
  Optimizer adam = Adam({.lr = 1e-3});
  adam.prepare(net);
  const Tensor x = zeros({100, 1, 28, 28});
  const Graph step = trace(
      [&](Net& m, Optimizer& o, const Tensor& in, const Tensor& other) {
        auto [value, gradients] = grad(loss, m, in, other);
        update(o, m, std::move(gradients));
        return value;
      },
      net, adam, x, second);
  const Count with = count(step, true), without = count(step, false);
  return {std::max(with.launches, without.launches), std::max(with.chain, without.chain)};
}

const auto kClasses = [](const auto& m, const Tensor& x, const Tensor& y) {
  return nll_loss(m(x), y);
};

TEST(LaunchBudget, Cnn) {
  const Count c = step_of<zoo::Cnn>(kClasses, zeros({100}, {.dtype = DType::I64}));
  EXPECT_LE(c.launches, 16u);
  EXPECT_LE(c.chain, 11u);
}

TEST(LaunchBudget, Vae) {
  const Count c = step_of<zoo::Vae>([](const zoo::Vae& m, const Tensor& x,
                                       const Tensor& noise) { return zoo::vae_loss(m, x, noise); },
                                    zeros({100, zoo::Vae::kLatent}));
  EXPECT_LE(c.launches, 14u);
  EXPECT_LE(c.chain, 8u);
}

TEST(LaunchBudget, Lenet) {
  const Count c = step_of<zoo::LeNet>(kClasses, zeros({100}, {.dtype = DType::I64}));
  EXPECT_LE(c.launches, 14u);
  EXPECT_LE(c.chain, 13u);
}

}  // namespace
}  // namespace lilith
