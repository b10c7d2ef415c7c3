#include "passes/pipeline.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <mutex>

#include "core/env.h"
#include "core/phases.h"
#include "ir/stages.h"
#include "ir/verify.h"
#include "passes/pass_runner.h"
#include "runtime/fork.h"

namespace lilith {
namespace passes {
namespace {

/// The list, in order. Dead nodes need no pass: a graph is what its outputs reach.
std::vector<Pass> builtin_passes() {
  return {
      {"loops", loops},                        // equal loops, results that nobody reads
      {"empty", empty},                        // tensors without elements, sums over none
      {"simplify", simplify},                  // exact identities
      {"constant_folding", constant_folding},  // ops on constants
      {"unit_dims", unit_dims},                // dimensions of extent 1 get out of the way
      {"transposes", transposes},              // move transposes until they meet and cancel
      {"cse", cse},                            // equal nodes become one
      {"one_hot", one_hot},                    // scatters of one value per row
      {"disjoint_pads", disjoint_pads},        // sums of pads are concatenations
  };
}

constexpr int kMaxRounds = 4;

struct Registered {
  std::mutex mutex;
  std::vector<PassDef> passes;
};
Registered& registered() {
  static Registered* r = new Registered;
  return *r;
}

void report(const Pass& pass, const ir::Numbered& before, const ir::Numbered& after, double us) {
  const bool changed = !same_program(before, after);
  if (env::debug(2, "passes")) {
    fmt::print(stderr, "pass {:<18} {:8.1f} us  {:5} -> {:5} nodes  {}\n", pass.name, us,
               before.size(), after.size(), changed ? "changed" : "unchanged");
  }
  if (changed && env::debug(3, "passes")) fmt::print(stderr, "{}", after.graph().str());
  if (changed) ir::show_stage(pass.name, after.graph());
}

/// What differs between the signatures of two graphs; "" if nothing does.
std::string signature_fault(const char* what, const std::vector<Tensor>& before,
                            const std::vector<Tensor>& after) {
  if (before.size() != after.size())
    return fmt::format("the graph has {} {}s, had {}", after.size(), what, before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i].node() == after[i].node() || before[i].aval() == after[i].aval()) continue;
    return fmt::format("{} {} is {}, was {}", what, i, after[i].aval().str(),
                       before[i].aval().str());
  }
  return "";
}

std::string signature_fault(const Graph& before, const Graph& after) {
  const std::string of_inputs = signature_fault("input", before.inputs(), after.inputs());
  return of_inputs.empty() ? signature_fault("output", before.outputs(), after.outputs())
                           : of_inputs;
}

// What a pass makes of a graph. A registered one is the user's code: new nodes and errors have its
// lines, and what it does wrong is no mistake of Lilith's.
Graph result_of(const Pass& pass, const ir::Numbered& g) {
  const LocScope::Fallback line(LocScope::current());
  const LocScope::Override own{Loc()};
  try {
    return pass.run(g);
  } catch (const InternalError& e) {
    if (pass.kind != PassKind::Registered) throw;
    throw Error(fmt::format("in pass '{}': {}", pass.name, e.fault()), e.loc());
  }
}

}  // namespace

ir::Numbered run_pass(const Pass& pass, const ir::Numbered& g) {
  if (pass.kind != PassKind::Required && env::disabled(pass.name)) {
    if (env::debug(2, "passes"))
      fmt::print(stderr, "pass {:<18} skipped: LILITH_DISABLE\n", pass.name);
    return g;
  }
  const auto start = std::chrono::steady_clock::now();
  ir::Numbered out = g.next(result_of(pass, g));
  const std::chrono::duration<double, std::micro> us = std::chrono::steady_clock::now() - start;
  if (env::debug(2, "passes") || ir::stages_observed()) report(pass, g, out, us.count());
  // Callers hold memory of these avals: a change would be read and written out of bounds.
  std::string fault = env::verify() ? ir::find_fault(out.graph()) : "";
  if (fault.empty()) fault = signature_fault(g.graph(), out.graph());
  if (fault.empty()) return out;
  fault = fmt::format("after pass '{}': {}", pass.name, fault);
  if (pass.kind != PassKind::Registered) throw InternalError("internal error " + fault);
  throw Error(fault);
}

std::vector<Pass> pipeline() {
  std::vector<Pass> all = builtin_passes();
  const runtime::Busy busy;
  std::lock_guard lock(registered().mutex);
  for (const PassDef& pass : registered().passes) {
    auto at = all.end();
    if (!pass.after.empty()) {
      at =
          std::find_if(all.begin(), all.end(), [&](const Pass& p) { return p.name == pass.after; });
      if (at != all.end()) ++at;
    }
    const auto run = [run = pass.run](const ir::Numbered& g) { return run(g.graph()); };
    all.insert(at, {pass.name, run, PassKind::Registered});
  }
  return all;
}

}  // namespace passes

namespace {

// Round after round, until nothing changes. A registered pass need not reach a fixed point: it runs
// once, where it does at all.
ir::Numbered in_rounds(const ir::Numbered& g, bool registered) {
  const std::vector<passes::Pass> all = passes::pipeline();
  passes::PassRunner runner(g);
  for (int round = 0; round < passes::kMaxRounds; ++round) {
    const ir::Numbered before = runner.graph();
    for (const passes::Pass& pass : all) {
      if (pass.kind == passes::PassKind::Registered && (round > 0 || !registered)) continue;
      runner.run(pass);
    }
    if (same_program(before, runner.graph())) break;
  }
  return runner.graph();
}

ir::Numbered optimised(const Graph& g) {
  const ir::Numbered outside = in_rounds(ir::Numbered(g), true);
  const ir::Numbered inside = outside.next(
      passes::with_bodies(outside, [](const Graph& body) { return optimised(body).graph(); }));
  if (inside.is(outside)) return outside;
  // Simpler bodies show more of what need not be in them.
  const ir::Numbered moved = passes::run_pass({"loops", passes::loops}, inside);
  return moved.is(inside) ? inside : in_rounds(moved, false);
}

}  // namespace

Graph run_passes(const Graph& g) {
  const PhaseScope phase(Phase::Passes);
  return optimised(g).graph();
}

void register_pass(PassDef pass) {
  LILITH_CHECK(!pass.name.empty() && pass.run, "register_pass: need a name and a run function");
  const runtime::Busy busy;
  const auto all = passes::pipeline();
  const auto exists = [&](const std::string& name) {
    return std::any_of(all.begin(), all.end(),
                       [&](const passes::Pass& p) { return p.name == name; });
  };
  LILITH_CHECK(!exists(pass.name), "register_pass: there is a pass '{}' already", pass.name);
  LILITH_CHECK(pass.after.empty() || exists(pass.after),
               "register_pass: '{}' is to follow '{}', which does not exist", pass.name,
               pass.after);
  std::lock_guard lock(passes::registered().mutex);
  passes::registered().passes.push_back(std::move(pass));
}

}  // namespace lilith
