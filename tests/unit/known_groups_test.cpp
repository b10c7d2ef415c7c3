// Groups that are alike are decided and written once (schedule/known_groups.h): a plan is what it
// would be if each of its kernels were new.
#include <gtest/gtest.h>

#include <vector>

#include "codegen/codegen.h"
#include "lilith/lilith.h"
#include "passes/pipeline.h"
#include "schedule/kernel/backend.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"

namespace lilith::schedule {
namespace {

struct Layers {
  std::vector<TransformerEncoderLayer> blocks;
  std::vector<Conv2d> convs;
  std::vector<BatchNorm2d> norms;
  Linear head{32, 5};
  LILITH_FIELDS(blocks, convs, norms, head)
  Layers() {
    for (int i = 0; i < 3; ++i) {
      blocks.emplace_back(32, 4);
      convs.emplace_back(i == 0 ? 3 : 8, 8, 3, ConvOptions{.padding = 1});
      norms.emplace_back(8);
    }
  }
};

Tensor loss(Layers& net, std::int64_t n) {
  Tensor x = ones({2, n, 32}) * 0.1;
  for (auto& block : net.blocks) x = block(x);
  Tensor image = ones({2, 3, n, 12});
  for (std::size_t i = 0; i < 3; ++i) image = relu(net.norms[i](net.convs[i](image)));
  return net.head(x).mean() + max_pool2d(image, 2).mean();
}

Graph step(const Layers& net, std::int64_t n) {
  const auto all_of = [n](const Layers& model) {
    auto [value, g] = grad(
        [n](const Layers& m) {
          Layers copy = m;
          return loss(copy, n);
        },
        model);
    std::vector<Tensor> all{value};
    for_each_parameter(g, [&](const std::string&, Tensor& t) { all.push_back(t); });
    return all;
  };
  return prepare(run_passes(trace(all_of, net))).graph;
}

void expect_same(const Plan& a, const Plan& b) {
  ASSERT_EQ(a.launches.size(), b.launches.size());
  for (std::size_t k = 0; k < a.launches.size(); ++k) {
    const LaunchPlan &x = a.launches[k], &y = b.launches[k];
    EXPECT_EQ(kir::to_string(x.kernel), kir::to_string(y.kernel));
    EXPECT_EQ(x.buffers, y.buffers);
    EXPECT_EQ(x.params, y.params);
    EXPECT_EQ(x.written, y.written);
    EXPECT_EQ(x.what, y.what);
    EXPECT_EQ(x.how, y.how);
    EXPECT_EQ(x.flops, y.flops);
    EXPECT_EQ(x.bytes, y.bytes);
    EXPECT_EQ(x.barrier_before, y.barrier_before);
    EXPECT_EQ(x.single, y.single);
    EXPECT_EQ(x.loc.str(), y.loc.str());
  }
  ASSERT_EQ(a.buffers.size(), b.buffers.size());
  for (std::size_t k = 0; k < a.buffers.size(); ++k) {
    EXPECT_EQ(a.buffers[k].name, b.buffers[k].name);
    EXPECT_EQ(a.buffers[k].offset, b.buffers[k].offset);
    EXPECT_EQ(a.buffers[k].donor, b.buffers[k].donor);
    EXPECT_EQ(a.buffers[k].layout, b.buffers[k].layout);
  }
  EXPECT_EQ(a.arena_bytes, b.arena_bytes);
}

TEST(KnownGroups, ArePlannedAsIfTheyWereNew) {
  Layers net;
  eval(net);
  for (const std::int64_t n : {12, 20, 12, 21, 300}) {
    const Graph g = step(net, n);
    PlanOptions options;
    options.target = codegen::target();
    options.target.threads = 2;
    if (n != 12) options.varying = {n};
    options.donated.assign(g.inputs().size(), true);
    const Plan known = make_plan(g, options);
    options.pick = [](const Group&, const std::vector<Choice>&) { return std::size_t{0}; };
    expect_same(known, make_plan(g, options));
  }
}

// The first step of a recurrence, whose state is a number that a product needs in memory, is not
// its second.
TEST(KnownGroups, ANumberInMemoryIsNoTensor) {
  const Tensor x = rand({2, 8}), w = rand({4, 8});
  const auto cell = [&](const Tensor& h, const Tensor& c) {
    const std::vector<Tensor> gates = chunk(matmul(h, w) + x, 2, 1);
    return sigmoid(gates[0]) * c + tanh(gates[1]);
  };
  Tensor h = zeros({2, 4}), c = h, second;
  for (int step = 0; step < 2; ++step) {
    c = cell(h, c);
    h = tanh(c);
    eval(h, c);
    if (step == 0) second = cell(h, c * 2 - c);
  }
  EXPECT_TRUE(allclose(c, second, 1e-5, 1e-6));
}

}  // namespace
}  // namespace lilith::schedule
