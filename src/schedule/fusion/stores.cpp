#include "schedule/fusion/stores.h"

#include <algorithm>

#include "ir/host_call.h"
#include "schedule/kernel/strided_view.h"

namespace lilith::schedule {

using ir::NodeImpl;

namespace {

// An expression inlined at every use costs arithmetic; stored it costs a store and loads.
constexpr int kCheap = 4;  // recomputing up to this is always better than a load
constexpr int kMaxInlineCost = 400;
constexpr int kMaxInlineLoads = 24;

// How many elements of `in` one element of its user `n` reads, times how many elements read one.
double multiplicity(const NodeImpl* n, const NodeImpl* in) {
  double reads = static_cast<double>(n->aval.numel());
  if (n->op->cls == OpClass::Window) {
    for (const std::int64_t w : n->attrs.ints("window")) reads *= static_cast<double>(w);
  }
  return reads / static_cast<double>(std::max<std::int64_t>(1, in->aval.numel()));
}

// Of the computations of a value that is spread along the innermost dimension, one serves a whole
// loop: the part of them that an element pays.
double part_computed(NodeImpl* n) {
  if (n->op->cls != OpClass::View || n->inputs.empty() || n->aval.shape.rank() == 0) return 1;
  const std::int64_t elements = n->aval.numel(), of = n->inputs[0]->aval.numel();
  if (of >= elements) return 1;
  const StridedView view = strided_view(n);
  const auto innermost = static_cast<std::size_t>(n->aval.shape.rank() - 1);
  const bool spread =
      std::ranges::all_of(view.coefficient, [&](const auto& by) { return by[innermost] == 0; });
  return spread ? static_cast<double>(of) / static_cast<double>(elements) : 1;
}

bool all_inputs_constant(const NodeImpl* n) {
  return std::all_of(n->inputs.begin(), n->inputs.end(), is_constant);
}

}  // namespace

void Stores::run() {
  must_store();
  store_shared();
}

void Stores::must_store() {
  for (const NodeImpl* n : a_.order()) {
    const OpClass cls = n->op->cls;
    const bool is_call = ir::is_host_function(*n->op);
    if (n->is_leaf()) {
      if (!is_constant(n) || a_.is_output(n)) store(n);
      continue;
    }
    if (cls == OpClass::Reduction || cls == OpClass::Contraction || cls == OpClass::Scatter ||
        a_.is_output(n)) {
      store(n);
    }
    // A loop and a call have their operands and results in memory.
    if (cls == OpClass::Get || (is_call && !n->op->results)) store(n);
    if (cls == OpClass::Loop || is_call) {
      for (const NodeImpl* in : n->inputs) store(in);
    }
    // What pools the same input twice (the maximum and where it was) shares a kernel.
    if (cls == OpClass::Window && a_.users(n->inputs[0]).size() > 1) {
      for (const NodeImpl* u : a_.users(n->inputs[0])) {
        if (u != n && u->op->cls == OpClass::Window && u->aval.shape == n->aval.shape) store(n);
      }
    }
    if (cls == OpClass::Contraction) {
      for (NodeImpl* in : n->inputs) {
        if (sparse_.listed(in)) continue;
        if (sparse_.of(n))
          store(strided_view(in).base);
        else
          for (const NodeImpl* read : operands_.reads(in, n)) store(read);
      }
    }
  }
}

void Stores::store_shared() {
  const std::size_t n = a_.order().size();
  std::vector<double> cost(n, 0);              // where it is read
  std::vector<int> loads(n, 0), walked(n, 0);  // and those that each element needs anew
  std::vector<bool> follows(n, false);         // alone reads a product's value, point by point
  for (std::size_t i = 0; i < n; ++i) {
    NodeImpl* node = a_.order()[i];
    const int number = static_cast<int>(i);
    if (is_constant(node) || node->op->cls == OpClass::Loop || ir::is_host_function(*node->op))
      continue;
    if (node->is_leaf()) {
      loads[i] = walked[i] = 1;
      continue;
    }
    follows[i] = node->op->cls == OpClass::Contraction;
    double c = node->op->cost;
    int l = 0, w = 0;
    for (const int in : a_.input_edges().of(number)) {
      follows[i] = follows[i] ||
                   (follows[static_cast<std::size_t>(in)] &&
                    node->op->cls == OpClass::Elementwise && a_.users(s_.node(in)).size() == 1);
      if (computed_with_another(number, in)) continue;
      c += cost[static_cast<std::size_t>(in)];
      l += loads[static_cast<std::size_t>(in)];
      w += walked[static_cast<std::size_t>(in)];
    }
    const double part = part_computed(node);
    c *= part;
    if (part < 0.25) w = 0;
    s_.set_cost(number, c);
    if (sparse_.listed(node)) {
      cost[i] = 0;
      continue;
    }
    // Where several read what follows a product, it is stored in place of the product.
    const bool in_place = follows[i] && a_.users(node).size() > 1;
    const bool by_product = operands_.computed(number);
    if (!s_.stored(number) && (c > kMaxInlineCost || l > kMaxInlineLoads ||
                               (!by_product && (in_place || too_often(node, c, w))))) {
      s_.store_shared(number);
    }
    cost[i] = s_.stored(number) ? 0 : c;
    loads[i] = s_.stored(number) ? 1 : l;
    walked[i] = s_.stored(number) ? 1 : w;
  }
}

// Another input of the node is computed from this one, as a ReLU's mask is, and counts it.
bool Stores::computed_with_another(int node, int in) const {
  const auto inputs = a_.input_edges().of(node);
  if (inputs.size() > 3) return false;  // no select: what is put together of many
  return std::ranges::any_of(inputs, [&](int other) {
    return other != in && !s_.stored(other) && s_.node(other)->op->cls == OpClass::Elementwise &&
           std::ranges::find(a_.input_edges().of(other), in) != a_.input_edges().of(other).end();
  });
}

bool Stores::too_often(const NodeImpl* n, double cost, int loads) const {
  if (n->inputs.empty() || all_inputs_constant(n)) return false;  // iota, filled tensors
  double uses = 0;
  for (const NodeImpl* u : a_.users(n))
    uses += sparse_.listed(u) ? 1.0 : std::max(1.0, multiplicity(u, n));
  if (uses <= 1.01) return false;
  // A scalar-like value that is broadcast is computed once per loop nest anyhow, when it is
  // small.
  const bool is_view = n->op->cls == OpClass::View;
  if (is_view && loads <= 1 && cost <= kCheap) return false;
  return (cost - kCheap) * (uses - 1) >
             5 * (uses + 1) / std::max(1.0, static_cast<double>(loads)) ||
         loads > 4;
}

}  // namespace lilith::schedule
