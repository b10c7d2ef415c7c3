// Results that outgrow the caches are stored past them.
#include <gtest/gtest.h>

#include <cstring>

#include "codegen/codegen.h"
#include "eval/plan_runner.h"
#include "ir/node.h"
#include "lilith/lilith.h"
#include "passes/pipeline.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"

namespace lilith {
namespace {

constexpr std::int64_t kRows = 96, kColumns = 2 * 64 + 5;  // rows that do not begin at cache lines

template <class F>
Graph prepared(const F& f) {
  return schedule::prepare(run_passes(trace(f, zeros({kRows, kColumns})))).graph;
}

schedule::Plan plan_of(const Graph& g, std::int64_t cache_bytes, std::vector<bool> donated = {}) {
  schedule::PlanOptions options;
  options.target = codegen::target();
  options.target.threads = 1;
  options.target.l2_bytes = cache_bytes;
  options.donated = std::move(donated);
  return schedule::make_plan(g, options);
}

bool streams(const schedule::Plan& plan) {
  return std::ranges::any_of(plan.launches, [](const schedule::LaunchPlan& l) {
    return to_string(l.kernel).find("nontemporal") != std::string::npos;
  });
}

constexpr std::int64_t kSmall = 4 << 10, kLarge = 4 << 20;

TEST(Streams, OfResultsThatOutgrowTheCaches) {
  const Graph g = prepared([](const Tensor& x) { return x * 2 + 1; });
  EXPECT_TRUE(streams(plan_of(g, kSmall)));
  EXPECT_FALSE(streams(plan_of(g, kLarge)));
}

TEST(Streams, NotWhatTakesTheMemoryOfAnInput) {
  const Graph g = prepared([](const Tensor& x) { return x * 2 + 1; });
  EXPECT_FALSE(streams(plan_of(g, kSmall, {true})));
}

TEST(Streams, ChangeNoBit) {
  const auto f = [](const Tensor& x) {
    return std::vector{softmax(x, 1), x.t() + 1, matmul(x, x.t()), cumsum(x, 1), x.to(kBFloat16)};
  };
  const Graph g = prepared(f);
  const Tensor x = sin(arange(kRows * kColumns).to(kFloat32)).reshape({kRows, kColumns});
  eval(x);
  const std::vector<StoragePtr> in = {x.node()->storage()};
  const schedule::Plan streamed = plan_of(g, kSmall), usual = plan_of(g, kLarge);
  EXPECT_TRUE(streams(streamed));
  PlanRunner a(streamed, in), b(usual, in);
  a.run();
  b.run();
  for (std::size_t k = 0; k < a.outputs.size(); ++k)
    EXPECT_EQ(std::memcmp(a.outputs[k]->data(), b.outputs[k]->data(), a.outputs[k]->bytes()), 0)
        << "output " << k;
}

}  // namespace
}  // namespace lilith
