#include "eval/tune.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "core/autocast_state.h"
#include "core/env.h"
#include "eval/compiled_program.h"
#include "eval/first_sizes.h"
#include "eval/host_calls.h"
#include "eval/lazy.h"
#include "eval/plan_runner.h"
#include "eval/program_store.h"
#include "eval/split.h"
#include "passes/pipeline.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/way_times.h"

namespace lilith {

std::string TuneReport::str() const {
  return fmt::format("{} of {} kernels take another way: {:.3f} to {:.3f} ms", changed, measured,
                     before_ms, after_ms);
}

namespace {

using Clock = std::chrono::steady_clock;
using Inputs = std::vector<StoragePtr>;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// The least of what a few rounds take; not many where one takes long.
template <class F>
void in_rounds(F&& round) {
  constexpr int kLeast = 3, kMost = 20;
  constexpr double kEnoughMs = 5000;
  const Clock::time_point start = Clock::now();
  for (int k = 0; k < kMost && (k < kLeast || ms_since(start) < kEnoughMs); ++k) round();
}

/// Times each way of each kernel, the ways in turn. A plan that cannot be made is left out, and so
/// is one for which there is no room beside the others.
void measure(const Graph& prepared, bool checked, ProgramOptions options, const Inputs& inputs,
             schedule::WayTimes* times) {
  struct Variant {
    std::size_t number;
    schedule::Plan plan;
    PlanRunner runner;
    Variant(std::size_t number, schedule::Plan made, const Inputs& inputs)
        : number(number), plan(std::move(made)), runner(plan, inputs) {}
    std::vector<double> run() {
      std::vector<double> ms = runner.run();
      runner.outputs.clear();
      return ms;
    }
  };
  std::deque<Variant> variants;
  for (std::size_t v = 0; v == 0 || v < times->variants(); ++v) {
    options.pick = times->variant(v);
    const std::size_t before = variants.size();
    try {
      variants.emplace_back(v, plan_for(prepared, checked, options), inputs);
      variants.back().run();  // the first time warms up
    } catch (const schedule::WayGone&) {
      continue;
    } catch (const DeviceError&) {
      if (v == 0) throw;
      if (variants.size() > before) variants.pop_back();
    }
  }
  if (variants.size() == 1) return;
  in_rounds([&] {
    for (Variant& v : variants) times->add(v.number, v.plan, v.run());
  });
}

/// With the fastest ways; null where they do not go together.
std::shared_ptr<Program> compile_best(const Graph& optimised, ProgramOptions options,
                                      const schedule::WayTimes& times) {
  options.pick = times.best();
  try {
    return Program::compile(optimised, options);
  } catch (const schedule::WayGone&) {
    return nullptr;
  }
}

double run_ms(Program& program, const Inputs& inputs, std::size_t outputs) {
  Inputs out(outputs);
  const Clock::time_point start = Clock::now();
  program.run(inputs, {}, out);
  return ms_since(start);
}

bool can_be_tuned(const Graph& g) {
  return !env::eager() && !g.outputs().empty() && is_on_one_device(g) && device_of(g) == cpu();
}

}  // namespace

Tuned tune_program(const Graph& g, const std::shared_ptr<Program>& program,
                   const ProgramOptions& options, const Inputs& inputs) {
  Tuned tuned;
  if (!can_be_tuned(g)) return tuned;
  run_ms(*program, inputs, g.outputs().size());  // which checks the indices that it reads
  const driver::BuildingScope building;
  const AutocastOff passes;
  const Graph optimised = run_passes(g);
  const schedule::IndexChecks prepared = schedule::prepare(calls_on_host(optimised));
  schedule::WayTimes times;
  ProgramOptions own = options;
  own.varying_dims =  // as make_compiled_program has them
      compare_with_first(prepared.graph, options);
  measure(prepared.graph, !prepared.checks.empty(), own, inputs, &times);
  tuned.report.measured = static_cast<std::int64_t>(times.measured());

  std::shared_ptr<Program> best;
  if (times.changed() > 0) {
    best = compile_best(optimised, options, times);
    if (best) run_ms(*best, inputs, g.outputs().size());
  }
  double before = INFINITY, after = INFINITY;
  in_rounds([&] {
    before = std::min(before, run_ms(*program, inputs, g.outputs().size()));
    if (best) after = std::min(after, run_ms(*best, inputs, g.outputs().size()));
  });
  tuned.report.before_ms = before;
  tuned.report.after_ms = std::min(before, after);
  if (after < before) {  // else it is the noise of single kernels
    tuned.report.changed = static_cast<std::int64_t>(times.changed());
    tuned.program = best;
  }
  keep_tuned_program(g, options, tuned.program ? *tuned.program : *program);
  return tuned;
}

}  // namespace lilith
