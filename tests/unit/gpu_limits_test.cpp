// Kernels of blocks keep to what the target says of a block; where a driver has less for a kernel,
// the program is planned anew.
#include <gtest/gtest.h>

#include "codegen/c/source.h"
#include "codegen/opencl/dialect.h"
#include "support/gpu_plan.h"
#include "support/random_graph.h"
#include "support/traced.h"

namespace lilith::testing {
namespace {

using Tensors = std::vector<Tensor>;

schedule::Target target(int threads, std::int64_t shared_bytes) {
  schedule::Target t = gpu_target(true);
  t.gpu->threads = threads;
  t.gpu->shared_bytes = shared_bytes;
  return t;
}

/// One graph of each kind of kernel.
std::vector<Graph> graphs() {
  const auto make = [](std::vector<Shape> shapes, DType dtype, auto f) {
    std::vector<Aval> avals;
    for (Shape& s : shapes) avals.push_back({std::move(s), dtype});
    return run_passes(traced(avals, [&](const Tensors& in) { return Tensors{f(in)}; }).graph);
  };
  std::vector<Graph> all;
  for (const DType d : {DType::F32, DType::F64, DType::BF16}) {
    all.push_back(
        make({{100, 200}, {200, 64}}, d, [](const Tensors& in) { return matmul(in[0], in[1]); }));
    all.push_back(make({{2, 8, 12, 12}, {16, 8, 3, 3}}, d,
                       [](const Tensors& in) { return conv2d(in[0], in[1], {}, 1, 1); }));
    all.push_back(make({{8, 500}}, d, [](const Tensors& in) { return softmax(in[0], 1); }));
    all.push_back(make({{500, 40}}, d, [](const Tensors& in) { return sum(in[0], {0}); }));
    all.push_back(make({{40, 500}}, d, [](const Tensors& in) { return sum(in[0], {1}); }));
    all.push_back(make({{40, 500}}, d, [](const Tensors& in) { return argmax(in[0], 1); }));
    all.push_back(make({{64, 96}, {96, 64}}, d,
                       [](const Tensors& in) { return in[0].transpose(0, 1) * in[1]; }));
  }
  for (std::uint64_t seed = 0; seed < 30; ++seed)
    all.push_back(run_passes(RandomGraph(seed).make(15)));
  return all;
}

TEST(GpuLimits, KernelsKeepToTheTarget) {
  const std::vector<Graph> all = graphs();
  for (const auto& [threads, bytes] : std::vector<std::pair<int, std::int64_t>>{
           {32, 1 << 10}, {32, 4 << 10}, {64, 2 << 10}, {256, 4 << 10}, {256, 48 << 10}}) {
    for (const Graph& g : all) {
      const GpuPlan plan(g, target(threads, bytes));
      for (const schedule::LaunchPlan& l : plan.plan.launches) {
        if (l.kernel.threads == 0) continue;
        kir::verify(l.kernel);
        const kir::Kernel* list[] = {&l.kernel};
        const codegen::c::Source source = codegen::c::print(list, codegen::opencl::kDialect, {});
        const codegen::c::Entry& entry = source.kernels[0][0];
        EXPECT_LE(entry.threads, threads) << l.what << ": " << l.how;
        EXPECT_LE(entry.local_bytes, bytes) << l.what << ": " << l.how;
      }
    }
  }
}

}  // namespace
}  // namespace lilith::testing
