#include "schedule/schedule.h"

#include <algorithm>
#include <optional>

#include "core/env.h"
#include "core/phases.h"
#include "schedule/backends.h"
#include "schedule/barriers.h"
#include "schedule/choose.h"
#include "schedule/cpu/streams.h"
#include "schedule/fusion/fusion.h"
#include "schedule/gpu/side_by_side.h"
#include "schedule/memory_plan.h"
#include "schedule/once.h"
#include "schedule/plan_record.h"

namespace lilith::schedule {
namespace {

// By input: runs are likely to find it as the last one did, as inference finds weights: no result
// is like it, as its gradient or its update would be.
std::vector<bool> likely_to_stay(const Graph& g) {
  std::vector<bool> stays;
  for (const Tensor& in : g.inputs())
    stays.push_back(std::ranges::none_of(
        g.outputs(), [&](const Tensor& out) { return out.aval() == in.aval(); }));
  return stays;
}

}  // namespace

Plan make_plan(const Graph& g, const PlanOptions& options) {
  std::optional<PhaseScope> phase(Phase::Fuse);
  const Dataflow dataflow(g);
  const Backends backend(options.target);
  const Fusion fusion = fuse(dataflow, g, backend.rules(), options.donated);
  phase.emplace(Phase::Build);
  Builder builder(g, dataflow, options.target);
  builder.constant = options.constant;
  if (options.keeps_copies) builder.kept = likely_to_stay(g);
  builder.plan_body = [&](const Graph& body, std::vector<bool> constant) {
    return make_plan(body, {.target = options.target,
                            .donated = {},
                            .guard_bytes = 0,
                            .pick = {},
                            .keeps_copies = false,
                            .constant = std::move(constant),
                            .varying = options.varying});
  };
  if (options.target.isa != Isa::Baseline) builder.varying = options.varying;  // which has no masks
  builder.varied = options.varying;
  builder.varying_dims = options.varying_dims;
  const std::vector<Decision> decisions = choose(fusion.groups, backend, options.pick, &builder);
  for (std::size_t k = 0; k < decisions.size(); ++k) {
    const std::size_t first = builder.plan.launches.size();
    emit(decisions[k], &builder);
    for (std::size_t l = first; l < builder.plan.launches.size(); ++l)
      builder.plan.launches[l].decision = static_cast<int>(k);
  }
  Plan plan = std::move(builder).finish(g);
  phase.emplace(Phase::Memory);
  const std::optional<GpuTarget>& gpu = options.target.gpu;
  find_once(&plan, options.constant);
  update_in_place(&plan, options.donated);
  if (gpu && !env::disabled("side_by_side")) gpu::put_side_by_side(&plan, *gpu);
  take_what_is_free(&plan, options.donated, !gpu);
  place_barriers(&plan);
  if (!gpu) part_peaks(&plan);
  if (!gpu && !env::disabled("streams")) stream_large_results(&plan, options.target);
  plan_memory(&plan, options.guard_bytes, gpu ? gpu->spread_bytes : 0);
  record_plan(g, options, plan);
  return plan;
}

}  // namespace lilith::schedule
