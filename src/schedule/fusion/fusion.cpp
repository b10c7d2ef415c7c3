#include "schedule/fusion/fusion.h"

#include <algorithm>

#include "core/env.h"
#include "lilith/error.h"
#include "schedule/fusion/fuser.h"
#include "schedule/kernel/strided_view.h"

// Fusion in five steps:
//   1. must_store: what no kernel can compute in place (outputs, reductions, operands of products)
//   2. store_shared: what would be computed too often, or make a kernel too large
//   3. epilogues: what follows a contraction point by point runs on its accumulators
//   4. maps: the rest; stores and reductions over one domain share a kernel
//   5. chains: maps that depend on each other row by row share one too
namespace lilith::schedule {

using ir::NodeImpl;

namespace {

// An expression inlined at every use costs arithmetic; stored it costs a store and loads.
constexpr int kCheap = 4;  // recomputing up to this is always better than a load
constexpr int kMaxInlineCost = 400;
constexpr int kMaxInlineLoads = 24;

}  // namespace

Fuser::Fuser(const Dataflow& a, const Graph& g, const FusionRules& rules,
             const std::vector<bool>& donated, bool wide)
    : a_(a),
      rules_(rules),
      wide_(wide),
      units_(a.input_edges(), a.user_edges()),
      donated_(a.order().size(), false),
      cost_(a.order().size(), 0),
      in_group_(a.order().size(), false),
      output_(a.order().size(), false),
      shared_(a.order().size(), false),
      relied_on_(a.order().size(), false),
      reads_(a.order().size()),
      reads_known_(a.order().size()),
      beside_(a.order().size()),
      marks_(a.order().size()) {
  for (std::size_t i = 0; i < donated.size(); ++i) {
    if (donated[i]) donated_[static_cast<std::size_t>(a.index(g.inputs()[i].node()))] = true;
  }
  for (const Tensor& out : g.outputs())
    output_[static_cast<std::size_t>(a.index(out.node()))] = true;
  fusion_.stored.assign(a.order().size(), false);
}

Fusion Fuser::run() {
  find_sparse();
  must_store();
  store_shared();
  epilogues();
  maps();
  for (Group& g : fusion_.groups) kernels_.push_back(kernel_of(std::move(g)));
  sort_groups();
  if (wide_ && !env::disabled("rows")) chains();
  fusion_.groups.clear();
  for (Kernel& k : kernels_) fusion_.groups.push_back(std::move(k.group));
  return std::move(fusion_);
}

void Fuser::must_store() {
  for (std::size_t i = 0; i < a_.order().size(); ++i) {
    NodeImpl* n = a_.order()[i];
    const OpClass cls = n->op->cls;
    if (n->is_leaf()) {
      if (!is_constant(n) || output_[i]) fusion_.stored[i] = true;
      continue;
    }
    if (output_[i] || cls == OpClass::Reduction || cls == OpClass::Contraction ||
        cls == OpClass::Scatter) {
      fusion_.stored[i] = true;
    }
    // What pools the same input twice (the maximum and where it was) shares a kernel.
    if (cls == OpClass::Window && a_.users(n->inputs[0]).size() > 1) {
      for (const NodeImpl* u : a_.users(n->inputs[0])) {
        if (u != n && u->op->cls == OpClass::Window && u->aval.shape == n->aval.shape) store(n);
      }
    }
    if (cls == OpClass::Contraction) {
      for (NodeImpl* in : n->inputs) {
        if (!listed(in)) store(strided_view(in).base);
      }
    }
  }
}

void Fuser::find_sparse() {
  for (NodeImpl* n : a_.order()) {
    if (n->op->cls != OpClass::Contraction) continue;
    if (auto spec = rules_.sparse(n))
      sparse_[n] = std::make_shared<const SparseSpec>(std::move(*spec));
  }
}

bool Fuser::listed(const NodeImpl* n) const {
  if (sparse_.empty() || a_.is_output(n) || a_.users(n).empty()) return false;
  return std::all_of(a_.users(n).begin(), a_.users(n).end(), [&](const NodeImpl* u) {
    if (u->op->zeros == Zeros::Around && n->op->zeros == Zeros::Beside) return listed(u);
    const auto it = sparse_.find(u);
    if (it == sparse_.end()) return false;
    const auto side = static_cast<std::size_t>(it->second->side);
    return u->inputs[side] == n && u->inputs[1 - side] != n;
  });
}

double Fuser::multiplicity(const NodeImpl* n, const NodeImpl* in) {
  double reads = static_cast<double>(n->aval.numel());
  if (n->op->cls == OpClass::Window) {
    for (const std::int64_t w : n->attrs.ints("window")) reads *= static_cast<double>(w);
  }
  return reads / static_cast<double>(std::max<std::int64_t>(1, in->aval.numel()));
}

void Fuser::store_shared() {
  const std::size_t n = a_.order().size();
  std::vector<double> cost(n, 0);  // where it is read
  std::vector<int> loads(n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    NodeImpl* node = a_.order()[i];
    if (is_constant(node)) continue;
    if (node->is_leaf()) {
      loads[i] = 1;
      continue;
    }
    double c = node->op->cost;
    int l = 0;
    for (const int in : a_.input_edges().of(static_cast<int>(i))) {
      c += cost[static_cast<std::size_t>(in)];
      l += loads[static_cast<std::size_t>(in)];
    }
    cost_[i] = c;
    if (listed(node)) {
      cost[i] = 0;
      continue;
    }
    if (!fusion_.stored[i] &&
        (c > kMaxInlineCost || l > kMaxInlineLoads || too_often(node, c, l))) {
      fusion_.stored[i] = true;
      shared_[i] = true;
    }
    cost[i] = fusion_.stored[i] ? 0 : c;
    loads[i] = fusion_.stored[i] ? 1 : l;
  }
}

bool Fuser::too_often(const NodeImpl* node, double cost, int loads) const {
  if (node->inputs.empty() || all_inputs_constant(node)) return false;  // iota, filled tensors
  double uses = 0;
  for (const NodeImpl* u : a_.users(node))
    uses += listed(u) ? 1.0 : std::max(1.0, multiplicity(u, node));
  if (uses <= 1.01) return false;
  // A scalar-like value that is broadcast is computed once per loop nest anyhow, when it is
  // small.
  const bool is_view = node->op->cls == OpClass::View;
  if (is_view && loads <= 1 && cost <= kCheap) return false;
  return (cost - kCheap) * (uses - 1) >
             6 * (uses + 1) / std::max(1.0, static_cast<double>(loads)) ||
         loads > 4;
}

bool Fuser::all_inputs_constant(const NodeImpl* n) {
  return std::all_of(n->inputs.begin(), n->inputs.end(), is_constant);
}

Fusion fuse(const Dataflow& a, const Graph& g, const FusionRules& rules,
            const std::vector<bool>& donated) {
  return Fuser(a, g, rules, donated, !env::disabled("fuse")).run();
}

}  // namespace lilith::schedule
