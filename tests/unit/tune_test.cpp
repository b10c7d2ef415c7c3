// Ways that are measured: results stay the same bits, state and random numbers stay untouched, and
// what was found is there in the next process.
#include <gtest/gtest.h>

#include "codegen/codegen.h"
#include "lilith/lilith.h"
#include "passes/pipeline.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"
#include "schedule/way_times.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

struct Net {
  Linear up{96, 160}, down{160, 96};
  Tensor operator()(Tensor x) const { return down(relu(up(x))); }
};

Tensor train(Net& net, const Tensor& x) {
  auto [loss, g] =
      value_and_grad([](const Net& n, const Tensor& v) { return (n(v) * v).mean(); })(net, x);
  net.up.weight = net.up.weight - 0.1 * g.up.weight;
  return loss;
}

TEST(Tune, KeepsResultsStateAndRandomNumbers) {
  manual_seed(3);
  Net net, other = clone(net);
  const Tensor x = randn({128, 96});
  const auto noisy = [](Net& n, const Tensor& v) { return train(n, dropout(v, 0.5)); };
  auto plain = compile(noisy), tuned = compile(noisy);
  const Tensor weight = net.up.weight;

  const TuneReport report = tune(tuned, net, x);
  EXPECT_GT(report.measured, 0);
  EXPECT_LE(report.changed, report.measured);
  EXPECT_LE(report.after_ms, report.before_ms);
  EXPECT_TRUE(allclose(net.up.weight, weight, 0, 0));

  for (int step = 0; step < 3; ++step) {
    manual_seed(step);
    const float a = plain(other, x).item<float>();
    manual_seed(step);
    const float b = tuned(net, x).item<float>();
    EXPECT_EQ(a, b);
  }
  EXPECT_TRUE(allclose(net.up.weight, other.up.weight, 0, 0));
}

TEST(Tune, DrawsNothing) {
  auto f = compile([](const Tensor& v) { return matmul(dropout(v, 0.5), v.t()); });
  const Tensor x = ones({64, 64});
  manual_seed(5);
  const Tensor expected = rand({3});
  eval(expected);
  manual_seed(5);
  tune(f, x);
  EXPECT_TRUE(allclose(rand({3}), expected, 0, 0));
}

TEST(Tune, TakesExpressions) {
  auto f =
      compile([](const Tensor& mask, const Tensor& v) { return matmul(where(mask, v, 0), v); });
  const Tensor x = randn({64, 64});
  const Tensor before = f(x > 0, x);
  EXPECT_GT(tune(f, x > 0, x).measured, 0);
  EXPECT_TRUE(allclose(f(x > 0, x), before, 0, 0));
}

TEST(Tune, LeavesAloneWhatHasOneWay) {
  auto f = compile([](const Tensor& v) { return v + 1; });
  EXPECT_EQ(tune(f, zeros({4})).changed, 0);
}

TEST(Tune, OfLoopsAndChecksOfIndices) {
  auto f = compile([](const Tensor& table, const Tensor& rows, const Tensor& w) {
    const Tensor x = embedding(rows, table);
    return scan(
               [&](const Tensor& h, const Tensor& v) {
                 const Tensor next = tanh(matmul(h, w) + v);
                 return std::pair(next, next);
               },
               zeros({32, 64}), x)
        .carry;
  });
  const Tensor table = randn({10, 64}), w = randn({64, 64}) * 0.1, rows = randint(0, 10, {5, 32});
  const Tensor before = f(table, rows, w);
  eval(before);
  tune(f, table, rows, w);
  EXPECT_TRUE(allclose(f(table, rows, w), before, 0, 0));
  EXPECT_NE(testing::error_text([&] { tune(f, table, rows + 10, w); }).find("embedding"),
            std::string::npos);
}

TEST(Tune, InsideATrace) {
  auto f = compile([](const Tensor& v) { return v + 1; });
  const auto traced = [&](const Tensor& v) {
    tune(f, v);
    return v.sum();
  };
  EXPECT_NE(testing::error_text([&] { grad(traced, ones({2})); }).find("tune: "),
            std::string::npos);
}

using schedule::WayTimes;

schedule::Plan plan_of(const Graph& g, schedule::Pick pick) {
  schedule::PlanOptions options;
  options.target = codegen::target();
  options.target.threads = 1;
  options.target.l1_bytes = 32 << 10;
  options.target.l2_bytes = 1 << 20;
  options.pick = std::move(pick);
  return schedule::make_plan(g, options);
}

// A product whose panels the one before has made already does not pay for them: other ways come
// first there when that one takes another way.
TEST(WayTimes, KnowsWaysByWhatTheyAre) {
  const Graph g = schedule::prepare(run_passes(trace(
                                        [](const Tensor& a, const Tensor& b, const Tensor& w) {
                                          return std::pair(matmul(a, w.t()), matmul(b, w.t()));
                                        },
                                        zeros({96, 512}), zeros({80, 512}), zeros({384, 512}))))
                      .graph;
  WayTimes times;
  const schedule::Plan first = plan_of(g, times.variant(0));
  ASSERT_GT(times.variants(), 1u);
  times.add(0, first, std::vector<double>(first.launches.size(), 1));
  for (std::size_t v = 1; v < times.variants(); ++v) {
    const schedule::Plan plan = plan_of(g, times.variant(v));
    const auto same = [&](int buffer) {
      return plan.buffers[static_cast<std::size_t>(buffer)].layout ==
             first.buffers[static_cast<std::size_t>(first.outputs[0])].layout;
    };
    EXPECT_TRUE(std::ranges::all_of(plan.outputs, same));
    times.add(v, plan, std::vector<double>(plan.launches.size(), 1.0 / static_cast<double>(v + 1)));
  }
  EXPECT_GT(times.changed(), 0u);
  EXPECT_NE(plan_of(g, times.best()).str(), first.str());
}

// Times that say that the second way is best of the products, by little of the first one.
TEST(WayTimes, TakesTheFastestOfAllThatAreAlike) {
  const Graph g = schedule::prepare(run_passes(trace(
                                        [](const Tensor& x, const Tensor& y) {
                                          return std::pair(matmul(x, x), matmul(y, y));
                                        },
                                        zeros({256, 256}), zeros({256, 256}))))
                      .graph;
  WayTimes times;
  const schedule::Plan first = plan_of(g, times.variant(0));
  ASSERT_GT(times.variants(), 1u);
  const schedule::Plan second = plan_of(g, times.variant(1));
  const auto ms = [](const schedule::Plan& plan, double of_first, double others) {
    std::vector<double> all(plan.launches.size(), others);
    for (std::size_t l = 0; l < all.size(); ++l)
      if (plan.launches[l].decision == plan.launches[0].decision) all[l] = of_first;
    return all;
  };
  times.add(0, first, ms(first, 2, 2));
  times.add(1, second, ms(second, 1.9, 1));
  EXPECT_EQ(times.changed(), times.measured());
  const schedule::Plan best = plan_of(g, times.best());
  ASSERT_EQ(best.launches.size(), second.launches.size());
  for (std::size_t l = 0; l < best.launches.size(); ++l)
    EXPECT_EQ(best.launches[l].how, second.launches[l].how);

  const schedule::Plan again = plan_of(g, schedule::ways_of(best));
  EXPECT_EQ(again.str(), best.str());

  times.add(0, first, ms(first, 0.5, 0.5));
  EXPECT_EQ(times.changed(), 0u);
}

}  // namespace
}  // namespace lilith
