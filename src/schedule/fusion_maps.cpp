#include <algorithm>

#include "schedule/fuser.h"
#include "schedule/reduction.h"

namespace lilith::schedule {

using ir::NodeImpl;

const Shape& Fuser::domain_of(const NodeImpl* n) {
  return n->op->cls == OpClass::Reduction ? n->inputs[0]->aval.shape : n->aval.shape;
}

bool Fuser::independent(const Group& g, NodeImpl* n) const {
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

bool Fuser::reaches_pointwise(NodeImpl* top, NodeImpl* r, const Group& g) const {
  if (top == r || !a_.depends(top, r)) return true;
  if (std::find(g.stores.begin(), g.stores.end(), top) != g.stores.end()) return true;
  if (stored(top) || top->op->cls != OpClass::Elementwise || top->aval.shape != r->aval.shape)
    return false;
  return std::all_of(top->inputs.begin(), top->inputs.end(),
                     [&](NodeImpl* in) { return reaches_pointwise(in, r, g); });
}

bool Fuser::shares_input(const Group& g, NodeImpl* n) const {
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

bool Fuser::same_axes(const Group& g, const NodeImpl* n) {
  if (n->op->cls != OpClass::Reduction || g.reduces.empty()) return true;
  return g.reduces[0]->attrs.ints("axes") == n->attrs.ints("axes");
}

void Fuser::maps() {
  std::vector<std::size_t> open;  // groups of maps that may still grow
  for (NodeImpl* n : a_.order()) {
    if (!stored(n) || grouped(n) || (n->is_leaf() && !is_constant(n))) continue;
    in_group_[static_cast<std::size_t>(a_.index(n))] = true;
    if (n->op->cls == OpClass::Scatter) {
      fusion_.groups.push_back({Group::Kind::Scatter, {n}, {}, n, n->aval.shape});
      continue;
    }
    const bool reduce = n->op->cls == OpClass::Reduction;
    bool joined = false;
    for (const std::size_t k : open) {
      if (!wide_) break;
      Group& g = fusion_.groups[k];
      if (g.domain == domain_of(n) && g.results().size() < 8 && same_axes(g, n) &&
          independent(g, n) && !is_arg_reduction(n) && !acyclic_break(k, n) && shares_input(g, n)) {
        (reduce ? g.reduces : g.stores).push_back(n);
        joined = true;
        break;
      }
    }
    if (joined) continue;
    Group g;
    g.domain = domain_of(n);
    (reduce ? g.reduces : g.stores).push_back(n);
    fusion_.groups.push_back(std::move(g));
    if (!is_arg_reduction(n)) open.push_back(fusion_.groups.size() - 1);
  }
}

bool Fuser::acyclic_break(std::size_t k, NodeImpl* n) const {
  const Group& g = fusion_.groups[k];
  std::vector<NodeImpl*> reads;
  collect_reads(n, &reads);
  for (NodeImpl* r : g.results()) {
    for (NodeImpl* x : reads) {
      const bool inside = std::find(g.stores.begin(), g.stores.end(), x) != g.stores.end();
      if (!inside && a_.depends(x, r)) return true;
    }
    for (const NodeImpl* u : a_.order()) {
      if (u != r && u != n && stored(u) && a_.depends(u, n) && a_.depends(r, u)) return true;
    }
  }
  return mutual_break(g, n);
}

bool Fuser::mutual_break(const Group& g, NodeImpl* n) const {
  for (const Group& other : fusion_.groups) {
    if (&other == &g) continue;
    bool needs_g = false, needed = false;
    for (NodeImpl* o : other.results()) {
      for (NodeImpl* r : g.results()) {
        needs_g = needs_g || a_.depends(o, r);
        needed = needed || a_.depends(r, o);
      }
      needed = needed || a_.depends(n, o);
      needs_g = needs_g || a_.depends(o, n);
    }
    if (needs_g && needed) return true;
  }
  return false;
}

}  // namespace lilith::schedule
