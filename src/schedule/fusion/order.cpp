#include <algorithm>
#include <functional>
#include <queue>

#include "schedule/fusion/fuser.h"

namespace lilith::schedule {

using ir::NodeImpl;

Fuser::Lists Fuser::reversed(const Lists& lists) {
  Lists by(lists.size());
  for (std::size_t k = 0; k < lists.size(); ++k) {
    for (const std::size_t m : lists[k]) by[m].push_back(k);
  }
  return by;
}

void Fuser::sort_groups() {
  auto& groups = fusion_.groups;
  std::vector<std::pair<int, std::size_t>> last;  // the number of a group's last result
  for (std::size_t k = 0; k < groups.size(); ++k) {
    int i = 0;
    for (NodeImpl* r : results_of(groups[k])) i = std::max(i, a_.index(r));
    last.emplace_back(i, k);
  }
  std::sort(last.begin(), last.end());
  std::vector<Group> sorted;
  sorted.reserve(groups.size());
  for (const auto& [i, k] : last) sorted.push_back(std::move(groups[k]));
  groups = std::move(sorted);
  group_reads_.clear();
  for (const Group& g : groups) group_reads_.push_back(reads_of(g));
  list_schedule(needs_of_groups(), earlier_readers());
}

std::vector<int> Fuser::producers() const {
  std::vector<int> producer(a_.order().size(), -1);
  for (std::size_t k = 0; k < fusion_.groups.size(); ++k) {
    for (const NodeImpl* r : results_of(fusion_.groups[k]))
      producer[static_cast<std::size_t>(a_.index(r))] = static_cast<int>(k);
  }
  return producer;
}

Fuser::Lists Fuser::needs_of_groups() const {
  const auto& groups = fusion_.groups;
  const std::vector<int> producer = producers();
  Lists needs(groups.size());
  for (std::size_t k = 0; k < groups.size(); ++k) {
    for (const NodeImpl* r : group_reads_[k]) {
      const int by = producer[static_cast<std::size_t>(a_.index(r))];
      if (by >= 0 && by != static_cast<int>(k)) needs[k].push_back(static_cast<std::size_t>(by));
    }
  }
  return needs;
}

void Fuser::list_schedule(const Lists& needs, const Lists& readers) {
  auto& groups = fusion_.groups;
  using Heap = std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>>;
  Heap ready, postponed;  // all that it needs is there; other readers of its inputs are to come
  std::vector<std::size_t> needs_left(groups.size()), readers_left(groups.size());
  std::vector<bool> done(groups.size(), false);
  const auto look = [&](std::size_t k) {
    if (needs_left[k] == 0) (readers_left[k] == 0 ? ready : postponed).push(k);
  };
  const Lists needed_by = reversed(needs), waited_for_by = reversed(readers);
  for (std::size_t k = 0; k < groups.size(); ++k) {
    needs_left[k] = needs[k].size();
    readers_left[k] = readers[k].size();
    look(k);
  }
  std::vector<Group> sorted;
  std::vector<Nodes> reads;
  while (!ready.empty() || !postponed.empty()) {
    Heap& from = ready.empty() ? postponed : ready;
    const std::size_t k = from.top();
    from.pop();
    if (done[k]) continue;  // it was in both
    done[k] = true;
    sorted.push_back(std::move(groups[k]));
    reads.push_back(std::move(group_reads_[k]));
    for (const std::size_t m : needed_by[k]) {
      if (--needs_left[m] == 0) look(m);
    }
    for (const std::size_t m : waited_for_by[k]) {
      if (--readers_left[m] == 0 && needs_left[m] == 0) ready.push(m);
    }
  }
  if (sorted.size() != groups.size()) throw InternalError("schedule: kernels need each other");
  groups = std::move(sorted);
  group_reads_ = std::move(reads);
}

bool Fuser::may_replace(const Group& g, const NodeImpl* input) const {
  const std::vector<NodeImpl*> results = results_of(g);
  return std::any_of(results.begin(), results.end(),
                     [&](const NodeImpl* s) { return a_.is_output(s) && s->aval == input->aval; });
}

bool Fuser::depends(const Group& g, const Group& on) const {
  const std::vector<NodeImpl*> mine = results_of(g), theirs = results_of(on);
  return std::any_of(mine.begin(), mine.end(), [&](const NodeImpl* n) {
    return std::any_of(theirs.begin(), theirs.end(),
                       [&](const NodeImpl* of) { return a_.depends(n, of); });
  });
}

Fuser::Lists Fuser::earlier_readers() const {
  const auto& groups = fusion_.groups;
  Lists readers_of(a_.order().size());  // donated inputs alone
  const auto donated = [&](const NodeImpl* n) {
    return donated_[static_cast<std::size_t>(a_.index(n))];
  };
  for (std::size_t k = 0; k < groups.size(); ++k) {
    for (const NodeImpl* r : group_reads_[k]) {
      if (donated(r)) readers_of[static_cast<std::size_t>(a_.index(r))].push_back(k);
    }
  }
  Lists earlier(groups.size());
  for (std::size_t k = 0; k < groups.size(); ++k) {
    for (const NodeImpl* r : group_reads_[k]) {
      if (!donated(r) || !may_replace(groups[k], r)) continue;
      for (const std::size_t m : readers_of[static_cast<std::size_t>(a_.index(r))]) {
        if (m != k && !depends(groups[m], groups[k])) earlier[k].push_back(m);
      }
    }
  }
  return earlier;
}

}  // namespace lilith::schedule
