// Which values of a training step are kept in memory, and which are computed again.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

#include "codegen/codegen.h"
#include "lilith/compile.h"
#include "lilith/graph_names.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "passes/pipeline.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"

namespace lilith {
namespace {

/// Values of this shape that the gradients of a model's loss keep between kernels.
template <class Net, class Loss>
std::int64_t kept(const Net& net, const Loss& loss, const Tensor& x, const Shape& shape) {
  const Graph g =
      trace([&](const Net& n,
                const Tensor& in) { return grad([&](const Net& m) { return loss(m(in)); }, n); },
            net, x);
  schedule::PlanOptions options;
  options.target = codegen::target_for(schedule::Isa::Baseline);
  const schedule::Plan plan = schedule::make_plan(schedule::prepare(run_passes(g)).graph, options);
  return std::ranges::count_if(plan.buffers, [&](const schedule::BufferPlan& b) {
    return b.kind == schedule::BufferPlan::Kind::Arena && !b.scratch && b.shape == shape;
  });
}
Tensor squares(const Tensor& y) { return (y * y).sum(); }

struct Mlp {
  Linear up{24, 80}, down{80, 24};
  Tensor operator()(const Tensor& x) const { return down(gelu(up(x), GeluApproximation::Tanh)); }
};
// The product and the activation go forward, and one cotangent comes back: what the gradient wants
// of the tanh is computed again.
TEST(Stores, OfAGeluItsArgumentAndItsValue) {
  EXPECT_EQ(kept(Mlp{}, squares, zeros({32, 24}), {32, 80}), 3);
}

struct Norms {
  Linear a{24, 48}, b{48, 48};
  LayerNorm first{48}, second{48};
  Tensor operator()(const Tensor& x) const {
    const Tensor y = a(x);
    return second(y + b(first(y)));
  }
};
// y, first(y), the sum and the result go forward, five cotangents come back; no normalised value is
// kept.
TEST(Stores, NormalisedValuesAreComputedAgain) {
  EXPECT_LE(kept(Norms{}, squares, zeros({32, 24}), {32, 48}), 9);
}

struct Attention {
  Linear q{24, 24}, k{24, 24}, v{24, 24};
  Tensor operator()(const Tensor& x) const {
    return scaled_dot_product_attention(q(x), k(x), v(x));
  }
};
// Scores and weights go forward (the scores until the weights are there), two cotangents come back.
TEST(Stores, OfASoftmaxItsValueAlone) {
  EXPECT_EQ(kept(Attention{}, squares, zeros({3, 40, 24}), {3, 40, 40}), 4);
  EXPECT_EQ(kept(Attention{}, squares, zeros({3, 40, 24}), {3, 40, 24}), 8);  // no scaled q
}

}  // namespace
}  // namespace lilith
