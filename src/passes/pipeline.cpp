#include "passes/pipeline.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <mutex>

#include "core/dump.h"
#include "core/env.h"
#include "core/phases.h"
#include "ir/verify.h"
#include "runtime/fork.h"

namespace lilith {
namespace passes {
namespace {

/// The list, in order. Dead nodes need no pass: a graph is what its outputs reach.
std::vector<PassDef> builtin_passes() {
  return {
      {"empty", "", empty},                        // tensors without elements, sums over none
      {"simplify", "", simplify},                  // exact identities
      {"constant_folding", "", constant_folding},  // ops on constants
      {"transposes", "", transposes},              // move transposes until they meet and cancel
      {"cse", "", cse},                            // equal nodes become one
      {"one_hot", "", one_hot},                    // scatters of one value per row
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

bool is_builtin(const std::string& name) {
  const auto all = builtin_passes();
  return std::any_of(all.begin(), all.end(), [&](const PassDef& p) { return p.name == name; });
}

void report(const PassDef& pass, const Graph& before, const Graph& after, double us) {
  const bool changed = !same_program(before, after);
  if (env::debug(2, "passes")) {
    fmt::print(stderr, "pass {:<18} {:8.1f} us  {:5} -> {:5} nodes  {}\n", pass.name, us,
               before.nodes().size(), after.nodes().size(), changed ? "changed" : "unchanged");
  }
  if (changed && env::debug(3, "passes")) fmt::print(stderr, "{}", after.str());
  if (changed && dump::on()) dump::write(pass.name, after.str());
}

/// What differs between the signatures of two graphs; "" if nothing does.
std::string signature_fault(const char* what, const std::vector<Tensor>& before,
                            const std::vector<Tensor>& after) {
  if (before.size() != after.size())
    return fmt::format("the graph has {} {}s, had {}", after.size(), what, before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i].aval() == after[i].aval()) continue;
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
Graph result_of(const PassDef& pass, const Graph& g, PassKind kind) {
  const LocScope::Fallback line(LocScope::current());
  const LocScope::Override own{Loc()};
  try {
    return pass.run(g);
  } catch (const InternalError& e) {
    if (kind != PassKind::Registered) throw;
    throw Error(fmt::format("in pass '{}': {}", pass.name, e.fault()), e.loc());
  }
}

}  // namespace

bool same_program(const Graph& a, const Graph& b) {
  const auto same_node = [](const Tensor& x, const Tensor& y) { return x.node() == y.node(); };
  if (std::equal(a.outputs().begin(), a.outputs().end(), b.outputs().begin(), b.outputs().end(),
                 same_node)) {
    return true;
  }
  return a.hash() == b.hash();
}

Graph run_pass(const PassDef& pass, const Graph& g, PassKind kind) {
  if (kind != PassKind::Required && env::disabled(pass.name)) {
    if (env::debug(2, "passes"))
      fmt::print(stderr, "pass {:<18} skipped: LILITH_DISABLE\n", pass.name);
    return g;
  }
  const auto start = std::chrono::steady_clock::now();
  Graph out = result_of(pass, g, kind);
  const std::chrono::duration<double, std::micro> us = std::chrono::steady_clock::now() - start;
  if (env::debug(2, "passes") || dump::on()) report(pass, g, out, us.count());
  // Callers hold memory of these avals: a change would be read and written out of bounds.
  std::string fault = env::verify() ? ir::find_fault(out) : "";
  if (fault.empty()) fault = signature_fault(g, out);
  if (fault.empty()) return out;
  fault = fmt::format("after pass '{}': {}", pass.name, fault);
  if (kind != PassKind::Registered) throw InternalError("internal error " + fault);
  throw Error(fault);
}

Graph run_pass(const PassDef& pass, const Graph& g) {
  return run_pass(pass, g, is_builtin(pass.name) ? PassKind::Own : PassKind::Registered);
}

std::vector<PassDef> pipeline() {
  std::vector<PassDef> all = builtin_passes();
  const runtime::Busy busy;
  std::lock_guard lock(registered().mutex);
  for (const PassDef& pass : registered().passes) {
    auto at = all.end();
    if (!pass.after.empty()) {
      at = std::find_if(all.begin(), all.end(),
                        [&](const PassDef& p) { return p.name == pass.after; });
      if (at != all.end()) ++at;
    }
    all.insert(at, pass);
  }
  return all;
}

}  // namespace passes

Graph run_passes(const Graph& g) {
  const PhaseScope phase(Phase::Passes);
  Graph current = g;
  const std::vector<PassDef> all = passes::pipeline();
  for (int round = 0; round < passes::kMaxRounds; ++round) {
    const Graph before = current;
    for (const PassDef& pass : all) {
      // A registered pass need not reach a fixed point: it runs once.
      if (round > 0 && !passes::is_builtin(pass.name)) continue;
      current = passes::run_pass(pass, current);
    }
    if (passes::same_program(before, current)) break;
  }
  return current;
}

void register_pass(PassDef pass) {
  LILITH_CHECK(!pass.name.empty() && pass.run, "register_pass: need a name and a run function");
  const runtime::Busy busy;
  const auto all = passes::pipeline();
  const auto exists = [&](const std::string& name) {
    return std::any_of(all.begin(), all.end(), [&](const PassDef& p) { return p.name == name; });
  };
  LILITH_CHECK(!exists(pass.name), "register_pass: there is a pass '{}' already", pass.name);
  LILITH_CHECK(pass.after.empty() || exists(pass.after),
               "register_pass: '{}' is to follow '{}', which does not exist", pass.name,
               pass.after);
  std::lock_guard lock(passes::registered().mutex);
  passes::registered().passes.push_back(std::move(pass));
}

}  // namespace lilith
