#include "schedule/fusion/order.h"

#include <algorithm>
#include <functional>
#include <queue>

#include "lilith/error.h"

namespace lilith::schedule {

namespace {

// As the graph has their last results.
LinkedGroups by_last_result(LinkedGroups groups) {
  std::vector<std::pair<int, std::size_t>> last;
  for (std::size_t k = 0; k < groups.size(); ++k) {
    const Numbers& results = groups[k].results;
    last.emplace_back(*std::max_element(results.begin(), results.end()), k);
  }
  std::sort(last.begin(), last.end());
  LinkedGroups sorted;
  sorted.reserve(groups.size());
  for (const auto& [i, k] : last) sorted.push_back(std::move(groups[k]));
  return sorted;
}

// Which groups would give memory back: all that they make are outputs, as updates are, and they are
// the last to read a value of the program's own memory.
class LastReaders {
 public:
  LastReaders(const LinkedGroups& groups, const Dataflow& a)
      : readers_(a.order().size()),
        read_by_(groups.size()),
        only_outputs_(groups.size()),
        last_of_(groups.size(), 0) {
    const auto node = [&](int n) { return a.order()[static_cast<std::size_t>(n)]; };
    for (std::size_t k = 0; k < groups.size(); ++k) {
      only_outputs_[k] =
          std::ranges::all_of(groups[k].results, [&](int r) { return a.is_output(node(r)); });
      for (const int r : groups[k].reads) {
        if (node(r)->is_leaf() || a.is_output(node(r)) || node(r)->aval.bytes() < kLittle) continue;
        ++readers_[static_cast<std::size_t>(r)].count;
        readers_[static_cast<std::size_t>(r)].sum += k;
        read_by_[k].push_back(r);
      }
    }
    for (const Readers& r : readers_) {
      if (r.count == 1) ++last_of_[r.sum];
    }
  }

  bool relieves(std::size_t k) const { return only_outputs_[k] && last_of_[k] > 0; }

  // Takes away one that runs; those that give memory back from now on.
  std::vector<std::size_t> without(std::size_t k) {
    std::vector<std::size_t> now;
    for (const int r : read_by_[k]) {
      Readers& left = readers_[static_cast<std::size_t>(r)];
      --left.count;
      left.sum -= k;
      if (left.count == 1 && ++last_of_[left.sum] == 1 && only_outputs_[left.sum])
        now.push_back(left.sum);
    }
    return now;
  }

 private:
  static constexpr std::size_t kLittle = 1 << 16;  // bytes that are not worth another order
  // Groups that read a value: of the last one the sum is its number.
  struct Readers {
    std::size_t count = 0, sum = 0;
  };
  std::vector<Readers> readers_;  // by index of the value
  std::vector<Numbers> read_by_;
  std::vector<bool> only_outputs_;
  std::vector<int> last_of_;  // values that a group alone reads by now
};

// The first group that is ready, over and over: one whose `needs` are there. Those that give
// memory back go before others; those whose `readers` are not there wait while another is ready.
LinkedGroups list_schedule(LinkedGroups groups, const GroupLists& needs, const GroupLists& readers,
                           LastReaders* last) {
  using Heap = std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>>;
  Heap relieving, ready;
  Heap postponed;  // all that it needs is there; other readers of its inputs are to come
  std::vector<std::size_t> needs_left(groups.size()), readers_left(groups.size());
  std::vector<bool> done(groups.size(), false);
  const auto look = [&](std::size_t k) {
    if (needs_left[k] != 0) return;
    if (readers_left[k] != 0)
      postponed.push(k);
    else
      (last->relieves(k) ? relieving : ready).push(k);
  };
  const GroupLists needed_by = reversed(needs), waited_for_by = reversed(readers);
  for (std::size_t k = 0; k < groups.size(); ++k) {
    needs_left[k] = needs[k].size();
    readers_left[k] = readers[k].size();
    look(k);
  }
  LinkedGroups sorted;
  sorted.reserve(groups.size());
  while (!relieving.empty() || !ready.empty() || !postponed.empty()) {
    Heap& from = !relieving.empty() ? relieving : ready.empty() ? postponed : ready;
    const std::size_t k = from.top();
    from.pop();
    if (done[k]) continue;  // it was in both
    done[k] = true;
    for (const std::size_t m : last->without(k)) {
      if (needs_left[m] == 0 && readers_left[m] == 0 && !done[m]) relieving.push(m);
    }
    sorted.push_back(std::move(groups[k]));
    for (const std::size_t m : needed_by[k]) {
      if (--needs_left[m] == 0) look(m);
    }
    for (const std::size_t m : waited_for_by[k]) {
      if (--readers_left[m] == 0 && needs_left[m] == 0) look(m);
    }
  }
  if (sorted.size() != groups.size()) throw InternalError("schedule: kernels need each other");
  return sorted;
}

}  // namespace

Order::Order(const Dataflow& a, const Graph& g, const std::vector<bool>& donated)
    : a_(a), donated_(a.order().size(), false) {
  for (std::size_t i = 0; i < donated.size(); ++i) {
    if (donated[i]) donated_[static_cast<std::size_t>(a.index(g.inputs()[i].node()))] = true;
  }
}

LinkedGroups Order::sorted(LinkedGroups groups) const {
  groups = by_last_result(std::move(groups));
  const GroupLists needs = needs_of(groups, a_), readers = earlier_readers(groups);
  LastReaders last(groups, a_);
  return list_schedule(std::move(groups), needs, readers, &last);
}

GroupLists Order::earlier_readers(const LinkedGroups& groups) const {
  std::vector<std::pair<std::size_t, std::size_t>> readers, earlier;
  for (std::size_t k = 0; k < groups.size(); ++k) {
    for (const int r : groups[k].reads) {
      if (donated(r)) readers.emplace_back(static_cast<std::size_t>(r), k);
    }
  }
  const GroupLists readers_of(a_.order().size(), readers);  // by index, of donated inputs alone
  for (std::size_t k = 0; k < groups.size(); ++k) {
    for (const int r : groups[k].reads) {
      if (!donated(r) || !may_replace(groups[k], r)) continue;
      for (const std::size_t m : readers_of[static_cast<std::size_t>(r)]) {
        if (m != k && !depends(groups[m], groups[k])) earlier.emplace_back(k, m);
      }
    }
  }
  return {groups.size(), earlier};
}

bool Order::may_replace(const LinkedGroup& g, int input) const {
  return std::any_of(g.results.begin(), g.results.end(), [&](int r) {
    return a_.is_output(node(r)) && node(r)->aval == node(input)->aval;
  });
}

bool Order::depends(const LinkedGroup& g, const LinkedGroup& on) const {
  return std::any_of(g.results.begin(), g.results.end(), [&](int n) {
    return std::any_of(on.results.begin(), on.results.end(),
                       [&](int of) { return of <= n && a_.depends(node(n), node(of)); });
  });
}

}  // namespace lilith::schedule
