#include "schedule/fusion/epilogues.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "schedule/kernel/border.h"
#include "schedule/kernel/turned.h"

namespace lilith::schedule {

using ir::NodeImpl;

namespace {

constexpr std::size_t kMostPointwise = 16;  // before a pooling
constexpr std::size_t kMostNodes = 64;      // of a kernel
// Flops that are sooner spent again than a value comes from memory: those of a tanh and what the
// gradient of a gelu has around it.
constexpr double kRecomputed = 32;

bool is_contraction(const NodeImpl* n) { return n->op->cls == OpClass::Contraction; }

bool is_pointwise(const NodeImpl* n, const Shape& shape) {
  return n->op->cls == OpClass::Elementwise && n->aval.shape == shape;
}

bool same_windows(const NodeImpl* x, const NodeImpl* y) {
  return x->aval.shape == y->aval.shape && x->attrs.ints("window") == y->attrs.ints("window");
}

bool contains(const Nodes& nodes, const NodeImpl* n) {
  return std::find(nodes.begin(), nodes.end(), n) != nodes.end();
}

}  // namespace

Epilogues::Epilogues(const FusionRules& rules, const SparseProducts& sparse, bool wide,
                     FusionState& state)
    : rules_(rules),
      sparse_(sparse),
      wide_(wide),
      s_(state),
      a_(state.dataflow()),
      levels_(a_),
      leaning_(a_.order().size(), 0) {}

void Epilogues::run() {
  // Later products first: what two of them feed belongs to the later one.
  for (auto it = a_.order().rbegin(); it != a_.order().rend(); ++it) {
    if (is_contraction(*it)) add_group(*it);
  }
}

void Epilogues::add_group(NodeImpl* core) {
  Inside inside = inside_of(core);
  Numbers numbers;
  for (const NodeImpl* n : inside.nodes) numbers.push_back(a_.index(n));
  if (!s_.join(numbers)) inside = {{core}};
  NodeImpl* pool = inside.pooled > 0 ? inside.nodes[inside.pooled] : nullptr;
  // What only the epilogue itself uses stays in registers.
  const bool core_escapes = !wide_ || escapes(core, inside);
  settle_stores(inside, core_escapes);
  const bool core_stored = core_escapes || inside.nodes.size() == 1;
  if (!core_stored) s_.set_stored(core, false);
  Product g{core, (pool ? pool : core)->aval.shape, {}, pool, sparse_.of(core)};
  for (NodeImpl* n : inside.nodes) {
    if (n == core ? core_stored : s_.stored(n)) g.stores.push_back(n);
    if (n == core || s_.stored(n)) s_.set_grouped(n);
  }
  add_copies(&g);
  s_.add(std::move(g));
}

// What is stored for nothing else than to be padded or transposed is stored in its place.
void Epilogues::add_copies(Product* g) {
  if (!wide_ || !rules_.stores_copies() || g->pool != nullptr || g->sparse) return;
  for (NodeImpl*& n : g->stores) {
    const auto users = a_.users(n);
    if (a_.is_row_major(n) || users.size() != 1) continue;
    NodeImpl* copy = users[0];
    if (!s_.stored(copy) || !s_.is_free(copy)) continue;
    if (adds_border(copy) ? a_.is_row_major(copy) : turned_order(copy).empty()) continue;
    const Numbers both{a_.index(g->core), a_.index(copy)};
    if (!s_.join(both)) continue;
    s_.set_stored(n, false);
    s_.set_grouped(copy);
    n = copy;
  }
}

bool Epilogues::Inside::contains(const NodeImpl* n) const { return schedule::contains(nodes, n); }

Epilogues::Inside Epilogues::inside_of(NodeImpl* core) const {
  Inside inside{{core}};
  if (!wide_) return inside;
  if (!sparse_.of(core)) {
    if (Inside pooled = up_to_pooling(core); !pooled.nodes.empty()) inside = std::move(pooled);
  }
  for (std::size_t k = inside.pooled; k < inside.nodes.size(); ++k) {
    for (NodeImpl* u : a_.users(inside.nodes[k])) {
      if (inside.nodes.size() < kMostNodes && !inside.contains(u) &&
          may_follow(inside.nodes[k], u, inside))
        inside.nodes.push_back(u);
    }
  }
  return inside;
}

Epilogues::Inside Epilogues::up_to_pooling(NodeImpl* core) const {
  Inside before{{core}};
  Nodes pools;
  for (std::size_t k = 0; k < before.nodes.size(); ++k) {
    NodeImpl* n = before.nodes[k];
    if (a_.is_output(n) || before.nodes.size() > kMostPointwise) return {};
    for (NodeImpl* u : a_.users(n)) {
      if (contains(u->op->cls == OpClass::Window ? pools : before.nodes, u)) continue;
      if (may_follow(n, u, before))
        before.nodes.push_back(u);
      else if (rules_.pools(core, u) && s_.is_free(u) &&
               (pools.empty() || same_windows(pools[0], u)))
        pools.push_back(u);
      else
        return {};
    }
  }
  if (pools.empty()) return {};
  before.pooled = before.nodes.size();
  before.nodes.insert(before.nodes.end(), pools.begin(), pools.end());
  return before;
}

bool Epilogues::may_follow(const NodeImpl* n, NodeImpl* user, const Inside& inside) const {
  return is_pointwise(user, n->aval.shape) && s_.is_free(user) && !needs_later_value(user, inside);
}

bool Epilogues::needs_later_value(const NodeImpl* u, const Inside& inside) const {
  const NodeImpl* core = inside.nodes[0];
  for (const NodeImpl* in : u->inputs) {
    if (inside.contains(in)) continue;
    if (s_.stored(in)) {
      if (a_.depends(in, core) || s_.needs(in, core)) return true;
      // It is there no sooner than the product itself.
      if (!rules_.kernels_wait() && !in->is_leaf() && levels_.of(in) >= levels_.of(core))
        return true;
      continue;
    }
    // The accumulators of another contraction are out of reach.
    if (is_contraction(in)) return true;
    if (a_.depends(in, core) && !is_pointwise(in, core->aval.shape)) return true;
    if (needs_later_value(in, inside)) return true;
  }
  return false;
}

void Epilogues::settle_stores(const Inside& inside, bool core_stored) {
  const auto begin = inside.nodes.begin() + static_cast<std::ptrdiff_t>(inside.pooled);
  Nodes behind(begin, inside.nodes.end()), kept;
  std::sort(behind.begin(), behind.end(),
            [&](const auto* x, const auto* y) { return a_.index(x) < a_.index(y); });
  std::erase(behind, inside.nodes[0]);
  Stored best = stored_with(inside, behind, core_stored, kept);
  for (NodeImpl* n : behind) {
    if (best.nodes.size() < 2 || best.again.at(n) <= kRecomputed) continue;
    kept.push_back(n);
    Stored fewer = stored_with(inside, behind, core_stored, kept);
    if (fewer.nodes.size() < best.nodes.size())
      best = std::move(fewer);
    else
      kept.pop_back();
  }
  for (auto n = inside.nodes.begin(); n != begin; ++n) {
    if (*n != inside.nodes[0]) s_.set_stored(*n, false);
  }
  for (const NodeImpl* n : behind) {
    s_.set_stored(n, contains(best.nodes, n));
    if (!s_.stored(n) && escapes(n, inside))
      lean_on_inputs(n, best.again.at(n) + leaning_[static_cast<std::size_t>(a_.index(n))]);
  }
}

Epilogues::Stored Epilogues::stored_with(const Inside& inside, const Nodes& behind,
                                         bool core_stored, const Nodes& kept) const {
  Stored out;
  for (std::size_t k = 0; k < inside.pooled; ++k) out.again[inside.nodes[k]] = INFINITY;
  out.again[inside.nodes[0]] = core_stored ? 0 : INFINITY;
  for (NodeImpl* n : behind) {
    double cost = n->op->cost;
    for (auto at = n->inputs.begin(); at != n->inputs.end(); ++at) {
      const NodeImpl* in = *at;
      if (std::find(n->inputs.begin(), at, in) != at) continue;  // a square
      const auto known = out.again.find(in);
      cost += known != out.again.end() ? known->second : s_.stored(in) ? 0 : s_.cost(a_.index(in));
    }
    // What was computed again so far counts on it, and may become dearer, but not without end:
    // else each step of a recurrence would be computed from its beginning.
    const double leaning = leaning_[static_cast<std::size_t>(a_.index(n))];
    const bool must = (s_.stored(n) && !s_.shared(n)) || contains(kept, n) ||
                      (leaning > 0 && leaning + cost > kRecomputed);
    const bool stored = must || (escapes(n, inside) && !cheap_again(n, cost, inside));
    out.again[n] = stored ? 0 : cost;
    if (stored) out.nodes.push_back(n);
  }
  return out;
}

bool Epilogues::escapes(const NodeImpl* n, const Inside& inside) const {
  const auto users = a_.users(n);
  return a_.is_output(n) || !std::all_of(users.begin(), users.end(),
                                         [&](const NodeImpl* u) { return inside.contains(u); });
}

// Others read it element by element, and compute it there sooner than it comes from memory.
bool Epilogues::cheap_again(const NodeImpl* n, double cost, const Inside& inside) const {
  double times = 0;
  for (const NodeImpl* u : a_.users(n)) {
    if (inside.contains(u)) continue;
    if (u->op->cls != OpClass::Elementwise && u->op->cls != OpClass::Reduction) return false;
    ++times;
  }
  return !a_.is_output(n) && cost <= kRecomputed && cost * times <= 2 * kRecomputed;
}

void Epilogues::lean_on_inputs(const NodeImpl* n, double flops) {
  for (const NodeImpl* in : n->inputs) {
    double& leaning = leaning_[static_cast<std::size_t>(a_.index(in))];
    if (s_.stored(in))
      leaning = std::max(leaning, flops);
    else
      lean_on_inputs(in, flops);
  }
}

}  // namespace lilith::schedule
