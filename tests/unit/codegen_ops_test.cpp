#include "codegen_run.h"
#include "support/op_kernels.h"
#include "support/random_kernel.h"

// Every operation on every dtype it takes, on random values and on those at the edges.
namespace lilith::codegen::testing {
namespace {

using namespace kir;

/// In vectors and in scalar code.
void check_ops(const std::vector<kernels::OpCase>& cases) {
  for (const kernels::OpCase& c : cases) {
    for (LoopKind kind : {LoopKind::Vector, LoopKind::Serial}) {
      Kernel k;
      k.name = c.name + (kind == LoopKind::Vector ? "_vector" : "_scalar");
      std::vector<Expr> x;
      const Expr i = k.pool->var(kernels::kSize, "i");
      for (const char* label : {"x", "y", "z"})
        x.push_back(k.pool->load(k.add_buffer(label, c.in, kernels::kSize), c.in, i));
      const BufferId o = k.add_buffer("out", c.out, kernels::kSize);
      k.buffers.back().written = true;
      k.body = {make_for(i, kind, {Store{o, i, c.f(*k.pool, x), {}}})};
      check(k, kernels::edge_inputs(k), c.tolerance);
    }
  }
}

TEST(CodegenOps, Integers) { check_ops(kernels::integer_ops()); }
TEST(CodegenOps, IntegersByConstants) { check_ops(kernels::integer_ops_by_constants()); }
TEST(CodegenOps, Floats) { check_ops(kernels::float_ops()); }
TEST(CodegenOps, Casts) { check_ops(kernels::casts()); }
TEST(CodegenOps, HalfIsExact) { check_all(kernels::all_halves()); }
TEST(CodegenOps, RoundingToHalvesIsRoundingOnce) { check_all(kernels::roundings_to_halves()); }
TEST(CodegenOps, IndexArithmetic) { check_all(kernels::index_arithmetic()); }

TEST(CodegenOps, RandomKernels) {
  for (unsigned seed = 0; seed < 60; ++seed) check(kernels::RandomKernel(seed).make(), 16);
}

}  // namespace
}  // namespace lilith::codegen::testing
