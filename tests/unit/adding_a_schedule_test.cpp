// What docs/adding-a-schedule.md does, step by step.
#include <gtest/gtest.h>

#include "codegen/codegen.h"
#include "eval/plan_runner.h"
#include "ir/node.h"
#include "lilith/compile.h"
#include "lilith/graph_names.h"
#include "lilith/ops.h"
#include "passes/pipeline.h"
#include "schedule/barriers.h"
#include "schedule/choose.h"
#include "schedule/cpu/backend.h"
#include "schedule/fusion/fusion.h"
#include "schedule/memory_plan.h"
#include "schedule/rewrite/prepare.h"

namespace lilith {
namespace {

using namespace schedule;

// Every element of a small result as a statement of its own: no loop, and addresses that are known.
class WrittenOut {
 public:
  WrittenOut(Builder& b, const Map& g) : b_(b), g_(g), lower_(b.lowerer(kernel_)) {
    kernel_.name = "written_out";
  }

  void emit() {
    for (std::int64_t i = 0; i < g_.domain.numel(); ++i) {
      for (ir::NodeImpl* n : g_.stores)
        kernel_.body.push_back(lower_.store(b_.buffer(n), at(i), lower_.value(n, at(i))));
    }
    b_.launch(std::move(kernel_), lower_, g_.stores, "written out", 0);
  }

 private:
  schedule::Index at(std::int64_t i) {
    schedule::Index index(static_cast<std::size_t>(g_.domain.rank()));
    for (int d = g_.domain.rank(); d-- > 0; i /= g_.domain[d])
      index[static_cast<std::size_t>(d)] = kernel_.pool->integer(i % g_.domain[d]);
    return index;
  }

  Builder& b_;
  const Map g_;
  kir::Kernel kernel_;
  Lowerer lower_;
};

std::vector<Choice> written_out_ways(Builder& b, const Map& g) {
  if (!g.reduces.empty() || g.domain.numel() > 16) return {};
  const auto kernel = std::make_shared<WrittenOut>(b, g);
  Choice way{"written out", 3.0 * static_cast<double>(g.domain.numel()), {}, {}};
  for (const ir::NodeImpl* n : g.stores)
    way.results.emplace_back(n, Layout::row_major(n->aval.shape.rank()));
  way.emit = [kernel] { kernel->emit(); };
  return {way};
}

class WithWrittenOut final : public Backend {
 public:
  explicit WithWrittenOut(const Target& target) : cpu_(target) {}
  std::vector<Choice> ways(const Group& g, Builder& b) const override {
    std::vector<Choice> all = cpu_.ways(g, b);
    if (const auto* map = std::get_if<Map>(&g)) {
      std::vector<Choice> own = written_out_ways(b, *map);
      all.insert(all.begin(), own.begin(), own.end());
    }
    return all;
  }
  const FusionRules& rules() const { return cpu_; }

 private:
  CpuBackend cpu_;
};

// make_plan, with a backend of one's own.
Plan plan_with(const WithWrittenOut& backend, const Graph& g, const Target& target) {
  const Dataflow dataflow(g);
  const Fusion fusion = fuse(dataflow, g, backend.rules(), {});
  Builder builder(g, dataflow, target);
  for (const Decision& d : choose(fusion.groups, backend, {}, &builder)) emit(d, &builder);
  Plan plan = std::move(builder).finish(g);
  place_barriers(&plan);
  plan_memory(&plan, 0);
  return plan;
}

TEST(AddingASchedule, AWayOfOnesOwnIsChosenAndRuns) {
  const Tensor x = arange(12).to(kFloat32).reshape({3, 4});
  eval(x);
  const auto f = [](const Tensor& a) { return a.t() * 2 + 1; };
  const Target target = codegen::target();
  const Graph g = prepare(run_passes(trace(f, x))).graph;
  const Plan plan = plan_with(WithWrittenOut(target), g, target);
  ASSERT_EQ(plan.launches.size(), 1u);
  EXPECT_EQ(plan.launches[0].how, "written out");
  EXPECT_EQ(plan.launches[0].next_best, "pointwise");
  for (const kir::Stmt& s : plan.launches[0].kernel.body) EXPECT_EQ(s.kind, kir::Stmt::Kind::Store);

  const std::vector<StoragePtr> in = {x.node()->storage()};
  PlanRunner runner(plan, in);
  runner.run();
  const auto* got = static_cast<const float*>(runner.outputs[0]->data());
  const std::vector<float> want = f(x).to_vector<float>();
  for (std::size_t k = 0; k < want.size(); ++k) EXPECT_EQ(got[k], want[k]);
}

TEST(AddingASchedule, OthersAreComputedAsBefore) {
  const Tensor x = arange(100).to(kFloat32);
  const Graph g = prepare(run_passes(trace([](const Tensor& a) { return a * 2; }, x))).graph;
  const Target target = codegen::target();
  EXPECT_NE(plan_with(WithWrittenOut(target), g, target).launches[0].how, "written out");
}

}  // namespace
}  // namespace lilith
