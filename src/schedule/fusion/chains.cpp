#include "schedule/fusion/chains.h"

#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>

#include "schedule/kernel/reduction.h"

namespace lilith::schedule {

using ir::NodeImpl;

namespace {

constexpr std::size_t kMaxStages = 8;
constexpr double kMaxCost = 4000;  // of a kernel: what LLVM takes grows faster than its size

// The map that a group is, where a chain may hold it.
const Map* chainable(const LinkedGroup& g) {
  const Map* map = g.reads.size() <= kMostReads ? std::get_if<Map>(&g.group) : nullptr;
  const bool fits = map && std::none_of(map->reduces.begin(), map->reduces.end(), is_arg_reduction);
  return fits ? map : nullptr;
}

// Whether a chain over the rows of `head` may hold the group.
bool fits_chain(const Map& head, const LinkedGroup& group) {
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

void add_once(Nodes& nodes, NodeImpl* n) {
  if (std::find(nodes.begin(), nodes.end(), n) == nodes.end()) nodes.push_back(n);
}

}  // namespace

Chains::Chains(const FusionRules& rules, FusionState& state, Reads& reads, LinkedGroups groups)
    : rules_(rules),
      s_(state),
      reads_(reads),
      groups_(std::move(groups)),
      levels_(state.dataflow()),
      needs_(needs_of(groups_, state.dataflow())),
      needed_by_(reversed(needs_)),
      chained_(groups_.size(), false) {}

LinkedGroups Chains::run() {
  std::vector<Members> found;
  for (std::size_t k = 0; k < groups_.size(); ++k) {
    if (!may_begin(k)) continue;
    if (Members members = grow(k); members.size() > 1) found.push_back(std::move(members));
  }
  for (const Members& members : found) gather(members);
  std::erase_if(groups_, [](const LinkedGroup& g) { return g.results.empty(); });
  find_visible();
  return std::move(groups_);
}

bool Chains::may_begin(std::size_t k) const {
  const Map* map = chained_[k] ? nullptr : chainable(groups_[k]);
  return map && !map->reduces.empty() &&
         rules_.suits_rows(map->domain, map->reduces[0]->attrs.ints("axes"));
}

// Sweeps over the groups that read a result of the chain or make what it reads, in their order,
// until none joins.
Chains::Members Chains::grow(std::size_t head) {
  const Map& first = std::get<Map>(groups_[head].group);
  Members members;
  std::set<std::size_t> candidates;
  double cost = 0;
  const auto add = [&](std::size_t k) {
    members.push_back(k);
    cost += cost_of(k);
    chained_[k] = true;
    for (const GroupLists* lists : {&needs_, &needed_by_}) {
      for (const std::size_t m : (*lists)[k]) {
        if (!chained_[m] && fits_chain(first, groups_[m])) candidates.insert(m);
      }
    }
  };
  add(head);
  for (bool changed = true; changed;) {
    changed = false;
    for (auto it = candidates.begin(); it != candidates.end() && members.size() < kMaxStages;) {
      const std::size_t k = *it;
      if (cost + cost_of(k) <= kMaxCost && join(members, k)) {
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

bool Chains::join(const Members& members, std::size_t k) {
  const LinkedGroup& one = groups_[k];
  if (!rules_.kernels_wait() && would_wait(members, k)) return false;
  for (const std::size_t m : members) {
    const LinkedGroup& other = groups_[m];
    if (s_.through_others(one.reads, one.results[0], other.results) ||
        s_.through_others(other.reads, other.results[0], one.results))
      return false;
  }
  const std::array both = {groups_[members[0]].results[0], one.results[0]};
  return s_.join(both);
}

bool Chains::would_wait(const Members& members, std::size_t k) const {
  Members all = members;
  all.push_back(k);
  std::sort(all.begin(), all.end());  // each behind what it needs
  // By value that they make, and by member: the last level that it waits for.
  std::unordered_map<int, int> made;
  std::vector<int> from;
  for (const std::size_t m : all) {
    int level = 0;
    for (const int r : groups_[m].reads) {
      const auto own = made.find(r);
      level = std::max(level, own == made.end() ? levels_.of(r) : own->second);
    }
    for (const int r : groups_[m].results) made[r] = level;
    from.push_back(level);
  }
  const int last = *std::max_element(from.begin(), from.end());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool outside = std::ranges::any_of(needed_by_[all[i]], [&](std::size_t reader) {
      return !std::ranges::binary_search(all, reader);
    });
    if (outside && from[i] < last) return true;
  }
  return false;
}

double Chains::cost_of(std::size_t k) const {
  double cost = 0;
  for (const int r : groups_[k].results) cost += s_.cost(r);
  return cost;
}

// They become one group, in the place of the first.
void Chains::gather(const Members& members) {
  RowChain chain;
  for (const std::size_t k : members) {
    Nodes reads;
    for (const int r : groups_[k].reads) reads.push_back(s_.node(r));
    chain.stages.push_back({std::move(std::get<Map>(groups_[k].group)), std::move(reads)});
    groups_[k] = {Map{}, {}, {}};  // of nothing: leaves the list
  }
  groups_[members[0]] = linked(std::move(chain), s_.dataflow(), reads_);
}

// What others read of a chain's results, and those that are outputs.
void Chains::find_visible() {
  const Dataflow& a = s_.dataflow();
  for (LinkedGroup& g : groups_) {
    RowChain* chain = std::get_if<RowChain>(&g.group);
    if (!chain) continue;
    for (const int r : g.results) {
      if (a.is_output(s_.node(r))) chain->visible.push_back(s_.node(r));
    }
  }
  const GroupLists needs = needs_of(groups_, a);
  Marks read(a.order().size());
  for (std::size_t k = 0; k < groups_.size(); ++k) {
    read.clear();
    for (const int r : groups_[k].reads) read.add(r);
    for (const std::size_t m : needs[k]) {
      RowChain* chain = std::get_if<RowChain>(&groups_[m].group);
      if (!chain) continue;
      for (const int r : groups_[m].results) {
        if (read.contains(r)) add_once(chain->visible, s_.node(r));
      }
    }
  }
}

}  // namespace lilith::schedule
