// What lets a step on a GPU take few launches: operands computed where a product reads them,
// poolings in its epilogue, kernels side by side, nobody waiting for what others need.
#include "lilith/transforms.h"
#include "program_check.h"
#include "schedule/launch_graph.h"

namespace lilith::testing {
namespace {

using schedule::Plan;

Graph graph_of(const std::vector<Aval>& avals, const std::function<Inputs(const Inputs&)>& f) {
  Inputs params;
  for (std::size_t i = 0; i < avals.size(); ++i)
    params.push_back(ir::make_parameter(avals[i], static_cast<std::int64_t>(i), ""));
  ++ir::trace_depth();
  const Inputs outputs = f(params);
  --ir::trace_depth();
  return run_passes(Graph(params, outputs));
}

/// Checks the values, kernels in both orders, and gives the plan.
Plan planned(const std::vector<Aval>& avals, const std::function<Inputs(const Inputs&)>& f,
             double tolerance = 1e-5) {
  check_program(avals, f, tolerance);
  return GpuPlan(graph_of(avals, f)).plan;
}

std::size_t chain(const Plan& p) { return schedule::longest_chain(schedule::launch_needs(p)); }

Tensor times(const Tensor& a, const Tensor& b) { return matmul(a, b); }

TEST(GpuPrologues, AProductComputesWhatItReads) {
  // Sizes that fill no tile: what is computed beyond the ends of the sum counts as 0, exp(0) too.
  for (const std::int64_t k : {5, 16, 37}) {
    const Plan p = planned({f32({3, k}), f32({k, 7})}, [](const Inputs& in) {
      return Inputs{times(exp(in[0]), exp(in[1]) * 2)};
    });
    EXPECT_EQ(p.launches.size(), 1u) << p.str();
  }
}

TEST(GpuPrologues, MasksReshapesAndCasts) {
  const Plan p =
      planned({f32({4, 3, 2}), f32({4, 6}), {Shape{6, 5}, DType::I32}}, [](const Inputs& in) {
        const Tensor a = where(in[1] > 0, in[0].reshape({4, 6}), in[1] * 0.5);
        return Inputs{times(a, in[2].to(DType::F32))};
      });
  EXPECT_EQ(p.launches.size(), 1u) << p.str();
}

TEST(GpuPrologues, WhatFollowsAProductIsStoredByIt) {
  const Plan p = planned({f32({4, 6}), f32({6, 5}), f32({5, 3})}, [](const Inputs& in) {
    return Inputs{times(tanh(times(in[0], in[1])), in[2])};
  });
  EXPECT_EQ(p.launches.size(), 2u) << p.str();
  EXPECT_NE(p.launches[0].what.find("tanh"), std::string::npos) << p.str();
}

TEST(GpuPrologues, DearOperandsOfLargeProductsAreStored) {
  const Graph g = graph_of({f32({512, 512}), f32({512, 512})},
                           [](const Inputs& in) { return Inputs{times(exp(in[0]), in[1])}; });
  EXPECT_EQ(GpuPlan(g).plan.launches.size(), 2u);
}

TEST(GpuPrologues, GradientsOfPooledConvolutionsHaveNoLaunchOfTheirOwn) {
  const Plan p =
      planned({f32({2, 2, 6, 6}), f32({3, 2, 3, 3}), f32({4, 3, 3, 3})}, [](const Inputs& in) {
        const auto f = [&](Tensor w, Tensor u) {
          const Tensor y = max_pool2d(relu(conv2d(in[0], w, {}, 1, 1)), 2);
          return conv2d(y, u, {}, 1, 1).sum();
        };
        auto [value, g] = grad<0, 1>(f, in[1], in[2]);
        return Inputs{std::get<0>(g), std::get<1>(g)};
      });
  for (const schedule::LaunchPlan& l : p.launches)
    EXPECT_TRUE(l.what.find("unpool") == std::string::npos ||
                l.what.find("conv_general") != std::string::npos ||
                l.how.find("parts") != std::string::npos)
        << p.str();
}

struct Pooling {
  std::int64_t height, width;  // of the image
  std::int64_t window_y, window_x;
};

TEST(GpuPooling, AnEpilogueTakesTheWindows) {
  for (const Pooling& c : {Pooling{8, 8, 2, 2}, Pooling{7, 7, 2, 2}, Pooling{6, 9, 2, 1},
                           Pooling{5, 8, 1, 4}, Pooling{2, 2, 2, 2}}) {
    SCOPED_TRACE(fmt::format("{}x{} by {}x{}", c.height, c.width, c.window_y, c.window_x));
    const Plan p = planned(
        {f32({2, 2, c.height, c.width}), f32({5, 2, 3, 3}), f32({5})}, [&](const Inputs& in) {
          const std::vector<std::int64_t> window{1, 1, c.window_y, c.window_x};
          const Tensor y = relu(conv2d(in[0], in[1], in[2], 1, 1));
          const auto of = [&](const char* op) {
            const std::vector<std::int64_t> none{0, 0, 0, 0}, ones{1, 1, 1, 1},
                hi{0, 0, -(c.height % c.window_y), -(c.width % c.window_x)};
            return apply(op, {y},
                         {{"window", window},
                          {"stride", window},
                          {"lo", none},
                          {"hi", hi},
                          {"dilation", ones}});
          };
          return Inputs{of("reduce_window_max"), of("window_argmax"), of("reduce_window_sum")};
        });
    EXPECT_EQ(p.launches.size(), 1u) << p.str();
  }
}

TEST(GpuPooling, WindowsThatDivideNoTileArePooledApart) {
  const Plan p = planned({f32({2, 2, 9, 9}), f32({5, 2, 3, 3})}, [&](const Inputs& in) {
    return Inputs{max_pool2d(conv2d(in[0], in[1], {}, 1, 1), 3)};
  });
  EXPECT_EQ(p.launches.size(), 2u) << p.str();
}

TEST(GpuSideBySide, IndependentLaunchesAreOne) {
  const Plan p = planned({f32({4, 6}), f32({6, 5}), f32({33, 7})}, [](const Inputs& in) {
    return Inputs{times(in[0], in[1]), exp(in[2]), in[2].sum(std::vector<std::int64_t>{0})};
  });
  EXPECT_EQ(p.launches.size(), 1u) << p.str();
  EXPECT_EQ(p.launches[0].kernel.body.size(), 2u);
}

TEST(GpuSideBySide, WhatWaitsForAnotherStaysBehindIt) {
  const Plan p = planned({f32({4, 6}), f32({6, 5}), f32({5, 3}), f32({9})}, [](const Inputs& in) {
    return Inputs{times(times(in[0], in[1]), in[2]), exp(in[3])};
  });
  EXPECT_EQ(p.launches.size(), 2u) << p.str();
  EXPECT_EQ(chain(p), 2u);
}

// 4 units hold 64 blocks of 64 threads.
TEST(GpuSideBySide, NotMoreThanRunAtTheSameTime) {
  const auto launches = [](std::int64_t n) {
    return GpuPlan(graph_of({f32({n, 1}), f32({n, 1, 1})},
                            [](const Inputs& in) { return Inputs{exp(in[0]), exp(in[1])}; }))
        .plan.launches.size();
  };
  EXPECT_EQ(launches(32 * 64 * 4), 1u);
  EXPECT_EQ(launches(33 * 64 * 4), 2u);
}

TEST(GpuLevels, TheSumOfTwoProductsWaitsForBothAtOnce) {
  const Plan p =
      planned({f32({4, 6}), f32({6, 5}), f32({6, 5}), f32({5, 3})}, [](const Inputs& in) {
        const Tensor mean = times(in[0], in[1]), other = times(in[0], in[2]);
        return Inputs{times(mean + exp(other), in[3])};
      });
  EXPECT_EQ(p.launches.size(), 2u) << p.str();
  EXPECT_EQ(chain(p), 2u);
}

// The count of labels is there before the logits are.
TEST(GpuLevels, ReductionsDoNotWaitForEachOther) {
  const Plan p = planned({f32({8, 6}), f32({6, 5}), f32({8, 5})}, [](const Inputs& in) {
    const Tensor y = times(in[0], in[1]), n = in[2].sum();
    return Inputs{(y * in[2]).sum(), times(y / n, in[2].transpose(0, 1))};
  });
  EXPECT_EQ(chain(p), 2u) << p.str();
}

TEST(GpuRows, OneLongRowIsNotOneBlocks) {
  const Plan p = planned({f32({40000})}, [](const Inputs& in) { return Inputs{in[0].sum() * 2}; });
  EXPECT_GT(p.launches.size(), 1u) << p.str();
}

TEST(GpuRows, WhatARowUpdatesLiesInPlace) {
  const Graph g = graph_of({f32({5, 40}), f32({5}), f32({5})}, [](const Inputs& in) {
    const Tensor m = in[2] * 0.9 + in[0].sum(std::vector<std::int64_t>{1}) * 0.1;
    return Inputs{in[1] - m * 0.5, m};
  });
  schedule::PlanOptions options;
  options.target = gpu_target();
  options.donated = {true, true, true};
  const Plan p = schedule::make_plan(g, options);
  ASSERT_EQ(p.launches.size(), 1u) << p.str();
  for (std::size_t o = 0; o < 2; ++o)
    EXPECT_EQ(p.buffers[static_cast<std::size_t>(p.outputs[o])].donor, p.inputs[o + 1]) << p.str();
}

TEST(GpuColumns, ASumAndWhatFollowsFromItIsOneLaunch) {
  for (const std::int64_t columns : {3, 33, 64}) {
    const std::vector<Aval> avals{f32({50, columns}), f32({columns}), f32({columns})};
    const auto step = [](const Inputs& in) {
      const Tensor m = in[2] * 0.9 + in[0].sum(std::vector<std::int64_t>{0}) * 0.1;
      return Inputs{in[1] - m * 0.5, m};
    };
    const Plan p = planned(avals, step);
    ASSERT_EQ(p.launches.size(), 1u) << p.str();
    EXPECT_TRUE(p.launches[0].how.starts_with("chain of 2 stages, column")) << p.str();
    schedule::PlanOptions options;
    options.target = gpu_target();
    options.donated = {true, true, true};
    const Plan donated = schedule::make_plan(graph_of(avals, step), options);
    for (std::size_t o = 0; o < 2; ++o)
      EXPECT_EQ(donated.buffers[static_cast<std::size_t>(donated.outputs[o])].donor,
                donated.inputs[o + 1]);
  }
}

// What follows reads another column.
TEST(GpuColumns, OtherColumnsAreAnotherLaunch) {
  const Plan p = planned({f32({50, 33})}, [](const Inputs& in) {
    const Tensor s = in[0].sum(std::vector<std::int64_t>{0});
    return Inputs{s, s * s.slice(0, 0, 1)};
  });
  EXPECT_EQ(p.launches.size(), 2u) << p.str();
}

}  // namespace
}  // namespace lilith::testing
