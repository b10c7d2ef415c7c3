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

double Fuser::cost_of(const Group& g) const {
  double cost = 0;
  for (const NodeImpl* r : results_of(g)) cost += cost_[static_cast<std::size_t>(a_.index(r))];
  return cost;
}

bool Fuser::join_chain(const std::vector<std::size_t>& members, std::size_t k) {
  const auto& groups = fusion_.groups;
  const auto first = [&](std::size_t m) { return results_of(groups[m])[0]; };
  for (const std::size_t m : members) {
    if (through_others(group_reads_[k], first(k), results_of(groups[m])) ||
        through_others(group_reads_[m], first(m), results_of(groups[k])))
      return false;
  }
  const std::array both = {a_.index(first(members[0])), a_.index(first(k))};
  return units_.join(both, fusion_.stored);
}

// Sweeps over the groups that read a result of the chain or make what it reads, in their order,
// until none joins.
std::vector<std::size_t> Fuser::grow_chain(std::size_t head, const Lists& needs,
                                           const Lists& needed_by) {
  const auto& groups = fusion_.groups;
  const Map& first = std::get<Map>(groups[head]);
  std::vector<std::size_t> members;
  std::set<std::size_t> candidates;
  double cost = 0;
  const auto add = [&](std::size_t k) {
    members.push_back(k);
    cost += cost_of(groups[k]);
    chained_[k] = true;
    for (const Lists* lists : {&needs, &needed_by}) {
      for (const std::size_t m : (*lists)[k]) {
        if (!chained_[m] && fits_chain(first, groups[m])) candidates.insert(m);
      }
    }
  };
  add(head);
  for (bool changed = true; changed;) {
    changed = false;
    for (auto it = candidates.begin(); it != candidates.end() && members.size() < kMaxStages;) {
      const std::size_t k = *it;
      if (cost + cost_of(groups[k]) <= kMaxCost && join_chain(members, k)) {
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
    chain.stages.push_back(
        {std::move(std::get<Map>(fusion_.groups[k])), std::move(group_reads_[k])});
    fusion_.groups[k] = Map{};  // of nothing: leaves the list
  }
  Group whole = std::move(chain);
  group_reads_[members[0]] = reads_of(whole);
  auto& visible = std::get<RowChain>(whole).visible;
  for (NodeImpl* r : results_of(whole)) {
    if (a_.is_output(r)) visible.push_back(r);
  }
  fusion_.groups[members[0]] = std::move(whole);
}

// What others read of a chain's results.
void Fuser::find_visible() {
  auto& groups = fusion_.groups;
  const Lists needs = needs_of_groups();
  for (std::size_t k = 0; k < groups.size(); ++k) {
    marks_.clear();
    for (const NodeImpl* r : group_reads_[k]) marks_.add(a_.index(r));
    for (const std::size_t m : needs[k]) {
      RowChain* chain = std::get_if<RowChain>(&groups[m]);
      if (!chain) continue;
      for (NodeImpl* r : results_of(groups[m])) {
        if (marks_.contains(a_.index(r)) &&
            std::find(chain->visible.begin(), chain->visible.end(), r) == chain->visible.end())
          chain->visible.push_back(r);
      }
    }
  }
}

void Fuser::chains() {
  auto& groups = fusion_.groups;
  chained_.assign(groups.size(), false);
  const Lists needs = needs_of_groups(), needed_by = reversed(needs);
  Lists found;
  for (std::size_t k = 0; k < groups.size(); ++k) {
    const Map* map = chainable(groups[k]);
    if (chained_[k] || !map || map->reduces.empty() ||
        !rules_.suits_rows(map->domain, map->reduces[0]->attrs.ints("axes")))
      continue;
    if (auto members = grow_chain(k, needs, needed_by); members.size() > 1)
      found.push_back(std::move(members));
  }
  for (const auto& members : found) gather_chain(members);
  std::size_t kept = 0;
  for (std::size_t k = 0; k < groups.size(); ++k) {
    if (results_of(groups[k]).empty()) continue;
    if (kept != k) {
      groups[kept] = std::move(groups[k]);
      group_reads_[kept] = std::move(group_reads_[k]);
    }
    ++kept;
  }
  groups.resize(kept);
  group_reads_.resize(kept);
  find_visible();
  sort_groups();
}

}  // namespace lilith::schedule
