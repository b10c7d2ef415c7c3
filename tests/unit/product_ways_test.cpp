// Every way to compute a product gives the same result: on the machine's caches, and on caches so
// small that everything goes in blocks.
#include <gtest/gtest.h>

#include <cmath>

#include "codegen/codegen.h"
#include "eval/plan_runner.h"
#include "ir/node.h"
#include "lilith/lilith.h"
#include "passes/pipeline.h"
#include "schedule/choose.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"

namespace lilith {
namespace {

using schedule::Choice;
using schedule::Group;

struct Case {
  const char* name;
  std::function<Tensor(const Tensor&, const Tensor&)> f;
  Shape a, b;
};

Tensor act(const Tensor& y) { return tanh(y * 0.5) * y; }

std::vector<Case> matmuls() {
  return {
      {"matmul", [](const Tensor& a, const Tensor& b) { return matmul(a, b); }, {61, 67}, {67, 53}},
      {"even", [](const Tensor& a, const Tensor& b) { return matmul(a, b); }, {96, 256}, {256, 64}},
      {"a transposed",
       [](const Tensor& a, const Tensor& b) { return matmul(a.t(), b); },
       {120, 61},
       {120, 53}},
      {"b transposed",
       [](const Tensor& a, const Tensor& b) { return matmul(a, b.t()); },
       {61, 120},
       {53, 120}},
      {"both",
       [](const Tensor& a, const Tensor& b) { return matmul(a.t(), b.t()); },
       {72, 40},
       {50, 72}},
      {"batches",
       [](const Tensor& a, const Tensor& b) { return matmul(a, b); },
       {3, 30, 48},
       {3, 48, 40}},
      {"one matrix for all",
       [](const Tensor& a, const Tensor& b) { return matmul(a, b); },
       {3, 30, 48},
       {48, 40}},
      {"epilogue",
       [](const Tensor& a, const Tensor& b) { return act(matmul(a, b) + a.sum()); },
       {61, 128},
       {128, 53}},
      {"residual",
       [](const Tensor& a, const Tensor& b) { return relu(matmul(a, b)) + b; },
       {64, 64},
       {64, 64}},
      {"row", [](const Tensor& a, const Tensor& b) { return matmul(a, b); }, {1, 90}, {90, 70}},
      {"column", [](const Tensor& a, const Tensor& b) { return matmul(a, b); }, {70, 90}, {90, 1}},
      {"long sum",
       [](const Tensor& a, const Tensor& b) { return act(matmul(a, b) * 0.1); },
       {40, 1200},
       {1200, 33}},
      {"twice a prime",
       [](const Tensor& a, const Tensor& b) { return matmul(a, b); },
       {40, 1042},
       {1042, 33}},
      {"one b for two products",
       [](const Tensor& a, const Tensor& b) { return matmul(tanh(matmul(a, b.t()) * 0.1), b.t()); },
       {50, 60},
       {60, 60}},
      {"turned",
       [](const Tensor& a, const Tensor& b) { return act(matmul(a, b) * 0.1).t(); },
       {61, 67},
       {67, 53}},
      {"turned, square",
       [](const Tensor& a, const Tensor& b) { return matmul(a, b).t(); },
       {64, 40},
       {40, 64}},
      {"turned batches",
       [](const Tensor& a, const Tensor& b) { return matmul(a, b).permute({1, 2, 0}); },
       {3, 30, 48},
       {3, 48, 40}},
      {"turned, long sum",
       [](const Tensor& a, const Tensor& b) { return matmul(a, b).t(); },
       {40, 1200},
       {1200, 33}},
      {"prime sum",
       [](const Tensor& a, const Tensor& b) { return matmul(a, b); },
       {40, 613},
       {613, 33}},
  };
}

std::vector<Case> convolutions() {
  const auto conv = [](const ConvOptions& o) {
    return [o](const Tensor& x, const Tensor& w) {
      return conv2d(x, w, {}, o.stride, o.padding, o.dilation, o.groups);
    };
  };
  const auto weights = [conv](const Shape& shape, const ConvOptions& o) {
    return [=](const Tensor& x, const Tensor& dy) {
      const Tensor w = full(shape, 0.1).to(dy.dtype());
      return grad([&](const Tensor& v) { return (conv(o)(x, v) * dy).sum(); }, w).second;
    };
  };
  return {
      {"conv", conv({.padding = 1}), {3, 8, 9, 11}, {16, 8, 3, 3}},
      {"conv, odd", conv({.padding = 1}), {1, 37, 7, 14}, {70, 37, 3, 3}},
      {"conv, one channel", conv({}), {2, 1, 13, 8}, {5, 1, 3, 3}},
      {"conv, one filter", conv({.padding = 2}), {1, 20, 5, 4}, {1, 20, 3, 3}},
      {"conv 5x5", conv({.padding = 2}), {2, 12, 9, 7}, {20, 12, 5, 5}},
      {"conv, smallest", conv({.padding = 1}), {1, 3, 2, 2}, {2, 3, 3, 3}},
      {"conv, channels last",
       [conv](const Tensor& x, const Tensor& w) {
         const Tensor y = conv({.padding = 1})(x.permute({0, 3, 1, 2}), w);
         return act(y + y.sum() * 0.001).permute({0, 2, 3, 1});
       },
       {2, 10, 9, 24},
       {40, 24, 3, 3}},
      {"conv, stored channels last",
       [conv](const Tensor& x, const Tensor& w) {
         return relu(conv({.padding = 1})(x.permute({0, 3, 1, 2}), w)).permute({0, 2, 3, 1});
       },
       {2, 10, 9, 24},
       {40, 24, 3, 3}},
      {"conv 5x5, stored channels last",
       [conv](const Tensor& x, const Tensor& w) {
         return conv({.padding = 2})(x, w).permute({0, 2, 3, 1});
       },
       {2, 12, 9, 7},
       {20, 12, 5, 5}},
      {"1x1, stored channels last",
       [conv](const Tensor& x, const Tensor& w) {
         return conv({})(x.permute({0, 3, 1, 2}), w).permute({0, 2, 3, 1});
       },
       {3, 7, 7, 24},
       {40, 24, 1, 1}},
      {"depthwise, stored channels last",
       [conv](const Tensor& x, const Tensor& w) {
         return conv({.padding = 1, .groups = 37})(x.permute({0, 3, 1, 2}), w)
             .permute({0, 2, 3, 1});
       },
       {2, 10, 9, 37},
       {37, 1, 3, 3}},
      {"weights, turned",
       [weights](const Tensor& x, const Tensor& dy) {
         return weights({16, 8, 3, 3}, {.padding = 1})(x, dy).permute({2, 3, 1, 0});
       },
       {6, 8, 9, 9},
       {6, 16, 9, 9}},
      {"data",
       [](const Tensor& dy, const Tensor& w) {
         return grad([&](const Tensor& v) { return (conv2d(v, w, {}, 1, 1) * dy).sum(); },
                     full({2, 24, 9, 7}, 0.1).to(dy.dtype()))
             .second;
       },
       {2, 16, 9, 7},
       {16, 24, 3, 3}},
      {"strided", conv({.stride = 2, .padding = 1}), {3, 8, 9, 11}, {20, 8, 3, 3}},
      {"dilated", conv({.dilation = 2}), {2, 8, 9, 11}, {20, 8, 3, 3}},
      {"1x1", conv({}), {3, 24, 7, 7}, {40, 24, 1, 1}},
      {"groups", conv({.padding = 1, .groups = 2}), {2, 8, 7, 9}, {20, 4, 3, 3}},
      {"stored with a border",
       [](const Tensor& x, const Tensor& w) {
         return conv2d(relu(conv2d(x, w, {}, 1, 1) - 0.1), w, {}, 1, 2);
       },
       {2, 20, 7, 9},
       {20, 20, 3, 3}},
      {"depthwise", conv({.padding = 1, .groups = 37}), {2, 37, 9, 18}, {37, 1, 3, 3}},
      {"depthwise, strided and dilated",
       conv({.stride = 2, .padding = 2, .dilation = 2, .groups = 20}),
       {2, 20, 9, 18},
       {20, 1, 3, 3}},
      {"depthwise, channels last",
       [conv](const Tensor& x, const Tensor& w) {
         const Tensor y = conv({.padding = 1, .groups = 37})(x.permute({0, 3, 1, 2}), w);
         return act(y + y.sum() * 0.001).permute({0, 2, 3, 1});
       },
       {2, 10, 9, 37},
       {37, 1, 3, 3}},
      {"depthwise 7x7, channels last",
       [conv](const Tensor& x, const Tensor& w) {
         return conv({.padding = 3, .groups = 37})(x.permute({0, 3, 1, 2}), w)
             .permute({0, 2, 3, 1});
       },
       {2, 9, 19, 37},
       {37, 1, 7, 7}},
      {"depthwise 1x5, strided, channels last",
       [conv](const Tensor& x, const Tensor& w) {
         return conv({.stride = 2, .padding = 2, .groups = 32})(x.permute({0, 3, 1, 2}), w)
             .permute({0, 2, 3, 1});
       },
       {2, 3, 23, 32},
       {32, 1, 1, 5}},
      {"depthwise 7x7, data, channels last",
       [conv](const Tensor& dy, const Tensor& w) {
         const auto loss = [&](const Tensor& v) {
           return (conv({.padding = 3, .groups = 24})(v.permute({0, 3, 1, 2}), w)
                       .permute({0, 2, 3, 1}) *
                   dy)
               .sum();
         };
         return grad(loss, full({2, 9, 15, 24}, 0.1).to(dy.dtype())).second;
       },
       {2, 9, 15, 24},
       {24, 1, 7, 7}},
      {"depthwise, more channels",
       conv({.padding = 1, .groups = 20}),
       {2, 20, 9, 7},
       {40, 1, 3, 3}},
      {"depthwise, data",
       [conv](const Tensor& dy, const Tensor& w) {
         const auto loss = [&](const Tensor& v) {
           return (conv({.stride = 2, .padding = 1, .groups = 24})(v, w) * dy).sum();
         };
         return grad(loss, full({2, 24, 9, 7}, 0.1).to(dy.dtype())).second;
       },
       {2, 24, 5, 4},
       {24, 1, 3, 3}},
      {"depthwise, weights",
       weights({24, 1, 3, 3}, {.padding = 1, .groups = 24}),
       {3, 24, 9, 7},
       {3, 24, 9, 7}},
      {"weights", weights({16, 8, 3, 3}, {.padding = 1}), {6, 8, 9, 9}, {6, 16, 9, 9}},
      {"weights, odd", weights({37, 5, 3, 3}, {.padding = 1}), {2, 5, 7, 10}, {2, 37, 7, 10}},
      {"weights, one channel", weights({20, 1, 3, 3}, {}), {3, 1, 9, 8}, {3, 20, 7, 6}},
      {"weights, one image", weights({8, 70, 3, 3}, {.padding = 2}), {1, 70, 4, 5}, {1, 8, 6, 7}},
      {"weights, updated",
       [weights](const Tensor& x, const Tensor& dy) {
         return act(weights({16, 24, 3, 3}, {.padding = 1})(x, dy) * 0.1 + x.sum());
       },
       {2, 24, 9, 9},
       {2, 16, 9, 9}},
      {"weights, strided",
       weights({16, 8, 3, 3}, {.stride = 2, .padding = 1}),
       {6, 8, 9, 9},
       {6, 16, 5, 5}},
      {"weights, updated",
       [=](const Tensor& x, const Tensor& dy) {
         const Tensor w = x.reshape({-1}).slice(0, 0, 1440).reshape({20, 8, 3, 3});
         return w * 0.5 - weights({20, 8, 3, 3}, {.padding = 1})(x, dy) * w;
       },
       {6, 8, 9, 9},
       {6, 20, 9, 9}},
      {"pooled, odd",
       [](const Tensor& x, const Tensor& w) { return max_pool2d(conv2d(x, w, {}, 1, 1), 2); },
       {2, 6, 11, 14},
       {20, 6, 3, 3}},
      {"pooled in rows",
       [](const Tensor& x, const Tensor& w) {
         return act(max_pool2d(conv2d(x, w), std::vector<std::int64_t>{1, 4}));
       },
       {2, 6, 9, 14},
       {20, 6, 3, 3}},
      {"pooled",
       [](const Tensor& x, const Tensor& w) { return max_pool2d(relu(conv2d(x, w, {}, 1, 1)), 2); },
       {3, 8, 12, 12},
       {16, 8, 3, 3}},
  };
}

std::vector<Case> cases() {
  std::vector<Case> all = matmuls(), more = convolutions();
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Case named(const std::string& name) {
  for (const Case& c : cases()) {
    if (c.name == name) return c;
  }
  throw Error("no case '" + name + "'");
}

/// A tensor of small numbers that are no multiples of each other; whole ones of an integer dtype.
Tensor values(const Shape& shape, DType dtype) {
  const Tensor x = sin(arange(shape.numel()).to(kFloat64) * 0.7 + 0.3).reshape(shape);
  return (is_floating(dtype) ? x : x * 5).to(dtype);
}

schedule::Target small_caches() {
  schedule::Target t = codegen::target();
  t.threads = 3;
  t.l1_bytes = 1 << 10;
  t.l2_bytes = 8 << 10;
  return t;
}

schedule::Target this_machine() {
  schedule::Target t = codegen::target();
  t.threads = 2;
  return t;
}

std::size_t ways_of(const Graph& g, const schedule::Target& target, std::size_t way,
                    schedule::Plan* plan) {
  std::size_t most = 0;
  schedule::PlanOptions options;
  options.target = target;
  options.pick = [&](const Group& group, const std::vector<Choice>& ways) {
    if (!std::holds_alternative<schedule::Product>(group)) return std::size_t{0};
    most = std::max(most, ways.size());
    return way;
  };
  *plan = schedule::make_plan(g, options);
  return most;
}

/// What the ways say of themselves.
std::string expect_all_ways_agree(const Case& c, DType dtype, const schedule::Target& target) {
  SCOPED_TRACE(std::string(c.name) + " " + std::string(name(dtype)));
  const Tensor a = values(c.a, dtype), b = values(c.b, dtype);
  const std::vector<double> want =
      c.f(a.to(kFloat64), b.to(kFloat64)).to(kFloat64).to_vector<double>();
  double scale = 1;
  for (const double w : want) scale = std::max(scale, std::abs(w));
  eval(a, b);
  const std::vector<StoragePtr> in = {a.node()->storage(), b.node()->storage()};
  const auto in_f32 = [&](const Tensor& x, const Tensor& y) {
    return c.f(x, y).to(dtype == kFloat64 ? kFloat64 : kFloat32);
  };
  const Graph g = schedule::prepare(run_passes(trace(in_f32, a, b))).graph;
  const double tolerance = dtype == kFloat64 ? 1e-12 : dtype == kFloat32 ? 1e-5 : 2e-2;
  std::size_t ways = 1;
  std::string all;
  for (std::size_t w = 0; w < ways; ++w) {
    schedule::Plan plan;
    ways = ways_of(g, target, w, &plan);
    PlanRunner runner(plan, in);
    runner.run();
    std::string how;
    for (const auto& l : plan.launches) how += l.how + "; ";
    all += how;
    EXPECT_EQ(runner.outputs[0]->bytes(), want.size() * (dtype == kFloat64 ? 8 : 4));
    for (std::size_t k = 0; k < want.size(); ++k) {
      const void* p = runner.outputs[0]->data();
      const double got = dtype == kFloat64 ? static_cast<const double*>(p)[k]
                                           : static_cast<double>(static_cast<const float*>(p)[k]);
      EXPECT_NEAR(got, want[k], tolerance * scale)
          << "element " << k << " of way " << w << ": " << how;
      if (::testing::Test::HasFailure()) return all;
    }
  }
  return all;
}

TEST(ProductWays, GiveTheSame) {
  std::string all;
  for (const Case& c : cases()) all += expect_all_ways_agree(c, kFloat32, this_machine());
  EXPECT_NE(all.find(", in 2 chunks"), std::string::npos);
}

TEST(ProductWays, GiveTheSameInSmallBlocks) {
  std::string all;
  for (const Case& c : cases()) all += expect_all_ways_agree(c, kFloat32, small_caches());
  for (const char* kind : {"pack b of", "b in panels", "operands swapped", "blocks of", "tiles x ",
                           "a copied", "sum split over", "lanes along the sum", "epilogue in rows",
                           "pooled", "winograd F(2x2", "winograd F(4x4", "winograd F(2x2, 5x5)",
                           "winograd F(3x3, 2x2)", "winograd F(3x3, 4x4)", "staged", "slabs of"})
    EXPECT_NE(all.find(kind), std::string::npos) << kind;
}

// A product whose result is only transposed stores the transposition.
TEST(ProductWays, StoreATranspositionInItsPlace) {
  for (const char* name :
       {"turned", "turned, square", "turned batches", "1x1, stored channels last",
        "depthwise, stored channels last", "conv, stored channels last"}) {
    const Case c = named(name);
    const Graph g = schedule::prepare(run_passes(trace(c.f, zeros(c.a), zeros(c.b)))).graph;
    schedule::Plan plan;
    ways_of(g, this_machine(), 0, &plan);
    EXPECT_NE(plan.launches.back().what.find("_general"), std::string::npos) << plan.str();
  }
}

// Others still read the product as it is.
TEST(ProductWays, LeaveATranspositionToACopyWhereTheProductIsReadToo) {
  const auto product = [](const Tensor& a, const Tensor& b) { return matmul(a, b); };
  const auto with_sums = [&](const Tensor& a, const Tensor& b) {
    const Tensor c = product(a, b);
    return std::vector<Tensor>{c.t(), c.sum(0)};
  };
  const auto both = [&](const Tensor& a, const Tensor& b) {
    const Tensor c = product(a, b);
    return std::vector<Tensor>{c.t(), c};
  };
  const auto plan_of = [&](const auto& f) {
    const Graph g = schedule::prepare(run_passes(trace(f, zeros({48, 40}), zeros({40, 56})))).graph;
    schedule::Plan plan;
    ways_of(g, this_machine(), 0, &plan);
    return plan;
  };
  for (const schedule::Plan& plan : {plan_of(with_sums), plan_of(both)}) {
    const auto copies = std::ranges::count_if(plan.launches, [](const schedule::LaunchPlan& l) {
      return l.what.starts_with("transpose");
    });
    EXPECT_EQ(copies, 1) << plan.str();
  }
}

// What a loop reads is row-major: lanes across its rows would be stored one by one, so that those
// of the rows, or an epilogue that runs in rows, come out cheaper.
TEST(ProductWays, KnowThatALoopReadsRows) {
  const LSTM net(128, 256, {.num_layers = 2, .batch_first = true});
  eval_pending(net);
  const Graph g = schedule::prepare(
                      run_passes(trace([&](const LSTM& m, const Tensor& x) { return m(x).output; },
                                       net, zeros({1, 64, 128}))))
                      .graph;
  schedule::PlanOptions options;
  options.target = this_machine();
  int found = 0;
  options.pick = [&](const Group& group, const std::vector<Choice>& ways) {
    const auto* product = std::get_if<schedule::Product>(&group);
    if (product != nullptr && product->domain.numel() == 64 * 1024) {
      ++found;
      for (const auto& [n, layout] : ways[0].results)
        EXPECT_EQ(layout.order, schedule::Layout::row_major(product->domain.rank()).order)
            << ways[0].name;
    }
    return std::size_t{0};
  };
  schedule::make_plan(g, options);
  EXPECT_EQ(found, 2);
}

TEST(ProductWays, GiveTheSameWhereRowsOfBLieFarApart) {
  const auto product = [](const Tensor& a, const Tensor& b) { return act(matmul(a, b) * 0.1); };
  schedule::Target t = this_machine();
  t.l1_bytes = 16 << 10;
  t.l2_bytes = 1 << 20;
  EXPECT_NE(expect_all_ways_agree({"far rows", product, {250, 160}, {160, 520}}, kFloat32, t)
                .find("b copied"),
            std::string::npos);
}

TEST(ProductWays, GiveTheSameInOtherTypes) {
  for (const char* name : {"matmul", "a transposed", "one matrix for all", "conv", "turned"}) {
    for (const DType dtype : {kFloat64, kFloat16, kBFloat16, kInt32})
      expect_all_ways_agree(named(name), dtype, small_caches());
  }
  expect_all_ways_agree(named("residual"), kFloat64, small_caches());
}

// LILITH_DISABLE=empty leaves such a product to the schedule.
TEST(ProductWays, ASumOverNothingIsZero) {
  const Tensor a = zeros({64, 0}), b = zeros({0, 48});
  eval(a, b);
  const std::vector<StoragePtr> in = {a.node()->storage(), b.node()->storage()};
  const Graph g = trace([](const Tensor& x, const Tensor& y) { return matmul(x, y); }, a, b);
  schedule::Plan plan;
  ways_of(g, this_machine(), 0, &plan);
  PlanRunner runner(plan, in);
  runner.run();
  const auto* got = static_cast<const float*>(runner.outputs[0]->data());
  for (int k = 0; k < 64 * 48; ++k) ASSERT_EQ(got[k], 0) << k;
}

// Panels that two products want are made once.
TEST(ProductWays, ShareTheirPanels) {
  const Case c = named("one b for two products");
  const Graph g = schedule::prepare(run_passes(trace(c.f, zeros(c.a), zeros(c.b)))).graph;
  schedule::PlanOptions options;
  options.target = small_caches();
  // Of the panels of b that are offered, the same ones for both.
  options.pick = [](const Group&, const std::vector<Choice>& ways) {
    std::size_t picked = ways.size();
    for (std::size_t k = 0; k < ways.size(); ++k) {
      if (ways[k].copies.empty() || ways[k].name.find("swapped") != std::string::npos) continue;
      if (picked == ways.size() || ways[k].copies < ways[picked].copies) picked = k;
    }
    return picked;
  };
  const schedule::Plan plan = schedule::make_plan(g, options);
  int packs = 0, products = 0;
  for (const auto& l : plan.launches) {
    packs += l.how.starts_with("pack b");
    products += l.how.find("b in panels") != std::string::npos;
  }
  EXPECT_EQ(products, 2);
  EXPECT_EQ(packs, 1) << plan.str();
}

}  // namespace
}  // namespace lilith
