#include "schedule/rewrite/prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <mutex>

#include "core/env.h"
#include "core/phases.h"
#include "ir/rebuild.h"
#include "ir/stages.h"
#include "passes/pass_runner.h"
#include "schedule/rewrite/rewrites.h"

namespace lilith::schedule {
namespace {

using Rewrite = Tensor (*)(const Node& n, const std::vector<Tensor>& in);

/// A rewrite of each node of these ops; of none in a graph without `unless`.
std::function<Graph(const ir::Numbered&)> at_each(std::vector<std::string_view> ops,
                                                  Rewrite rewrite, std::string_view unless = "") {
  return [=](const ir::Numbered& g) {
    if (!unless.empty() && !g.has(unless)) return g.graph();
    std::vector<const OpDef*> defs;
    for (const std::string_view op : ops) {
      if (g.has(op)) defs.push_back(find_op(op));
    }
    if (defs.empty()) return g.graph();
    return ir::transform(g, [&](std::size_t n, std::span<ir::NodeImpl* const> inputs) -> Tensor {
      ir::NodeImpl& node = g.node(n);
      if (std::find(defs.begin(), defs.end(), node.op) == defs.end()) return {};
      const LocScope::Override scope(node.loc);
      return rewrite(Node(Tensor(&node)), std::vector<Tensor>(inputs.begin(), inputs.end()));
    });
  };
}

// Names in LILITH_DISABLE that are neither a pass nor a rewrite nor a feature of the schedule, and
// those of rewrites that cannot be left out.
void warn_of_unknown() {
  std::vector<std::string> known = {"fuse",         "rows",        "sparse",      "side_by_side",
                                    "gpu_kernels",  "cuda_graphs", "streams",     "shared_code",
                                    "known_groups", "winograd",    "kept_copies", "borders",
                                    "slabs"};
  for (const passes::Pass& p : passes::pipeline()) known.push_back(p.name);
  for (const passes::Pass& r : rewrites()) {
    if (r.kind != passes::PassKind::Required &&
        std::find(known.begin(), known.end(), r.name) == known.end())
      known.push_back(r.name);
  }
  for (const std::string& name : env::disabled()) {
    if (std::any_of(rewrites().begin(), rewrites().end(), [&](const passes::Pass& r) {
          return r.kind == passes::PassKind::Required && r.name == name;
        }))
      fmt::print(stderr, "lilith: LILITH_DISABLE: '{}' stays: kernels rely on it\n", name);
    else if (std::find(known.begin(), known.end(), name) == known.end())
      fmt::print(stderr, "lilith: LILITH_DISABLE: there is no '{}'; there are: {}\n", name,
                 fmt::join(known, ", "));
  }
}

}  // namespace

const std::vector<passes::Pass>& rewrites() {
  using enum passes::PassKind;
  static const auto* all = new std::vector<passes::Pass>{
      {"conv_phases", at_each({"conv_general"}, split_phases)},
      {"padding", at_each({"conv_general"}, explicit_padding), Required},
      {"windows",
       at_each({"reduce_window_sum", "reduce_window_max", "window_argmax"}, split_windows)},
      {"long_argmax", at_each({"argmax", "argmin"}, split_argmax)},
      {"cse", passes::cse},
      {"relu_masks", test_relu_results},
      {"unpool", at_each({"select", "reduce_sum"}, unpool_last, "unpool"), Own, "sparse"},
      {"cse", passes::cse, Own, "sparse"},
      {"recompute", compute_again},
      {"gets", one_get_each, Required},
  };
  return *all;
}

namespace {

ir::Numbered rewritten(const Graph& g) {
  passes::PassRunner runner{ir::Numbered(g)};
  for (const passes::Pass& r : rewrites()) {
    if (!env::disabled(r.feature)) runner.run(r);
  }
  const ir::Numbered& current = runner.graph();
  return current.next(
      passes::with_bodies(current, [](const Graph& body) { return rewritten(body).graph(); }));
}

}  // namespace

IndexChecks prepare(const Graph& g) {
  const PhaseScope phase(Phase::Prepare);
  static std::once_flag warned;
  std::call_once(warned, warn_of_unknown);
  const ir::Numbered current = rewritten(g);
  IndexChecks all = add_index_checks(current);
  ir::show_stage("prepared", all.graph);
  if (env::debug(3, "schedule")) fmt::print(stderr, "prepared\n{}", all.graph.str());
  return all;
}

}  // namespace lilith::schedule
