#include <algorithm>
#include <array>

#include "schedule/fusion/fuser.h"
#include "schedule/kernel/reduction.h"

namespace lilith::schedule {

using ir::NodeImpl;

const Shape& Fuser::domain_of(const NodeImpl* n) {
  return n->op->cls == OpClass::Reduction ? n->inputs[0]->aval.shape : n->aval.shape;
}

bool Fuser::independent(const Map& g, const Nodes& results, NodeImpl* n) const {
  for (NodeImpl* r : results) {
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

const Fuser::Numbers& Fuser::reads_of(int n) {
  Numbers& reads = reads_[static_cast<std::size_t>(n)];
  if (!reads_known_.add(n)) return reads;
  marks_.clear();
  std::vector<std::pair<int, std::size_t>> stack{{n, 0}};
  while (!stack.empty()) {
    auto& [top, next] = stack.back();
    const std::span<const int> inputs = a_.input_edges().of(top);
    if (next == inputs.size()) {
      stack.pop_back();
      continue;
    }
    const int in = inputs[next++];
    if (!marks_.add(in)) continue;
    if (stored(in))
      reads.push_back(in);
    else
      stack.emplace_back(in, 0);
  }
  return reads;
}

Fuser::Numbers Fuser::reads_of(const Group& g, const Numbers& results) {
  Numbers of = results, reads;
  if (const auto* product = std::get_if<Product>(&g)) of.push_back(a_.index(product->core));
  for (const int n : of) reads_of(n);
  marks_.clear();
  for (const int n : of) {
    for (const int r : reads_of(n)) {
      if (marks_.add(r)) reads.push_back(r);
    }
  }
  return reads;
}

Fuser::Numbers Fuser::numbers_of(const Nodes& nodes) const {
  Numbers out;
  out.reserve(nodes.size());
  for (const NodeImpl* n : nodes) out.push_back(a_.index(n));
  return out;
}

bool Fuser::same_axes(const Map& g, const NodeImpl* n) {
  if (n->op->cls != OpClass::Reduction || g.reduces.empty()) return true;
  return g.reduces[0]->attrs.ints("axes") == n->attrs.ints("axes");
}

void Fuser::maps() {
  for (std::size_t i = 0; i < a_.order().size(); ++i) {
    NodeImpl* n = a_.order()[i];
    if (!fusion_.stored[i] || in_group_[i] || (n->is_leaf() && !is_constant(n))) continue;
    in_group_[i] = true;
    if (n->op->cls == OpClass::Scatter) {
      fusion_.groups.push_back(Scatter{n});
      continue;
    }
    const bool reduce = n->op->cls == OpClass::Reduction;
    std::size_t k = fusion_.groups.size();
    if (const int joined = wide_ ? join_map(n) : -1; joined >= 0) {
      k = static_cast<std::size_t>(joined);
    } else {
      fusion_.groups.push_back(Map{domain_of(n), {}, {}});
    }
    Map& g = std::get<Map>(fusion_.groups[k]);
    (reduce ? g.reduces : g.stores).push_back(n);
    if (is_arg_reduction(n)) continue;
    for (const int r : reads_of(static_cast<int>(i))) note_beside(r, k);
    if (!reduce) note_beside(static_cast<int>(i), k);
  }
}

// What is read for nothing ties no kernels together.
void Fuser::note_beside(int value, std::size_t group) {
  if (node(value)->aval.numel() > 1) beside_[static_cast<std::size_t>(value)].push_back(group);
}

std::vector<std::size_t> Fuser::groups_beside(NodeImpl* n) {
  std::vector<std::size_t> groups;
  for (const int r : reads_of(a_.index(n))) {
    auto& list = beside_[static_cast<std::size_t>(r)];
    std::erase_if(list, [&](std::size_t k) { return full(std::get<Map>(fusion_.groups[k])); });
    for (const std::size_t k : list) {
      const Map& g = std::get<Map>(fusion_.groups[k]);
      if (g.domain == domain_of(n) && same_axes(g, n)) groups.push_back(k);
    }
  }
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  return groups;
}

// Without a search: what is read is in no kernel of the two, and needs a result.
bool Fuser::through_others(const Numbers& reads, int reader, const Numbers& results) const {
  return std::any_of(reads.begin(), reads.end(), [&](int x) {
    return !units_.together(x, results[0]) && !units_.together(x, reader) &&
           std::any_of(results.begin(), results.end(),
                       [&](int r) { return r <= x && a_.depends(node(x), node(r)); });
  });
}

int Fuser::join_map(NodeImpl* n) {
  if (is_arg_reduction(n)) return -1;
  const int i = a_.index(n);
  if (reads_of(i).size() > kMostReads) return -1;
  for (const std::size_t k : groups_beside(n)) {
    const Map& g = std::get<Map>(fusion_.groups[k]);
    const Nodes results = g.results();
    const Numbers numbers = numbers_of(results);
    if (std::any_of(numbers.begin(), numbers.end(),
                    [&](int r) { return reads_of(r).size() > kMostReads; }))
      continue;
    if (!independent(g, results, n) || through_others(reads_of(i), i, numbers)) continue;
    const std::array both = {i, numbers[0]};
    if (units_.join(both, fusion_.stored)) return static_cast<int>(k);
  }
  return -1;
}

}  // namespace lilith::schedule
