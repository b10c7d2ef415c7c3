// Whole programs on a CUDA device against their kernels' interpreter: every bit is equal, whatever
// order of a graph's nodes, of blocks and of threads the (fake) driver takes.
#include <gtest/gtest.h>

#include "core/device_kinds.h"
#include "eval/canonical.h"
#include "eval/launcher.h"
#include "lilith/transforms.h"
#include "passes/pipeline.h"
#include "runtime/device_memory.h"
#include "support/fake_cuda.h"
#include "support/gpu_plan.h"
#include "support/opencl_run.h"
#include "support/random_graph.h"
#include "support/random_net.h"
#include "support/to_storage.h"
#include "support/traced.h"

namespace lilith::testing {
namespace {

/// A plan as the device's programs are planned, with donated inputs where no check forbids it.
struct CudaPlan : GpuPlan {
  explicit CudaPlan(const Graph& optimised) : GpuPlan(optimised) {
    schedule::IndexChecks prepared = schedule::prepare(optimised);
    schedule::PlanOptions options;
    options.target = kind_of(cuda(0)).target(0);
    options.donated.assign(prepared.graph.inputs().size(), prepared.checks.empty());
    plan = schedule::make_plan(prepared.graph, options);
  }
};

/// Runs a plan on the device; its launcher is the one that programs have.
class OnDevice {
 public:
  explicit OnDevice(const CudaPlan& p)
      : plan_(p.plan),
        checks_(p.num_checks),
        placement_(p.plan, p.num_checks, cuda(0)),
        launcher_(kind_of(cuda(0)).launcher(p.plan, 0)) {}

  std::vector<StoragePtr> run(const std::vector<StoragePtr>& inputs, bool donate) {
    std::vector<StoragePtr> there;
    for (const StoragePtr& s : inputs) there.push_back(runtime::copied_to(*s, cuda(0)));
    const std::vector<char> donated(donate ? inputs.size() : 0, 1);
    Instance instance;
    instance.buffers.resize(plan_.buffers.size());
    instance.seen = Storage::allocate((checks_ + 1) * sizeof(std::int64_t), cuda(0));
    const StoragePtr arena = Storage::allocate(plan_.arena_bytes + 1, cuda(0));
    std::vector<StoragePtr> outputs(plan_.outputs.size() - checks_);
    placement_.place(instance, arena, there, donated, outputs);
    launcher_->run(instance);
    placement_.copy_repeated(there, outputs);
    for (StoragePtr& s : outputs) s = runtime::on_host(s);
    return outputs;
  }

 private:
  const schedule::Plan& plan_;
  std::size_t checks_;
  Placement placement_;
  std::unique_ptr<Launcher> launcher_;
};

void check(const std::string& name, const Graph& traced, const std::vector<RefTensor>& values) {
  const CudaPlan plan(run_passes(traced));
  std::vector<StoragePtr> inputs;
  for (const RefTensor& v : values) inputs.push_back(to_storage(v));
  const std::vector<StoragePtr> want = plan.interpret(inputs);
  OnDevice device(plan);
  for (int run = 0; run < 4; ++run) {  // the first one without a graph
    const std::vector<StoragePtr> got = device.run(inputs, run % 2 == 1 && plan.num_checks == 0);
    for (std::size_t o = 0; o < want.size(); ++o) {
      const Tensor& t = traced.outputs()[o];
      const std::int64_t i = codegen::testing::first_difference(
          static_cast<const char*>(want[o]->data()), static_cast<const char*>(got[o]->data()),
          t.dtype(), static_cast<std::size_t>(t.numel()) * size_of(t.dtype()));
      EXPECT_LT(i, 0) << name << ", run " << run << ", output " << o << " " << t.aval().str();
    }
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(CudaPlans, RandomGraphs) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    RandomGraph random(seed, seed % 2 ? kFloat64 : kFloat32);
    const Graph g = random.make(15);
    check("random graph " + std::to_string(seed), g, random.values(g));
  }
}

TEST(CudaPlans, RandomNets) {
  int made = 0;
  for (std::uint64_t seed = 0; made < 6; ++seed) {
    RandomNet net(seed, DType::F32);
    try {
      net.make();
    } catch (const InternalError&) {
      throw;
    } catch (const Error&) {
      continue;  // layers that do not fit
    }
    ++made;
    std::vector<ir::NodeImpl*> roots;
    for (const Tensor& t : net.outputs) roots.push_back(t.node());
    check("random net " + std::to_string(seed),
          driver::copy_graph(driver::canonicalise(roots), net.params), net.values);
  }
}

// The fake device's tensor cores add as the interpreter does, from what a lane's registers hold.
TEST(CudaPlans, ProductsByTensorCores) {
  using Tensors = std::vector<Tensor>;
  std::mt19937 rng(1);
  std::normal_distribution<double> normal;
  const auto gradient = [](const Tensors& in) {
    const auto loss = [&](Tensor x, Tensor w) { return (conv2d(x, w, {}, 1, 1) * in[2]).sum(); };
    auto [value, g] = grad<0, 1>(loss, in[0], in[1]);
    return Tensors{std::get<0>(g), std::get<1>(g)};
  };
  const auto product = [](const Tensors& in) { return Tensors{relu(matmul(in[0], in[1].t()))}; };
  const auto both = [&](const std::string& name, const std::vector<Shape>& shapes, auto f) {
    for (const DType dtype : {DType::F32, DType::F16, DType::BF16}) {
      std::vector<Aval> avals;
      for (const Shape& s : shapes) avals.push_back({s, dtype});
      const Traced t = traced(avals, f);
      const CudaPlan plan(run_passes(t.graph));
      EXPECT_NE(plan.plan.str().find(" warps, mma "), std::string::npos) << plan.plan.str();
      std::vector<RefTensor> values;
      for (const Tensor& in : t.graph.inputs()) {
        values.emplace_back(in.aval());
        for (std::int64_t k = 0; k < in.numel(); ++k) values.back().set(k, normal(rng));
      }
      check(name + " of " + std::string(lilith::name(dtype)), t.graph, values);
    }
  };
  both("product", {{70, 100}, {50, 100}}, product);
  both("gradients of a convolution", {{2, 9, 9, 9}, {20, 9, 3, 3}, {2, 20, 9, 9}}, gradient);
}

}  // namespace
}  // namespace lilith::testing
