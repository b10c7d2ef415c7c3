#include <algorithm>

#include "schedule/fusion/fuser.h"

namespace lilith::schedule {

using ir::NodeImpl;

bool Fuser::sort_groups() {
  auto& groups = fusion_.groups;
  const auto last = [&](const Group& g) {
    int i = 0;
    for (NodeImpl* r : results_of(g)) i = std::max(i, a_.index(r));
    return i;
  };
  std::sort(groups.begin(), groups.end(),
            [&](const Group& x, const Group& y) { return last(x) < last(y); });
  readers_.clear();
  for (std::size_t k = 0; k < groups.size(); ++k) {
    for (NodeImpl* r : reads_of(groups[k])) readers_[r].push_back(k);
  }
  std::vector<std::vector<std::size_t>> readers(groups.size());
  for (std::size_t k = 0; k < groups.size(); ++k)
    readers[k] = earlier_readers(groups[k], reads_of(groups[k]));
  return list_schedule(needs_of_groups(), readers);
}

std::vector<std::vector<std::size_t>> Fuser::needs_of_groups() const {
  const auto& groups = fusion_.groups;
  std::unordered_map<const NodeImpl*, std::size_t> producer;
  for (std::size_t k = 0; k < groups.size(); ++k) {
    for (NodeImpl* r : results_of(groups[k])) producer[r] = k;
  }
  std::vector<std::vector<std::size_t>> needs(groups.size());
  for (std::size_t k = 0; k < groups.size(); ++k) {
    for (NodeImpl* r : reads_of(groups[k])) {
      const auto it = producer.find(r);
      if (it != producer.end() && it->second != k) needs[k].push_back(it->second);
    }
  }
  return needs;
}

bool Fuser::list_schedule(const std::vector<std::vector<std::size_t>>& needs,
                          const std::vector<std::vector<std::size_t>>& readers) {
  auto& groups = fusion_.groups;
  std::vector<bool> done(groups.size(), false);
  const auto all_done = [&](const std::vector<std::size_t>& list) {
    return std::all_of(list.begin(), list.end(), [&](std::size_t m) { return done[m]; });
  };
  std::vector<std::size_t> order;
  while (order.size() < groups.size()) {
    std::size_t next = groups.size(), fallback = groups.size();
    for (std::size_t k = 0; k < groups.size() && next == groups.size(); ++k) {
      if (done[k] || !all_done(needs[k])) continue;
      if (all_done(readers[k]))
        next = k;
      else if (fallback == groups.size())
        fallback = k;
    }
    if (next == groups.size()) next = fallback;
    if (next == groups.size()) return false;
    done[next] = true;
    order.push_back(next);
  }
  std::vector<Group> sorted;
  for (const std::size_t k : order) sorted.push_back(std::move(groups[k]));
  groups = std::move(sorted);
  return true;
}

std::vector<NodeImpl*> Fuser::reads_of(const Group& g) const {
  std::vector<NodeImpl*> reads;
  for (NodeImpl* r : results_of(g)) collect_reads(r, &reads);
  if (const auto* product = std::get_if<Product>(&g)) collect_reads(product->core, &reads);
  return reads;
}

std::vector<std::size_t> Fuser::earlier_readers(const Group& g,
                                                const std::vector<NodeImpl*>& reads) const {
  std::vector<std::size_t> list;
  for (NodeImpl* r : reads) {
    if (std::find(donated_.begin(), donated_.end(), r) == donated_.end()) continue;
    const std::vector<NodeImpl*> results = results_of(g);
    const bool replaced = std::any_of(results.begin(), results.end(), [&](NodeImpl* s) {
      return a_.is_output(s) && s->aval == r->aval;
    });
    if (!replaced) continue;
    for (const std::size_t m : readers_.at(r)) {
      const Group& other = fusion_.groups[m];
      bool needs_g = false;
      for (NodeImpl* o : results_of(other)) {
        for (NodeImpl* s : results_of(g)) needs_g = needs_g || a_.depends(o, s);
      }
      if (&other != &g && !needs_g) list.push_back(m);
    }
  }
  return list;
}

}  // namespace lilith::schedule
