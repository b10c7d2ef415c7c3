#include <fmt/core.h>

#include <map>

#include "support/op_kernels.h"
#include "support/opencl_run.h"
#include "support/random_kernel.h"

// Every operation on an OpenCL device, on random values and on those at the edges.
namespace lilith::codegen::testing {
namespace {

using namespace kir;
using kernels::kSize;
using kernels::OpCase;

/// One kernel for all cases that read one dtype: case c stores to out[c * kSize + i].
KernelCase all_of(DType in, const std::vector<const OpCase*>& cases) {
  Kernel k;
  k.name = fmt::format("{} operations on {}, the first {}", cases.size(), name(in), cases[0]->name);
  std::vector<Expr> x;
  const Expr i = k.pool->var(kSize, "i");
  for (const char* label : {"x", "y", "z"})
    x.push_back(k.pool->load(k.add_buffer(label, in, kSize), in, i));
  std::map<DType, std::vector<const OpCase*>> by_result;
  for (const OpCase* c : cases) by_result[c->out].push_back(c);
  Block body;
  for (const auto& [out, list] : by_result) {
    const auto n = static_cast<std::int64_t>(list.size());
    const BufferId o = k.add_buffer(fmt::format("out_{}", name(out)), out, n * kSize);
    k.buffers.back().written = true;
    for (std::int64_t c = 0; c < n; ++c) {
      body.push_back(Store{
          o, i + k.pool->integer(c * kSize), list[static_cast<std::size_t>(c)]->f(*k.pool, x), {}});
    }
  }
  k.body = {make_for(i, LoopKind::Parallel, std::move(body))};
  Inputs in_values = kernels::edge_inputs(k);
  return {std::move(k), 0, std::move(in_values)};
}

void check_ops(const std::vector<OpCase>& cases) {
  std::map<DType, std::vector<const OpCase*>> by_dtype;
  for (const OpCase& c : cases) by_dtype[c.in].push_back(&c);
  std::vector<KernelCase> all;
  for (const auto& [in, list] : by_dtype) all.push_back(all_of(in, list));
  check_on_opencl(all);
}

TEST(OpenClOps, Integers) {
  NEEDS_OPENCL;
  check_ops(kernels::integer_ops());
}
TEST(OpenClOps, IntegersByConstants) {
  NEEDS_OPENCL;
  check_ops(kernels::integer_ops_by_constants());
}
TEST(OpenClOps, Floats) {
  NEEDS_OPENCL;
  check_ops(kernels::float_ops());
}
TEST(OpenClOps, Casts) {
  NEEDS_OPENCL;
  check_ops(kernels::casts());
}
TEST(OpenClOps, HalvesAndIndices) {
  NEEDS_OPENCL;
  std::vector<KernelCase> all = kernels::all_halves();
  for (auto more : {kernels::roundings_to_halves, kernels::index_arithmetic}) {
    for (KernelCase& c : more()) all.push_back(std::move(c));
  }
  check_on_opencl(all);
}
TEST(OpenClOps, RandomKernels) {
  NEEDS_OPENCL;
  std::vector<KernelCase> all;
  for (unsigned seed = 0; seed < 15; ++seed) all.push_back({kernels::RandomKernel(seed).make()});
  check_on_opencl(all);
}

}  // namespace
}  // namespace lilith::codegen::testing
