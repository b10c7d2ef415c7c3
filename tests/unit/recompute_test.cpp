// What backward products read of the forward pass is computed again, where a program would keep
// much.
#include <gtest/gtest.h>

#include <cmath>

#include "core/env.h"
#include "lilith/lilith.h"
#include "lilith/nn.h"
#include "passes/pipeline.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"

namespace lilith {
namespace {

// Six wide layers between narrow ones: 16 MB of gelu's results each.
Tensor gradient(const Tensor& x, const Tensor& in, const Tensor& out) {
  return grad(
             [&](const Tensor& w) {
               Tensor h = x;
               for (int layer = 0; layer < 6; ++layer)
                 h = h + matmul(gelu(matmul(h, in), GeluApproximation::Tanh), w);
               return (h * h).mean();
             },
             out)
      .second;
}

Graph prepared(std::int64_t rows) {
  return schedule::prepare(
             run_passes(trace(gradient, zeros({rows, 8}), zeros({8, 1024}), zeros({1024, 8}))))
      .graph;
}

TEST(Recompute, OfWhatAProgramWouldKeepMuch) {
  EXPECT_NE(prepared(4096).str().find(" = after("), std::string::npos);
  EXPECT_EQ(prepared(1024).str().find(" = after("), std::string::npos);
}

// LILITH_DISABLE=recompute while it lives.
class Kept {
 public:
  Kept() : before_(env::text("LILITH_DISABLE")) {
    env::set("LILITH_DISABLE", "recompute");
    clear_program_cache();
  }
  ~Kept() {
    env::set("LILITH_DISABLE", before_);
    clear_program_cache();
  }
  Kept(const Kept&) = delete;

 private:
  std::string before_;
};

TEST(Recompute, TakesLessMemoryAndGivesTheSame) {
  const Tensor x = sin(arange(4096 * 8).to(kFloat32)).reshape({4096, 8}),
               in = cos(arange(8 * 1024).to(kFloat32)).reshape({8, 1024}) * 0.3,
               out = sin(arange(1024 * 8).to(kFloat32) * 0.7).reshape({1024, 8}) * 0.02;
  const auto bytes = [&] { return schedule::make_plan(prepared(4096), {}).arena_bytes; };
  const auto got = gradient(x, in, out).to_vector<float>();
  const std::size_t again = bytes();
  const Kept kept;
  EXPECT_LT(again + (24 << 20), bytes());
  const auto want = gradient(x, in, out).to_vector<float>();
  for (std::size_t k = 0; k < want.size(); ++k)
    ASSERT_NEAR(got[k], want[k], 1e-5 * std::abs(want[k]) + 1e-7) << k;
}

}  // namespace
}  // namespace lilith
