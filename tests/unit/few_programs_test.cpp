// Work whose lengths change from call to call compiles few programs: what is decided for one length
// holds for others.
#include <gtest/gtest.h>

#include <cmath>

#include "codegen/codegen.h"
#include "lilith/lilith.h"

namespace lilith {
namespace {

struct Policy {
  Linear a{8, 64}, b{64, 64}, c{64, 4};
  Tensor operator()(const Tensor& x) const { return c(relu(b(relu(a(x))))); }
};

double step(std::int64_t n, Policy* net, Adam* opt) {
  const Tensor x = sin(arange(n * 8).to(kFloat32)).reshape({n, 8});
  const Tensor gains = cos(arange(n).to(kFloat32)), action = (arange(n) % 4).unsqueeze(1);
  auto [loss, g] = grad(
      [&](const Policy& m) {
        return -(log_softmax(m(x), 1).gather(1, action).squeeze(1) * gains).mean();
      },
      *net);
  update(*opt, *net, std::move(g));
  return loss.item();
}

// Of 40 lengths 20 programs were compiled when each was laid out and shared as its own sizes ask.
TEST(FewPrograms, StepsOfAPolicyOnEpisodesOfManyLengths) {
  if (codegen::target().isa == codegen::Isa::Baseline)
    GTEST_SKIP() << "SKIPPED: no masks, no sharing";
  manual_seed(1);
  Policy net;
  Adam opt;
  const CacheStats before = cache_stats();
  for (std::int64_t i = 0; i < 40; ++i)
    EXPECT_TRUE(std::isfinite(step(10 + (i * 17) % 40 * 5, &net, &opt)));
  EXPECT_LE(cache_stats().compiled - before.compiled, 12);
}

// Multiples of a tile's rows, and others, in any order: one general program beside the first.
TEST(FewPrograms, ALayerOfRowsThatDivideAndDoNot) {
  if (codegen::target().isa == codegen::Isa::Baseline)
    GTEST_SKIP() << "SKIPPED: no masks, no sharing";
  manual_seed(1);
  const Linear layer{64, 64};
  const CacheStats before = cache_stats();
  for (const std::int64_t n : {70, 75, 105, 140, 112, 96, 33, 64, 128, 200, 57, 144}) {
    const Tensor x = sin(arange(n * 64).to(kFloat32)).reshape({n, 64});
    const Tensor y = relu(layer(x));
    const Tensor exact =
        relu(matmul(x.to(kFloat64), layer.weight.to(kFloat64).T()) + layer.bias.to(kFloat64));
    EXPECT_LT((y.to(kFloat64) - exact).abs().max().item(), 1e-5) << n;
  }
  EXPECT_LE(cache_stats().compiled - before.compiled, 6);
}

}  // namespace
}  // namespace lilith
