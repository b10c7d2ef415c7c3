#include "schedule/rewrite/prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <mutex>

#include "core/dump.h"
#include "core/env.h"
#include "core/phases.h"
#include "passes/pipeline.h"
#include "schedule/rewrite/rewrites.h"

namespace lilith::schedule {
namespace {

template <Tensor (*rewrite)(const Node&, const std::vector<Tensor>&)>
Graph at_each_node(const Graph& g) {
  return transform(g, rewrite);
}

// Names in LILITH_DISABLE that are neither a pass nor a rewrite nor a feature of the schedule.
void warn_of_unknown() {
  std::vector<std::string> known = {"fuse", "rows", "sparse"};
  for (const PassDef& p : passes::pipeline()) known.push_back(p.name);
  for (const Rewrite& r : rewrites()) {
    if (!r.required && std::find(known.begin(), known.end(), r.name) == known.end())
      known.push_back(r.name);
  }
  for (const std::string& name : env::disabled()) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      fmt::print(stderr, "lilith: LILITH_DISABLE: there is no '{}'; there are: {}\n", name,
                 fmt::join(known, ", "));
  }
}

}  // namespace

const std::vector<Rewrite>& rewrites() {
  static const auto* all = new std::vector<Rewrite>{
      {"conv_phases", at_each_node<split_phases>},
      {"padding", at_each_node<explicit_padding>, true},
      {"windows", at_each_node<split_windows>},
      {"long_argmax", at_each_node<split_argmax>},
      {"cse", passes::cse},
      {"relu_masks", test_relu_results},
      {"unpool", at_each_node<unpool_last>, false, "sparse"},
      {"cse", passes::cse, false, "sparse"},
  };
  return *all;
}

IndexChecks prepare(const Graph& g) {
  const PhaseScope phase(Phase::Prepare);
  static std::once_flag warned;
  std::call_once(warned, warn_of_unknown);
  Graph current = g;
  for (const Rewrite& r : rewrites()) {
    if (!env::disabled(r.feature))
      current = passes::run_pass({r.name, "", r.run}, current,
                                 r.required ? passes::PassKind::Required : passes::PassKind::Own);
  }
  IndexChecks all = add_index_checks(current);
  if (dump::on()) dump::write("prepared", all.graph.str());
  if (env::debug(3, "schedule")) fmt::print(stderr, "prepared\n{}", all.graph.str());
  return all;
}

}  // namespace lilith::schedule
