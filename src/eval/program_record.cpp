#include "eval/program_record.h"

#include "eval/compiled_program.h"
#include "eval/split.h"
#include "ir/stages.h"
#include "passes/pipeline.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/way_times.h"

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

using Seen = std::vector<ProgramRecord::Stage>;

// What a program that lies on one device runs; its graph is optimised. `seen`: the stages so far.
// `part.program`: what was compiled of it.
std::vector<ProgramRecord> record_part(const std::string& title, const Graph& g, Seen seen,
                                       const ProgramPart& part) {
  Stages stages;
  const schedule::IndexChecks made = schedule::prepare(g);
  seen.insert(seen.end(), stages.seen.begin(), stages.seen.end());
  const schedule::Target target = target_of(device_of(made.graph));
  std::vector<ProgramRecord> records;
  if (!made.early.empty()) {
    records.push_back({"checks of indices, before " + title,
                       {{"prepared", made.before}},
                       plan_for(made.before, true, {}),
                       {},
                       target});
  }
  ProgramOptions options;
  options.donatable = part.donatable;
  if (part.program && part.program->plan()) options.pick = schedule::ways_of(*part.program->plan());
  records.push_back(
      {title, std::move(seen), plan_for(made.graph, !made.checks.empty(), options), {}, target});
  ProgramRecord& whole = records.back();
  if (part.program && same_launches(part.program->plan(), whole.plan))
    whole.ms = part.program->stats().kernel_ms;
  return records;
}

// A program on several devices: its parts, in the order in which they run.
std::vector<ProgramRecord> record_split(const std::string& title, const Graph& g, const Seen& seen,
                                        const Program& program) {
  std::vector<ProgramRecord> records;
  const std::vector<Split::Part> parts = split_by_device(g).parts;
  std::vector<ProgramPart> compiled = program.parts();
  compiled.resize(parts.size());  // an interpreted one has none
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const Split::Part& part = parts[p];
    if (part.outputs.empty()) continue;  // values come from elsewhere, and nothing is computed
    Seen stages = records.empty() ? seen : Seen();
    stages.push_back({"on " + part.device.str(), part.graph});
    for (ProgramRecord& r : record_part(title + " on " + part.device.str(), part.graph,
                                        std::move(stages), compiled[p]))
      records.push_back(std::move(r));
  }
  return records;
}

}  // namespace

std::vector<ProgramRecord> record_program(const std::string& title, const Graph& asked,
                                          const Program& program) {
  // Nodes that passes make are of no line of whoever asks for the page.
  const LocScope::Override no_line{Loc()};
  Seen seen{{"asked", asked}};
  const Graph optimised = [&] {
    Stages stages;
    Graph g = run_passes(asked);
    seen.insert(seen.end(), stages.seen.begin(), stages.seen.end());
    return g;
  }();
  if (!is_on_one_device(optimised)) return record_split(title, optimised, seen, program);
  return record_part(title, optimised, std::move(seen),
                     {&program, std::vector<char>(asked.inputs().size(), 1)});
}

}  // namespace lilith
