#include "schedule/fusion/maps.h"

#include <algorithm>
#include <array>

#include "ir/host_call.h"
#include "schedule/fusion/linked_group.h"
#include "schedule/kernel/reduction.h"

namespace lilith::schedule {

using ir::NodeImpl;

namespace {

constexpr std::size_t kMaxResults = 8;

bool full(const Map& g) { return g.stores.size() + g.reduces.size() >= kMaxResults; }

const Shape& domain_of(const NodeImpl* n) {
  return n->op->cls == OpClass::Reduction ? n->inputs[0]->aval.shape : n->aval.shape;
}

bool same_axes(const Map& g, const NodeImpl* n) {
  if (n->op->cls != OpClass::Reduction || g.reduces.empty()) return true;
  return g.reduces[0]->attrs.ints("axes") == n->attrs.ints("axes");
}

}  // namespace

Maps::Maps(const FusionRules& rules, bool wide, FusionState& state, Reads& reads)
    : rules_(rules),
      wide_(wide),
      s_(state),
      reads_(reads),
      a_(state.dataflow()),
      levels_(a_),
      beside_(state.dataflow().order().size()) {}

void Maps::run() {
  for (std::size_t i = 0; i < a_.order().size(); ++i) {
    NodeImpl* n = a_.order()[i];
    const int number = static_cast<int>(i);
    if (n->op->cls == OpClass::Loop) add_loop(n);
    if (ir::is_host_function(*n->op)) add_call(n);
    if (!s_.stored(number) || s_.grouped(n) || (n->is_leaf() && !is_constant(n))) continue;
    s_.set_grouped(n);
    if (n->op->cls == OpClass::Scatter)
      s_.add(Scatter{n});
    else
      add_to_group(n, number);
  }
}

void Maps::add_loop(NodeImpl* n) {
  Loop loop{n, {}};
  for (NodeImpl* get : a_.users(n)) {
    loop.gets.push_back(get);
    s_.set_grouped(get);
  }
  s_.add(std::move(loop));
}

void Maps::add_call(NodeImpl* n) {
  HostCall call{n, {}};
  if (n->op->results) {
    for (NodeImpl* get : a_.users(n)) call.results.push_back(get);
  } else {
    call.results.push_back(n);
  }
  for (const NodeImpl* result : call.results) s_.set_grouped(result);
  s_.add(std::move(call));
}

void Maps::add_to_group(NodeImpl* n, int number) {
  const bool reduce = n->op->cls == OpClass::Reduction;
  const auto joined = wide_ ? join(n, number) : std::nullopt;
  const std::size_t k = joined ? *joined : s_.add(Map{domain_of(n), {}, {}});
  Map& g = s_.map(k);
  (reduce ? g.reduces : g.stores).push_back(n);
  if (is_arg_reduction(n)) return;
  for (const int r : reads_.of(number)) note_beside(r, k);
  if (!reduce) note_beside(number, k);
}

// What is read for nothing ties no kernels together.
void Maps::note_beside(int value, std::size_t group) {
  if (s_.node(value)->aval.numel() > 1) beside_[static_cast<std::size_t>(value)].push_back(group);
}

std::vector<std::size_t> Maps::groups_beside(NodeImpl* n, int number) {
  std::vector<std::size_t> groups;
  for (const int r : reads_.of(number)) {
    auto& list = beside_[static_cast<std::size_t>(r)];
    std::erase_if(list, [&](std::size_t k) { return full(s_.map(k)); });
    for (const std::size_t k : list) {
      const Map& g = s_.map(k);
      if (g.domain == domain_of(n) && same_axes(g, n)) groups.push_back(k);
    }
  }
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  return groups;
}

std::optional<std::size_t> Maps::join(NodeImpl* n, int number) {
  if (is_arg_reduction(n)) return std::nullopt;
  const Numbers& reads = reads_.of(number);
  if (reads.size() > kMostReads) return std::nullopt;
  for (const std::size_t k : groups_beside(n, number)) {
    const Map& g = s_.map(k);
    const Nodes results = g.results();
    const Numbers numbers = numbers_of(results, a_);
    if (std::any_of(numbers.begin(), numbers.end(),
                    [&](int r) { return reads_.of(r).size() > kMostReads; }))
      continue;
    if (!rules_.kernels_wait() && levels_.before(n) != levels_.before(results[0])) continue;
    if (!independent(g, results, n) || s_.through_others(reads, number, numbers)) continue;
    const std::array both = {number, numbers[0]};
    if (s_.join(both)) return k;
  }
  return std::nullopt;
}

bool Maps::independent(const Map& g, const Nodes& results, const NodeImpl* n) const {
  for (const NodeImpl* r : results) {
    const bool direct = r->op->cls != OpClass::Reduction &&
                        (n->op->cls == OpClass::Reduction || n->op->cls == OpClass::Elementwise) &&
                        std::all_of(n->inputs.begin(), n->inputs.end(), [&](const NodeImpl* in) {
                          return reaches_pointwise(in, r, g);
                        });
    if (!direct && (a_.depends(n, r) || a_.depends(r, n))) return false;
    if (direct && a_.depends(r, n)) return false;
  }
  return true;
}

bool Maps::reaches_pointwise(const NodeImpl* top, const NodeImpl* r, const Map& g) const {
  if (top == r || !a_.depends(top, r)) return true;
  if (std::find(g.stores.begin(), g.stores.end(), top) != g.stores.end()) return true;
  if (s_.stored(top) || top->op->cls != OpClass::Elementwise || top->aval.shape != r->aval.shape)
    return false;
  return std::all_of(top->inputs.begin(), top->inputs.end(),
                     [&](const NodeImpl* in) { return reaches_pointwise(in, r, g); });
}

}  // namespace lilith::schedule
