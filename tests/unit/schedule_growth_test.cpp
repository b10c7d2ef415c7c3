// What the schedule is made with, against the plain way to say it; and that its cost grows with the
// program and no faster.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <set>

#include "core/phases.h"
#include "ir/node.h"
#include "lilith/ops.h"
#include "passes/pipeline.h"
#include "schedule/fusion/units.h"
#include "schedule/occupancy.h"
#include "schedule/plan.h"
#include "schedule/reachability.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"
#include "transforms/vjp.h"

namespace lilith::schedule {
namespace {

using Rng = std::mt19937_64;
int pick(Rng& rng, int low, int high) { return std::uniform_int_distribution<int>(low, high)(rng); }

struct RandomDag {
  std::vector<std::pair<int, int>> reads;
  Edges inputs, users;
  std::vector<std::vector<bool>> needs;  // by definition

  RandomDag(Rng& rng, int n) {
    std::vector<std::pair<int, int>> read_by;
    const int far = pick(rng, 1, n);
    for (int i = 1; i < n; ++i) {
      for (int k = pick(rng, 0, 3); k > 0; --k) {
        const int in = std::max(0, i - pick(rng, 1, far));
        reads.emplace_back(i, in);
        read_by.emplace_back(in, i);
      }
    }
    const auto size = static_cast<std::size_t>(n);
    inputs = Edges(size, reads);
    users = Edges(size, read_by);
    needs.assign(size, std::vector<bool>(size, false));
    for (std::size_t i = 0; i < size; ++i) {
      needs[i][i] = true;
      for (const int in : inputs.of(static_cast<int>(i))) {
        for (std::size_t k = 0; k < size; ++k)
          needs[i][k] = needs[i][k] || needs[static_cast<std::size_t>(in)][k];
      }
    }
  }
};

TEST(Reachability, IsExact) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Rng rng(seed);
    const int n = pick(rng, 1, 70);
    const RandomDag dag(rng, n);
    const Reachability reach(dag.inputs);
    for (int i = 0; i < n; ++i) {
      for (int k = 0; k < n; ++k) {
        ASSERT_EQ(reach.depends(i, k),
                  dag.needs[static_cast<std::size_t>(i)][static_cast<std::size_t>(k)])
            << "seed " << seed << ": " << i << " of " << k;
      }
    }
  }
}

// Units by definition: which needs which is found anew at every question.
struct PlainUnits {
  const RandomDag& dag;
  std::vector<int> unit;
  explicit PlainUnits(const RandomDag& d) : dag(d), unit(d.needs.size()) {
    for (std::size_t i = 0; i < unit.size(); ++i) unit[i] = static_cast<int>(i);
  }
  // The units that are needed (or need, with `back`) at one or more steps from these.
  std::set<int> around(const std::set<int>& from, bool back) const {
    std::set<int> found, todo = from;
    while (!todo.empty()) {
      std::set<int> next;
      for (const auto& [reader, in] : dag.reads) {
        const int a = unit[static_cast<std::size_t>(back ? in : reader)];
        const int b = unit[static_cast<std::size_t>(back ? reader : in)];
        if (a != b && todo.contains(a) && !from.contains(b) && found.insert(b).second)
          next.insert(b);
      }
      todo = next;
    }
    return found;
  }
  bool needs(int n, int of) const {
    const int a = unit[static_cast<std::size_t>(n)], b = unit[static_cast<std::size_t>(of)];
    return a == b || around({a}, false).contains(b);
  }
  bool join(const std::vector<int>& nodes, const std::vector<bool>& stored) {
    std::set<int> joined;
    for (const int n : nodes) joined.insert(unit[static_cast<std::size_t>(n)]);
    const std::set<int> before = around(joined, false), behind = around(joined, true);
    std::set<int> between;
    std::set_intersection(before.begin(), before.end(), behind.begin(), behind.end(),
                          std::inserter(between, between.end()));
    for (const int u : between) {
      if (std::count(unit.begin(), unit.end(), u) > 1 || stored[static_cast<std::size_t>(u)])
        return false;
    }
    joined.insert(between.begin(), between.end());
    for (int& u : unit) u = joined.contains(u) ? *joined.begin() : u;
    return true;
  }
};

