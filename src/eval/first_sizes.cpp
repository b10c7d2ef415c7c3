#include "eval/first_sizes.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "codegen/shared_code.h"
#include "eval/compiled_program.h"
#include "eval/host_calls.h"
#include "eval/launcher.h"
#include "eval/split.h"
#include "ir/node.h"
#include "passes/pipeline.h"

namespace lilith {
namespace {

using Nodes = std::vector<ir::NodeImpl*>;

bool are_alike(const Nodes& a, const Nodes& b) {
  return std::ranges::equal(a, b, [](const ir::NodeImpl* x, const ir::NodeImpl* y) {
    return x->op == y->op && x->aval.shape.rank() == y->aval.shape.rank();
  });
}

/// Notes where dimensions differ; whether some do that did not before.
bool compare(const Nodes& a, const Nodes& b, std::vector<bool>* varies) {
  std::size_t at = 0;
  bool more = false;
  for (std::size_t k = 0; k < a.size(); ++k) {
    for (int d = 0; d < a[k]->aval.shape.rank(); ++d, ++at) {
      if (at == varies->size()) varies->push_back(false);
      if ((*varies)[at] || a[k]->aval.shape[d] == b[k]->aval.shape[d]) continue;
      (*varies)[at] = more = true;
    }
  }
  return more;
}

std::shared_ptr<const schedule::VaryingDims> dims_of(const Nodes& nodes,
                                                     const std::vector<bool>& varies) {
  auto dims = std::make_shared<schedule::VaryingDims>(nodes.size());
  std::size_t at = 0;
  for (const ir::NodeImpl* n : nodes) {
    std::uint64_t some = 0;
    for (int d = 0; d < n->aval.shape.rank(); ++d, ++at)
      some |= static_cast<std::uint64_t>(varies[at]) << d;
    dims->insert(n, some);
  }
  return dims;
}

void show(const FirstProgram& first, const ProgramOptions& like,
          std::shared_ptr<const schedule::VaryingDims> dims) {
  ProgramOptions options = like;
  options.family.varying = like.family.first_varying;
  options.varying_dims = std::move(dims);
  options.pick = {};
  const schedule::Plan plan =
      plan_for(first.prepared->graph, !first.prepared->checks.empty(), options);
  codegen::show_code(plan.family, kernels_of(plan));
}

/// False where it lies on several devices.
bool prepare(FirstProgram& first) {
  const Graph g = calls_on_host(run_passes(*std::exchange(first.graph, {})));
  if (!is_on_one_device(g)) return false;
  first.prepared = schedule::prepare(g);
  return true;
}

}  // namespace

std::shared_ptr<const schedule::VaryingDims> compare_with_first(const Graph& prepared,
                                                                const ProgramOptions& options) {
  if (!options.family.first || target_of(device_of(prepared)).gpu) return nullptr;
  FirstProgram& first = *options.family.first;
  const std::lock_guard lock(first.mutex);
  try {
    if (options.family.is_ahead && !first.prepared) throw ShowsMore();
    if (!first.prepared && (!first.graph || !prepare(first))) return nullptr;
    const Nodes before = ir::topological_order(first.prepared->graph.outputs()),
                now = ir::topological_order(prepared.outputs());
    if (!are_alike(before, now)) return nullptr;
    std::vector<bool> varies = first.varies;
    const bool more = compare(before, now, &varies);
    if (more && options.family.is_ahead) throw ShowsMore();
    first.varies = std::move(varies);
    if (more) show(first, options, dims_of(before, first.varies));
    return dims_of(now, first.varies);
  } catch (const InternalError&) {
    throw;
  } catch (const Error&) {  // of a pass or a rule that takes no such sizes: said where it was asked
    first.prepared.reset();
    return nullptr;
  }
}

}  // namespace lilith
