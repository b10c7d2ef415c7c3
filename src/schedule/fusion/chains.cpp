#include <algorithm>
#include <array>
#include <set>

#include "schedule/fusion/fuser.h"
#include "schedule/kernel/reduction.h"

// Maps that reduce over the same axes of one domain, and what computes with their results:
//   m = max x;  e, s = exp(x - m), sum e;  y = e / s       one chain, over x's rows
// Whether each of them reads its own row alone is seen where the expressions are made
// (cpu/map/row_chain.cpp), which may cut the chain again.
namespace lilith::schedule {

using ir::NodeImpl;

namespace {

constexpr std::size_t kMaxStages = 8;
constexpr double kMaxCost = 4000;  // of a kernel: what LLVM takes grows faster than its size
// The map that a group is, where a chain may hold it.
const Map* chainable(const Group& g) {
  const Map* map = std::get_if<Map>(&g);
  const bool fits = map && std::none_of(map->reduces.begin(), map->reduces.end(), is_arg_reduction);
  return fits ? map : nullptr;
}

}  // namespace

bool Fuser::fits_chain(const Map& head, const Group& group) {
  const Map* g = chainable(group);
  if (!g) return false;
  const auto& axes = head.reduces[0]->attrs.ints("axes");
  if (g->domain == head.domain)
    return g->reduces.empty() || g->reduces[0]->attrs.ints("axes") == axes;
  Shape ones = head.domain, without;
  for (const std::int64_t d : axes) ones[static_cast<int>(d)] = 1;
  for (int d = 0; d < head.domain.rank(); ++d) {
    if (std::find(axes.begin(), axes.end(), d) == axes.end()) without.push_back(head.domain[d]);
  }
  return g->reduces.empty() && (g->domain == ones || g->domain == without);
}

double Fuser::cost_of(const Kernel& k) const {
  double cost = 0;
  for (const int r : k.results) cost += cost_[static_cast<std::size_t>(r)];
  return cost;
}

bool Fuser::join_chain(const std::vector<std::size_t>& members, std::size_t k) {
  const Kernel& one = kernels_[k];
  for (const std::size_t m : members) {
    const Kernel& other = kernels_[m];
    if (through_others(one.reads, one.results[0], other.results) ||
        through_others(other.reads, other.results[0], one.results))
      return false;
  }
  const std::array both = {kernels_[members[0]].results[0], one.results[0]};
  return units_.join(both, fusion_.stored);
}

// Sweeps over the groups that read a result of the chain or make what it reads, in their order,
// until none joins.
std::vector<std::size_t> Fuser::grow_chain(std::size_t head, const Lists& needs,
                                           const Lists& needed_by) {
  const Map& first = std::get<Map>(kernels_[head].group);
  std::vector<std::size_t> members;
  std::set<std::size_t> candidates;
  double cost = 0;
  const auto add = [&](std::size_t k) {
    members.push_back(k);
    cost += cost_of(kernels_[k]);
    chained_[k] = true;
    for (const Lists* lists : {&needs, &needed_by}) {
      for (const std::size_t m : (*lists)[k]) {
        if (!chained_[m] && kernels_[m].reads.size() <= kMostReads &&
            fits_chain(first, kernels_[m].group))
          candidates.insert(m);
      }
    }
  };
  add(head);
  for (bool changed = true; changed;) {
    changed = false;
    for (auto it = candidates.begin(); it != candidates.end() && members.size() < kMaxStages;) {
      const std::size_t k = *it;
      if (cost + cost_of(kernels_[k]) <= kMaxCost && join_chain(members, k)) {
        candidates.erase(it);
        add(k);
        changed = true;
      }
      it = candidates.upper_bound(k);
    }
  }
  chained_[head] = members.size() > 1;
  std::sort(members.begin(), members.end());
  return members;
}

void Fuser::gather_chain(const std::vector<std::size_t>& members) {
  RowChain chain;
  for (const std::size_t k : members) {
    Nodes reads;
    for (const int r : kernels_[k].reads) reads.push_back(node(r));
    chain.stages.push_back({std::move(std::get<Map>(kernels_[k].group)), std::move(reads)});
    kernels_[k] = {Map{}, {}, {}};  // of nothing: leaves the list
  }
  Kernel whole = kernel_of(std::move(chain));
  auto& visible = std::get<RowChain>(whole.group).visible;
  for (const int r : whole.results) {
    if (output_[static_cast<std::size_t>(r)]) visible.push_back(node(r));
  }
  kernels_[members[0]] = std::move(whole);
}

// What others read of a chain's results.
void Fuser::find_visible() {
  const Lists needs = needs_of_groups();
  for (std::size_t k = 0; k < kernels_.size(); ++k) {
    marks_.clear();
    for (const int r : kernels_[k].reads) marks_.add(r);
    for (const std::size_t m : needs[k]) {
      RowChain* chain = std::get_if<RowChain>(&kernels_[m].group);
      if (!chain) continue;
      auto& visible = chain->visible;
      for (const int r : kernels_[m].results) {
        if (marks_.contains(r) &&
            std::find(visible.begin(), visible.end(), node(r)) == visible.end())
          visible.push_back(node(r));
      }
    }
  }
}

void Fuser::chains() {
  chained_.assign(kernels_.size(), false);
  const Lists needs = needs_of_groups(), needed_by = reversed(needs);
  Lists found;
  for (std::size_t k = 0; k < kernels_.size(); ++k) {
    const Map* map =
        kernels_[k].reads.size() <= kMostReads ? chainable(kernels_[k].group) : nullptr;
    if (chained_[k] || !map || map->reduces.empty() ||
        !rules_.suits_rows(map->domain, map->reduces[0]->attrs.ints("axes")))
      continue;
    if (auto members = grow_chain(k, needs, needed_by); members.size() > 1)
      found.push_back(std::move(members));
  }
  for (const auto& members : found) gather_chain(members);
  std::erase_if(kernels_, [](const Kernel& k) { return k.results.empty(); });
  find_visible();
  sort_groups();
}

}  // namespace lilith::schedule