TEST(Units, JoinWhereNothingStandsBetween) {
  int refused = 0, joined = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Rng rng(seed);
    const int n = pick(rng, 2, 40);
    const RandomDag dag(rng, n);
    std::vector<bool> stored;
    for (int i = 0; i < n; ++i) stored.push_back(pick(rng, 0, 2) > 0);
    Units units(dag.inputs, dag.users);
    PlainUnits plain(dag);
    for (int round = 0; round < n; ++round) {
      std::vector<int> nodes;
      for (int k = pick(rng, 2, 3); k > 0; --k) nodes.push_back(pick(rng, 0, n - 1));
      const bool may = plain.join(nodes, stored);
      ASSERT_EQ(units.join(nodes, stored), may) << "seed " << seed << ", round " << round;
      ++(may ? joined : refused);
      for (int k = 0; k < 40; ++k) {
        const int a = pick(rng, 0, n - 1), b = pick(rng, 0, n - 1);
        ASSERT_EQ(units.needs(a, b), plain.needs(a, b))
            << "seed " << seed << ": " << a << ", " << b;
        ASSERT_EQ(units.together(a, b), plain.unit[static_cast<std::size_t>(a)] ==
                                            plain.unit[static_cast<std::size_t>(b)]);
      }
    }
  }
  EXPECT_GT(refused, 50);
  EXPECT_GT(joined, 50);
}

TEST(Occupancy, TheLowestPlaceThatIsFree) {
  struct Block {
    int first, last;
    std::size_t at, bytes;
  };
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Rng rng(seed);
    const int times = pick(rng, 1, 30);
    Occupancy occupancy(times);
    std::vector<Block> blocks;
    for (int k = 0; k < 60; ++k) {
      const int first = pick(rng, 0, times - 1), last = pick(rng, first, times - 1);
      const auto bytes = static_cast<std::size_t>(pick(rng, 0, 5));
      std::size_t at = 0;
      const auto clashes = [&](const Block& b) {
        return b.first <= last && first <= b.last && b.at < at + bytes && at < b.at + b.bytes;
      };
      while (std::any_of(blocks.begin(), blocks.end(), clashes)) ++at;
      ASSERT_EQ(occupancy.lowest_free(first, last, bytes), at) << "seed " << seed << ", " << k;
      occupancy.take(first, last, at, bytes);
      blocks.push_back({first, last, at, bytes});
    }
  }
}

// What a training step of many layers keeps and drops again: activations for the way back, and
// temporaries.
TEST(Growth, APlaceInMemoryCostsWhatItDidInAShorterProgram) {
  struct Block {
    int first, last;
    std::size_t bytes;
  };
  const auto looked_at = [](int layers) {
    std::vector<Block> blocks;
    for (int i = 0; i < layers; ++i) {
      const int back = 2 * layers - i;
      for (const std::size_t bytes : {8192, 256, i % 3 == 0 ? 12288 : 4096})
        blocks.push_back({i, back, bytes});
      blocks.insert(
          blocks.end(),
          {{i, i + 1, 8192}, {i, i + 2, 2304}, {back, back + 1, 8192}, {back, back + 3, 2304}});
    }
    std::ranges::stable_sort(blocks, std::greater<>(), &Block::bytes);
    Occupancy occupancy(2 * layers + 4);
    for (const Block& b : blocks)
      occupancy.take(b.first, b.last, occupancy.lowest_free(b.first, b.last, b.bytes), b.bytes);
    return static_cast<double>(occupancy.looked_at()) / static_cast<double>(blocks.size());
  };
  // The tree is three levels higher.
  EXPECT_LT(looked_at(1600), 2 * looked_at(200));
}

