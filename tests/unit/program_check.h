#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "codegen/codegen.h"
#include "eval/canonical.h"
#include "eval/compiled_program.h"
#include "eval/program.h"
#include "ir/node.h"
#include "lilith/graph_names.h"
#include "lilith/ops.h"
#include "passes/pipeline.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"
#include "support/gpu_plan.h"

namespace lilith::testing {

using Inputs = std::vector<Tensor>;

/// The plan for a core whose caches are 48 KiB and 1 MiB, whatever this machine's are.
inline std::string plan_with_caches(const Graph& g) {
  schedule::PlanOptions options;
  options.target = codegen::target();
  options.target.l1_bytes = 48 << 10;
  options.target.l2_bytes = 1 << 20;
  return schedule::make_plan(schedule::prepare(run_passes(g)).graph, options).str();
}

inline StoragePtr random_storage(const Aval& aval, std::mt19937& rng, double low, double high) {
  StoragePtr s = Storage::allocate(std::max<std::size_t>(1, aval.bytes()));
  std::uniform_real_distribution<double> real(low, high);
  for (std::int64_t i = 0; i < aval.numel(); ++i) {
    const double v = real(rng);
    switch (aval.dtype) {
      case DType::F32:
        static_cast<float*>(s->data())[i] = static_cast<float>(v);
        break;
      case DType::F64:
        static_cast<double*>(s->data())[i] = v;
        break;
      case DType::I64:
        static_cast<std::int64_t*>(s->data())[i] = static_cast<std::int64_t>(std::floor(v));
        break;
      case DType::I32:
        static_cast<std::int32_t*>(s->data())[i] = static_cast<std::int32_t>(std::floor(v));
        break;
      case DType::Bool:
        static_cast<bool*>(s->data())[i] = v > (low + high) / 2;
        break;
      default:
        std::memset(s->data(), 0, aval.bytes());
    }
  }
  return s;
}

inline double element(const StoragePtr& s, DType dtype, std::int64_t i) {
  switch (dtype) {
    case DType::F32:
      return static_cast<const float*>(s->data())[i];
    case DType::F64:
      return static_cast<const double*>(s->data())[i];
    case DType::I64:
      return static_cast<double>(static_cast<const std::int64_t*>(s->data())[i]);
    case DType::I32:
      return static_cast<const std::int32_t*>(s->data())[i];
    case DType::U8:
      return static_cast<const std::uint8_t*>(s->data())[i];
    case DType::Bool:
      return static_cast<const bool*>(s->data())[i];
    default:
      return 0;
  }
}

/// Compares the outputs of a graph.
inline void expect_close(const Graph& g, const std::vector<StoragePtr>& want,
                         const std::vector<StoragePtr>& got, double tolerance, const char* what,
                         const std::string& text) {
  for (std::size_t o = 0; o < g.outputs().size(); ++o) {
    const Aval& aval = g.outputs()[o].aval();
    double scale = 1;
    for (std::int64_t i = 0; i < aval.numel(); ++i) {
      const double w = element(want[o], aval.dtype, i);
      if (std::isfinite(w)) scale = std::max(scale, std::abs(w));
    }
    int bad = 0;
    for (std::int64_t i = 0; i < aval.numel() && bad < 4; ++i) {
      const double w = element(want[o], aval.dtype, i), c = element(got[o], aval.dtype, i);
      if (std::isnan(w) && std::isnan(c)) continue;
      if (w == c) continue;
      if (!(std::abs(w - c) <= tolerance * scale)) {
        ADD_FAILURE() << "output " << o << " " << aval.str() << " element " << i << ": " << what
                      << " " << c << ", reference " << w << "\n"
                      << (bad == 0 ? g.str() + text : "");
        ++bad;
      }
    }
  }
}

/// The same graph planned for a GPU, where its kernels are small enough to be interpreted: threads
/// and blocks in either order give the same bits.
inline void check_gpu_plan(const Graph& g, const std::vector<StoragePtr>& in,
                           const std::vector<StoragePtr>& want, double tolerance) {
  constexpr double kMaxFlops = 3e5;
  const GpuPlan plan(g);
  EXPECT_EQ(plan.of_a_cpu(), "") << g.str();
  if (plan.flops() > kMaxFlops) return;
  const auto forwards = plan.interpret(in);
  const auto backwards = plan.interpret(in, {.blocks_backwards = true, .threads_backwards = true});
  for (std::size_t o = 0; o < forwards.size(); ++o)
    EXPECT_EQ(std::memcmp(forwards[o]->data(), backwards[o]->data(), g.outputs()[o].aval().bytes()),
              0)
        << "output " << o << " depends on the order of threads\n"
        << g.str() << plan.plan.str();
  expect_close(g, want, forwards, tolerance, "for a GPU", plan.plan.str());
}

/// Builds f's graph over parameters of these avals and compares the compiled program with the
/// interpreter on random inputs; returns the compiled program.
inline std::shared_ptr<Program> check_program(const std::vector<Aval>& avals,
                                              const std::function<Inputs(const Inputs&)>& f,
                                              double tolerance = 1e-5, double low = -2,
                                              double high = 2) {
  Inputs params;
  for (std::size_t i = 0; i < avals.size(); ++i) {
    params.push_back(
        ir::make_parameter(avals[i], static_cast<std::int64_t>(i), "x" + std::to_string(i)));
  }
  ++ir::trace_depth();  // numbers are constants
  const Inputs outputs = f(params);
  --ir::trace_depth();
  std::vector<ir::NodeImpl*> roots;
  for (const Tensor& t : outputs) roots.push_back(t.node());
  const Graph traced = driver::build_graph(driver::canonicalise(roots));
  const Graph g = run_passes(traced);
  std::mt19937 rng(7);
  std::vector<StoragePtr> all, in;
  for (const Aval& a : avals) all.push_back(random_storage(a, rng, low, high));
  for (const Tensor& t : g.inputs())
    in.push_back(all[static_cast<std::size_t>(std::stoi(Node(t).name().substr(1)))]);
  const auto compiled = make_compiled_program(g, {.donatable = {}, .guard_bytes = 256});
  const auto eager = make_eager_program(traced);
  std::vector<StoragePtr> got(g.outputs().size()), want(g.outputs().size());
  compiled->run(in, {}, got);
  eager->run(in, {}, want);
  expect_close(g, want, got, tolerance, "compiled", compiled->stats().text);
  check_gpu_plan(g, in, want, tolerance);
  return compiled;
}

inline Aval f32(const Shape& s) { return {s, DType::F32}; }

}  // namespace lilith::testing
