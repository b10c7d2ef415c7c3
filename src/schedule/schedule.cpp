#include "schedule/schedule.h"

#include "schedule/barriers.h"
#include "schedule/cpu/backend.h"
#include "schedule/fusion/fusion.h"
#include "schedule/memory_plan.h"
#include "schedule/plan_record.h"

namespace lilith::schedule {

Plan make_plan(const Graph& g, const PlanOptions& options) {
  const Dataflow dataflow(g);
  const Fusion fusion = fuse(dataflow, g, CpuRules(options.target), options.donated);
  Builder builder(g, dataflow, options.target);
  for (const Group& group : fusion.groups) emit(builder, group);
  Plan plan = std::move(builder).finish(g);
  choose_donors(&plan, options.donated);
  place_barriers(&plan);
  plan_memory(&plan, options.guard_bytes);
  record_plan(g, options, plan);
  return plan;
}

}  // namespace lilith::schedule
