#include "eval/program_record.h"

#include "eval/compiled_program.h"
#include "ir/stages.h"
#include "passes/pipeline.h"
#include "schedule/rewrite/prepare.h"

namespace lilith {
namespace {

struct Stages final : ir::StageObserver {
  std::vector<ProgramRecord::Stage> seen;
  void graph(std::string_view stage, const Graph& g) override {
    seen.push_back({std::string(stage), g});
  }
};

// Times belong to a plan: after set_num_threads another one may be made.
bool same_launches(const schedule::Plan* a, const schedule::Plan& b) {
  return a &&
         std::equal(a->launches.begin(), a->launches.end(), b.launches.begin(), b.launches.end(),
                    [](const schedule::LaunchPlan& x, const schedule::LaunchPlan& y) {
                      return x.what == y.what && x.how == y.how;
                    });
}

}  // namespace

std::vector<ProgramRecord> record_program(const std::string& title, const Graph& asked,
                                          const Program& program) {
  // Nodes that passes make are of no line of whoever asks for the page.
  const LocScope::Override no_line{Loc()};
  Stages stages;
  stages.graph("asked", asked);
  const schedule::IndexChecks made = schedule::prepare(run_passes(asked));
  std::vector<ProgramRecord> records;
  if (!made.early.empty()) {
    records.push_back({"checks of indices, before " + title,
                       {{"prepared", made.before}},
                       plan_for(made.before, true, {}),
                       {},
                       target_of(device_of(made.graph))});
  }
  ProgramOptions options;
  options.donatable.assign(asked.inputs().size(), 1);
  ProgramRecord whole{title,
                      std::move(stages.seen),
                      plan_for(made.graph, !made.checks.empty(), options),
                      {},
                      target_of(device_of(made.graph))};
  if (same_launches(program.plan(), whole.plan)) whole.ms = program.stats().kernel_ms;
  records.push_back(std::move(whole));
  return records;
}

}  // namespace lilith
