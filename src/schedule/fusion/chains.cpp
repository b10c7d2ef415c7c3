#include <algorithm>

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
constexpr std::size_t kNoChain = SIZE_MAX;

// The map that a group is, where a chain may hold it.
const Map* chainable(const Group& g) {
  const Map* map = std::get_if<Map>(&g);
  const bool fits = map && std::none_of(map->reduces.begin(), map->reduces.end(), is_arg_reduction);
  return fits ? map : nullptr;
}

bool reads_any(const std::vector<NodeImpl*>& reads, const std::vector<NodeImpl*>& results) {
  return std::any_of(reads.begin(), reads.end(), [&](NodeImpl* r) {
    return std::find(results.begin(), results.end(), r) != results.end();
  });
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

bool Fuser::closed(const std::vector<bool>& set,
                   const std::vector<std::vector<std::size_t>>& needs) const {
  std::vector<bool> seen(set.size(), false);
  std::vector<std::size_t> queue;
  bool back = false;
  const auto visit_needs = [&](std::size_t k, bool inside) {
    for (const std::size_t m : needs[k]) {
      if (set[m]) {
        back = back || !inside;
      } else if (!seen[m]) {
        seen[m] = true;
        queue.push_back(m);
      }
    }
  };
  for (std::size_t k = 0; k < set.size(); ++k) {
    if (set[k]) visit_needs(k, true);
  }
  for (std::size_t q = 0; q < queue.size() && !back; ++q) {
    visit_needs(queue[q], false);
    // Another chain runs as one.
    for (std::size_t m = 0; chain_of_[queue[q]] != kNoChain && m < set.size(); ++m) {
      if (chain_of_[m] != chain_of_[queue[q]] || seen[m]) continue;
      seen[m] = true;
      queue.push_back(m);
    }
  }
  return !back;
}

void Fuser::grow_chain(std::size_t head, const std::vector<std::vector<std::size_t>>& needs) {
  const auto& groups = fusion_.groups;
  const Map& first = std::get<Map>(groups[head]);
  std::vector<bool> set(groups.size(), false);
  set[head] = true;
  std::vector<NodeImpl*> reads = reads_of(groups[head]), results = first.results();
  std::size_t size = 1;
  for (bool changed = true; changed && size < kMaxStages;) {
    changed = false;
    for (std::size_t k = 0; k < groups.size() && size < kMaxStages; ++k) {
      if (set[k] || chain_of_[k] != kNoChain || !fits_chain(first, groups[k])) continue;
      const std::vector<NodeImpl*> its_reads = reads_of(groups[k]), its = results_of(groups[k]);
      if (!reads_any(its_reads, results) && !reads_any(reads, its)) continue;
      set[k] = true;
      if (!closed(set, needs)) {
        set[k] = false;
        continue;
      }
      reads.insert(reads.end(), its_reads.begin(), its_reads.end());
      results.insert(results.end(), its.begin(), its.end());
      ++size;
      changed = true;
    }
  }
  for (std::size_t k = 0; size > 1 && k < set.size(); ++k) {
    if (set[k]) chain_of_[k] = head;
  }
}

void Fuser::gather_chain(const std::vector<std::size_t>& members) {
  RowChain chain;
  for (const std::size_t k : members) {
    Group& g = fusion_.groups[k];
    Nodes reads = reads_of(g);
    chain.stages.push_back({std::move(std::get<Map>(g)), std::move(reads)});
  }
  for (const RowChain::Stage& stage : chain.stages) {
    for (NodeImpl* r : stage.map.results()) {
      if (a_.is_output(r)) chain.visible.push_back(r);
    }
  }
  fusion_.groups[members[0]] = std::move(chain);
}

void Fuser::chains() {
  auto& groups = fusion_.groups;
  chain_of_.assign(groups.size(), kNoChain);
  const auto needs = needs_of_groups();
  for (std::size_t k = 0; k < groups.size(); ++k) {
    const Map* map = chainable(groups[k]);
    if (chain_of_[k] == kNoChain && map && !map->reduces.empty() &&
        rules_.suits_rows(map->domain, map->reduces[0]->attrs.ints("axes")))
      grow_chain(k, needs);
  }
  std::vector<Group> result;
  std::vector<bool> gathered(groups.size(), false);
  for (std::size_t k = 0; k < groups.size(); ++k) {
    if (gathered[k]) continue;
    std::vector<std::size_t> members;
    for (std::size_t m = k; chain_of_[k] != kNoChain && m < groups.size(); ++m) {
      if (chain_of_[m] != chain_of_[k]) continue;
      members.push_back(m);
      gathered[m] = true;
    }
    if (!members.empty()) gather_chain(members);
    result.push_back(std::move(groups[k]));
  }
  groups = std::move(result);
  // What others read of a chain's results.
  for (const Group& g : groups) {
    const std::vector<NodeImpl*> reads = reads_of(g);
    for (Group& other : groups) {
      RowChain* chain = std::get_if<RowChain>(&other);
      if (&other == &g || !chain) continue;
      for (NodeImpl* r : results_of(other)) {
        if (std::find(reads.begin(), reads.end(), r) != reads.end() &&
            std::find(chain->visible.begin(), chain->visible.end(), r) == chain->visible.end())
          chain->visible.push_back(r);
      }
    }
  }
  if (!sort_groups()) throw InternalError("schedule: chains of rows form a cycle");
}

}  // namespace lilith::schedule
