#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "schedule/fusion/fuser.h"

namespace lilith::schedule {

using ir::NodeImpl;

bool Fuser::pointwise_after(const NodeImpl* n, const NodeImpl* user) const {
  return user->op->cls == OpClass::Elementwise && user->aval.shape == n->aval.shape;
}

bool Fuser::needs_later_value(NodeImpl* u, NodeImpl* core,
                              const std::vector<NodeImpl*>& inside) const {
  for (NodeImpl* in : u->inputs) {
    if (std::find(inside.begin(), inside.end(), in) != inside.end()) continue;
    if (stored(in)) {
      if (a_.depends(in, core) || units_.needs(a_.index(in), a_.index(core))) return true;
      continue;
    }
    // The accumulators of another contraction are out of reach.
    if (in->op->cls == OpClass::Contraction) return true;
    if (a_.depends(in, core) &&
        (in->op->cls != OpClass::Elementwise || in->aval.shape != core->aval.shape)) {
      return true;
    }
    if (needs_later_value(in, core, inside)) return true;
  }
  return false;
}

void Fuser::epilogues() {
  // Later contractions first: what two of them feed belongs to the later one.
  for (auto it = a_.order().rbegin(); it != a_.order().rend(); ++it) {
    if ((*it)->op->cls == OpClass::Contraction) epilogue(*it);
  }
}

std::vector<NodeImpl*> Fuser::up_to_pooling(NodeImpl* core, std::size_t* pointwise) const {
  std::vector<NodeImpl*> before{core}, pools;
  for (std::size_t k = 0; k < before.size(); ++k) {
    NodeImpl* n = before[k];
    if (a_.is_output(n) || before.size() > 16) return {};
    for (NodeImpl* u : a_.users(n)) {
      const auto& list = u->op->cls == OpClass::Window ? pools : before;
      if (std::find(list.begin(), list.end(), u) != list.end()) continue;
      if (pointwise_after(n, u) && is_free(u) && !needs_later_value(u, core, before))
        before.push_back(u);
      else if (rules_.pools(core, u) && is_free(u) && (pools.empty() || like(pools[0], u)))
        pools.push_back(u);
      else
        return {};
    }
  }
  if (pools.empty()) return {};
  *pointwise = before.size();
  before.insert(before.end(), pools.begin(), pools.end());
  return before;
}

bool Fuser::like(const NodeImpl* x, const NodeImpl* y) {
  return x->aval.shape == y->aval.shape && x->attrs.ints("window") == y->attrs.ints("window");
}

std::vector<NodeImpl*> Fuser::inside_epilogue(NodeImpl* core, std::size_t* first) const {
  std::vector<NodeImpl*> inside{core};
  if (!wide_) return inside;
  if (!sparse_.contains(core)) {
    if (auto pooled = up_to_pooling(core, first); !pooled.empty()) inside = std::move(pooled);
  }
  for (std::size_t k = *first; k < inside.size(); ++k) {
    for (NodeImpl* u : a_.users(inside[k])) {
      if (inside.size() < 64 && std::find(inside.begin(), inside.end(), u) == inside.end() &&
          pointwise_after(inside[k], u) && is_free(u) && !needs_later_value(u, core, inside)) {
        inside.push_back(u);
      }
    }
  }
  return inside;
}

bool Fuser::escapes(const NodeImpl* n, const std::vector<NodeImpl*>& inside) const {
  return a_.is_output(n) || std::any_of(a_.users(n).begin(), a_.users(n).end(), [&](auto* u) {
           return std::find(inside.begin(), inside.end(), u) == inside.end();
         });
}

// Others read it element by element, and compute it there sooner than it comes from memory.
bool Fuser::cheap_again(const NodeImpl* n, double cost,
                        const std::vector<NodeImpl*>& inside) const {
  double times = 0;
  for (const NodeImpl* u : a_.users(n)) {
    if (std::find(inside.begin(), inside.end(), u) != inside.end()) continue;
    if (u->op->cls != OpClass::Elementwise && u->op->cls != OpClass::Reduction) return false;
    ++times;
  }
  return !a_.is_output(n) && cost <= kRecomputed && cost * times <= 2 * kRecomputed;
}

// Settles what an epilogue stores. What escapes but is cheap to compute from what is stored is not:
// who reads it computes it again.
void Fuser::store_epilogue(const std::vector<NodeImpl*>& inside, std::size_t first,
                           bool core_stored) {
  std::unordered_map<const NodeImpl*, double> again;  // flops to compute it from what is stored
  std::vector<NodeImpl*> behind(inside.begin() + static_cast<std::ptrdiff_t>(first), inside.end());
  for (std::size_t k = 0; k < std::max<std::size_t>(first, 1); ++k) {
    again[inside[k]] = k == 0 && core_stored ? 0 : INFINITY;
    if (k > 0) fusion_.stored[static_cast<std::size_t>(a_.index(inside[k]))] = false;
  }
  std::sort(behind.begin(), behind.end(),
            [&](const auto* x, const auto* y) { return a_.index(x) < a_.index(y); });
  for (const NodeImpl* n : behind) {
    if (n == inside[0]) continue;
    const auto i = static_cast<std::size_t>(a_.index(n));
    double cost = n->op->cost;
    for (const NodeImpl* in : n->inputs) {
      const auto known = again.find(in);
      const auto k = static_cast<std::size_t>(a_.index(in));
      cost += known != again.end() ? known->second : stored(in) ? 0 : cost_[k];
    }
    const bool must = (stored(n) && !shared_[i]) || relied_on_[i], wanted = escapes(n, inside);
    fusion_.stored[i] = must || (wanted && !cheap_again(n, cost, inside));
    again[n] = fusion_.stored[i] ? 0 : cost;
    if (wanted && !stored(n)) rely_on_inputs(n);
  }
}

// What is computed again counts on what is stored now: else it would lean on what leans on others
// in turn, step by step through a recurrence.
void Fuser::rely_on_inputs(const NodeImpl* n) {
  for (const NodeImpl* in : n->inputs) {
    const auto i = static_cast<std::size_t>(a_.index(in));
    if (stored(in))
      relied_on_[i] = true;
    else
      rely_on_inputs(in);
  }
}

void Fuser::epilogue(NodeImpl* core) {
  std::size_t first = 0;  // of what may be stored
  std::vector<NodeImpl*> inside = inside_epilogue(core, &first);
  std::vector<int> indices;
  for (const NodeImpl* n : inside) indices.push_back(a_.index(n));
  if (!units_.join(indices, fusion_.stored)) {
    inside = {core};
    first = 0;
  }
  NodeImpl* pool = first > 0 ? inside[first] : nullptr;
  // What only the epilogue itself uses stays in registers.
  const bool core_escapes = !wide_ || escapes(core, inside);
  store_epilogue(inside, first, core_escapes);
  Product g{core, (pool ? pool : core)->aval.shape, {}, pool};
  if (const auto it = sparse_.find(core); it != sparse_.end()) g.sparse = it->second;
  for (NodeImpl* n : inside) {
    if (n == core ? core_escapes || inside.size() == 1 : stored(n)) g.stores.push_back(n);
  }
  if (std::find(g.stores.begin(), g.stores.end(), core) == g.stores.end()) {
    fusion_.stored[static_cast<std::size_t>(a_.index(core))] = false;
  }
  for (NodeImpl* n : inside) {
    if (n == core || stored(n)) in_group_[static_cast<std::size_t>(a_.index(n))] = true;
  }
  fusion_.groups.push_back(std::move(g));
}

}  // namespace lilith::schedule
