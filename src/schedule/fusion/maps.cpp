#include <algorithm>

#include "schedule/fusion/fuser.h"
#include "schedule/kernel/reduction.h"

namespace lilith::schedule {

using ir::NodeImpl;

const Shape& Fuser::domain_of(const NodeImpl* n) {
  return n->op->cls == OpClass::Reduction ? n->inputs[0]->aval.shape : n->aval.shape;
}

bool Fuser::independent(const Map& g, NodeImpl* n) const {
  for (NodeImpl* r : g.results()) {
    const bool direct = r->op->cls != OpClass::Reduction &&
                        (n->op->cls == OpClass::Reduction || n->op->cls == OpClass::Elementwise) &&
                        std::all_of(n->inputs.begin(), n->inputs.end(),
                                    [&](NodeImpl* in) { return reaches_pointwise(in, r, g); });
    if (!direct && (a_.depends(n, r) || a_.depends(r, n))) return false;
    if (direct && a_.depends(r, n)) return false;
  }
  return true;
}

bool Fuser::reaches_pointwise(NodeImpl* top, NodeImpl* r, const Map& g) const {
  if (top == r || !a_.depends(top, r)) return true;
  if (std::find(g.stores.begin(), g.stores.end(), top) != g.stores.end()) return true;
  if (stored(top) || top->op->cls != OpClass::Elementwise || top->aval.shape != r->aval.shape)
    return false;
  return std::all_of(top->inputs.begin(), top->inputs.end(),
                     [&](NodeImpl* in) { return reaches_pointwise(in, r, g); });
}

bool Fuser::shares_input(const Map& g, NodeImpl* n) const {
  std::vector<NodeImpl*> mine, theirs;
  for (NodeImpl* r : g.results()) collect_reads(r, &theirs);
  for (NodeImpl* r : g.stores) theirs.push_back(r);
  collect_reads(n, &mine);
  return std::any_of(mine.begin(), mine.end(), [&](NodeImpl* m) {
    return m->aval.numel() > 1 && std::find(theirs.begin(), theirs.end(), m) != theirs.end();
  });
}

void Fuser::collect_reads(NodeImpl* n, std::vector<NodeImpl*>* out) const {
  for (NodeImpl* in : n->inputs) {
    if (std::find(out->begin(), out->end(), in) != out->end()) continue;
    if (stored(in))
      out->push_back(in);
    else
      collect_reads(in, out);
  }
}

bool Fuser::same_axes(const Map& g, const NodeImpl* n) {
  if (n->op->cls != OpClass::Reduction || g.reduces.empty()) return true;
  return g.reduces[0]->attrs.ints("axes") == n->attrs.ints("axes");
}

void Fuser::maps() {
  std::vector<std::size_t> open;  // groups of maps that may still grow
  for (NodeImpl* n : a_.order()) {
    if (!stored(n) || grouped(n) || (n->is_leaf() && !is_constant(n))) continue;
    in_group_[static_cast<std::size_t>(a_.index(n))] = true;
    if (n->op->cls == OpClass::Scatter) {
      fusion_.groups.push_back(Scatter{n});
      continue;
    }
    const bool reduce = n->op->cls == OpClass::Reduction;
    bool joined = false;
    for (const std::size_t k : open) {
      if (!wide_) break;
      if (!may_join(k, n)) continue;
      Map& g = std::get<Map>(fusion_.groups[k]);
      (reduce ? g.reduces : g.stores).push_back(n);
      joined = true;
      break;
    }
    if (joined) continue;
    Map g{domain_of(n), {}, {}};
    (reduce ? g.reduces : g.stores).push_back(n);
    fusion_.groups.push_back(std::move(g));
    if (!is_arg_reduction(n)) open.push_back(fusion_.groups.size() - 1);
  }
}

bool Fuser::may_join(std::size_t k, NodeImpl* n) const {
  const Map& g = std::get<Map>(fusion_.groups[k]);
  return g.domain == domain_of(n) && g.results().size() < 8 && same_axes(g, n) &&
         !is_arg_reduction(n) && independent(g, n) && shares_input(g, n) &&
         !reads_through_others(g, n) && !stands_between(k, n);
}

bool Fuser::reads_through_others(const Map& g, NodeImpl* n) const {
  std::vector<NodeImpl*> reads;
  collect_reads(n, &reads);
  for (NodeImpl* x : reads) {
    if (std::find(g.stores.begin(), g.stores.end(), x) != g.stores.end()) continue;
    for (NodeImpl* r : g.results()) {
      if (a_.depends(x, r)) return true;
    }
  }
  return false;
}

bool Fuser::stands_between(std::size_t k, NodeImpl* n) const {
  Nodes joined = results_of(fusion_.groups[k]);
  joined.push_back(n);
  for (std::size_t m = 0; m < fusion_.groups.size(); ++m) {
    if (m == k) continue;
    bool needs = false, needed = false;
    for (NodeImpl* o : results_of(fusion_.groups[m])) {
      for (NodeImpl* j : joined) {
        needs = needs || a_.depends(o, j);
        needed = needed || a_.depends(j, o);
      }
    }
    if (needs && needed) return true;
  }
  return false;
}

}  // namespace lilith::schedule
