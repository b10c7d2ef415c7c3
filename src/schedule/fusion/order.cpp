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

Fuser::Kernel Fuser::kernel_of(Group g) {
  Numbers results = numbers_of(results_of(g));
  Numbers reads = reads_of(g, results);
  return {std::move(g), std::move(results), std::move(reads)};
}

void Fuser::sort_groups() {
  std::vector<std::pair<int, std::size_t>> last;  // the number of a group's last result
  for (std::size_t k = 0; k < kernels_.size(); ++k) {
    const Numbers& results = kernels_[k].results;
    last.emplace_back(*std::max_element(results.begin(), results.end()), k);
  }
  std::sort(last.begin(), last.end());
  std::vector<Kernel> sorted;
  sorted.reserve(kernels_.size());
  for (const auto& [i, k] : last) sorted.push_back(std::move(kernels_[k]));
  kernels_ = std::move(sorted);
  list_schedule(needs_of_groups(), earlier_readers());
}

std::vector<int> Fuser::producers() const {
  std::vector<int> producer(a_.order().size(), -1);
  for (std::size_t k = 0; k < kernels_.size(); ++k) {
    for (const int r : kernels_[k].results)
      producer[static_cast<std::size_t>(r)] = static_cast<int>(k);
  }
  return producer;
}

Fuser::Lists Fuser::needs_of_groups() const {
  const std::vector<int> producer = producers();
  Lists needs(kernels_.size());
  for (std::size_t k = 0; k < kernels_.size(); ++k) {
    for (const int r : kernels_[k].reads) {
      const int by = producer[static_cast<std::size_t>(r)];
      if (by >= 0 && by != static_cast<int>(k)) needs[k].push_back(static_cast<std::size_t>(by));
    }
  }
  return needs;
}

void Fuser::list_schedule(const Lists& needs, const Lists& readers) {
  using Heap = std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>>;
  Heap ready, postponed;  // all that it needs is there; other readers of its inputs are to come
  std::vector<std::size_t> needs_left(kernels_.size()), readers_left(kernels_.size());
  std::vector<bool> done(kernels_.size(), false);
  const auto look = [&](std::size_t k) {
    if (needs_left[k] == 0) (readers_left[k] == 0 ? ready : postponed).push(k);
  };
  const Lists needed_by = reversed(needs), waited_for_by = reversed(readers);
  for (std::size_t k = 0; k < kernels_.size(); ++k) {
    needs_left[k] = needs[k].size();
    readers_left[k] = readers[k].size();
    look(k);
  }
  std::vector<Kernel> sorted;
  sorted.reserve(kernels_.size());
  while (!ready.empty() || !postponed.empty()) {
    Heap& from = ready.empty() ? postponed : ready;
    const std::size_t k = from.top();
    from.pop();
    if (done[k]) continue;  // it was in both
    done[k] = true;
    sorted.push_back(std::move(kernels_[k]));
    for (const std::size_t m : needed_by[k]) {
      if (--needs_left[m] == 0) look(m);
    }
    for (const std::size_t m : waited_for_by[k]) {
      if (--readers_left[m] == 0 && needs_left[m] == 0) ready.push(m);
    }
  }
  if (sorted.size() != kernels_.size()) throw InternalError("schedule: kernels need each other");
  kernels_ = std::move(sorted);
}

bool Fuser::may_replace(const Kernel& k, const NodeImpl* input) const {
  return std::any_of(k.results.begin(), k.results.end(), [&](int s) {
    return output_[static_cast<std::size_t>(s)] && node(s)->aval == input->aval;
  });
}

bool Fuser::depends(const Kernel& k, const Kernel& on) const {
  return std::any_of(k.results.begin(), k.results.end(), [&](int n) {
    return std::any_of(on.results.begin(), on.results.end(),
                       [&](int of) { return of <= n && a_.depends(node(n), node(of)); });
  });
}

Fuser::Lists Fuser::earlier_readers() const {
  Lists readers_of(a_.order().size());  // donated inputs alone
  for (std::size_t k = 0; k < kernels_.size(); ++k) {
    for (const int r : kernels_[k].reads) {
      const auto i = static_cast<std::size_t>(r);
      if (donated_[i]) readers_of[i].push_back(k);
    }
  }
  Lists earlier(kernels_.size());
  for (std::size_t k = 0; k < kernels_.size(); ++k) {
    for (const int r : kernels_[k].reads) {
      const auto i = static_cast<std::size_t>(r);
      if (!donated_[i] || !may_replace(kernels_[k], node(r))) continue;
      for (const std::size_t m : readers_of[i]) {
        if (m != k && !depends(kernels_[m], kernels_[k])) earlier[k].push_back(m);
      }
    }
  }
  return earlier;
}

}  // namespace lilith::schedule