// Loss, gradients and updated weights of layers of a convolution and a norm, every second with a
// skip.
Graph training_step(int layers) {
  ++ir::trace_depth();  // numbers are constants
  std::vector<Tensor> params;
  const auto param = [&](const Shape& shape) {
    params.push_back(
        ir::make_parameter({.shape = shape}, static_cast<std::int64_t>(params.size()), ""));
    return params.back();
  };
  Tensor x = param({4, 8, 8, 8}), skip = x;
  for (int i = 0; i < layers; ++i) {
    x = conv2d(x, param({8, 8, 3, 3}), {}, 1, 1);
    x = batch_norm(x, {}, {}, param({8}), param({8}), true);
    if (i % 2 == 1) x = skip = x + skip;
    x = relu(x);
  }
  const Tensor loss = (x * x).mean();
  const std::vector<Tensor> grads = backpropagate({loss}, {ones_like(loss)}, params, "grad");
  std::vector<Tensor> outputs{loss};
  const std::size_t weights = params.size();
  for (std::size_t k = 1; k < weights; ++k) {
    const Tensor momentum = param(params[k].shape()) * 0.9 + grads[k];
    outputs.insert(outputs.end(), {momentum, params[k] - momentum * 0.1});
  }
  --ir::trace_depth();
  return Graph(params, outputs);
}

PhaseTimes time_of_plan(const Graph& g) {
  const PhaseTimes before = phase_times();
  const IndexChecks prepared = prepare(run_passes(g));
  PlanOptions options;
  options.target.threads = 2;
  options.donated.assign(g.inputs().size(), true);
  make_plan(prepared.graph, options);
  return phase_times() - before;
}

// The least of a few, each phase on its own: what a neighbour on the machine costs is left out.
PhaseTimes least_of(const Graph& g, int runs) {
  PhaseTimes least = time_of_plan(g);
  for (int k = 1; k < runs; ++k) {
    const PhaseTimes t = time_of_plan(g);
    for (std::size_t i = 0; i < kNumPhases; ++i) least.ms[i] = std::min(least.ms[i], t.ms[i]);
  }
  return least;
}

TEST(Growth, APlanCostsWhatItsProgramIsLong) {
  constexpr int kLayers = 8, kTimes = 12;
  const PhaseTimes small = least_of(training_step(kLayers), 5);
  const PhaseTimes large = least_of(training_step(kLayers * kTimes), 2);
  // Linear: 12, and up to 3 times that where a graph no longer fits the caches and neighbours on
  // the machine use them too; quadratic: 144.
  for (std::size_t i = 0; i < kNumPhases; ++i)
    EXPECT_LT(large.ms[i], 5 * kTimes * std::max(small.ms[i], 0.3))
        << "phase " << i << ": " << small.str() << " -> " << large.str();
}

TEST(Growth, EachOutputTakesTheMemoryOfWhatItUpdates) {
  const IndexChecks prepared = prepare(run_passes(training_step(6)));
  PlanOptions options;
  options.donated.assign(prepared.graph.inputs().size(), true);
  const Plan plan = make_plan(prepared.graph, options);
  const std::size_t first = plan.inputs.size() - (plan.outputs.size() - 1) / 2;  // momenta
  for (std::size_t k = 1; k < plan.outputs.size(); ++k) {
    const BufferPlan& out = plan.buffers[static_cast<std::size_t>(plan.outputs[k])];
    if (out.shape.rank() != 4) continue;  // weights: what reads a norm's may come later
    const std::set<int> own{plan.inputs[(k + 1) / 2], plan.inputs[first + (k - 1) / 2]};
    EXPECT_TRUE(own.contains(out.donor)) << "output " << k << " lies in input " << out.donor;
  }
}

}  // namespace
}  // namespace lilith::schedule
