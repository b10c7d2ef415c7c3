#include "schedule/fusion/units.h"

#include <algorithm>
#include <numeric>

namespace lilith::schedule {

namespace {
constexpr int kGap = 36;  // bits between two places of a line that was just spread
}

Units::Units(const Edges& inputs, const Edges& users)
    : inputs_(inputs),
      users_(users),
      unit_(inputs.nodes()),
      members_(inputs.nodes()),
      place_(inputs.nodes() + 1),
      next_(inputs.nodes() + 1),
      last_(inputs.nodes() + 1),
      joined_(inputs.nodes()),
      seen_{std::vector<std::uint32_t>(inputs.nodes()),
            std::vector<std::uint32_t>(inputs.nodes())} {
  std::iota(unit_.begin(), unit_.end(), 0);
  const int end = static_cast<int>(members_.size());  // closes the line to a ring
  for (int n = 0; n <= end; ++n) {
    next_[static_cast<std::size_t>(n)] = n == end ? 0 : n + 1;
    last_[static_cast<std::size_t>(n)] = n == 0 ? end : n - 1;
  }
  spread();
}

/// What some units need, or what needs them: found edge by edge, as far as two places.
class Units::Search {
 public:
  Search(const Units& units, int direction, const std::vector<int>& from, Place low, Place high)
      : units_(units),
        edges_(direction == 0 ? units.inputs_ : units.users_),
        seen_(units.seen_[direction]),
        queue_(from),
        first_(from.size()),
        low_(low),
        high_(high) {
    for (const int u : from) seen_[static_cast<std::size_t>(u)] = units_.searches_;
  }

  /// Looks at one edge more; false when there is none.
  bool step() {
    while (unit_ < queue_.size()) {
      const std::span<const int> members = units_.members(queue_[unit_]);
      if (member_ == members.size()) {
        ++unit_;
        member_ = 0;
      } else if (const auto to = edges_.of(members[member_]); edge_ == to.size()) {
        ++member_;
        edge_ = 0;
      } else {
        visit(units_.unit_of(to[edge_++]));
        return true;
      }
    }
    return false;
  }
  bool found(int unit) const { return seen_[static_cast<std::size_t>(unit)] == units_.searches_; }
  /// Without those that it began with.
  std::vector<int> all() const {
    return {queue_.begin() + static_cast<std::ptrdiff_t>(first_), queue_.end()};
  }

 private:
  void visit(int unit) {
    ++units_.looked_at_;
    if (found(unit) || units_.place(unit) < low_ || units_.place(unit) > high_) return;
    seen_[static_cast<std::size_t>(unit)] = units_.searches_;
    queue_.push_back(unit);
  }

  const Units& units_;
  const Edges& edges_;
  std::vector<std::uint32_t>& seen_;
  std::vector<int> queue_;
  std::size_t first_, unit_ = 0, member_ = 0, edge_ = 0;
  Place low_, high_;
};

bool Units::needs(int n, int of) const {
  const int unit = unit_of(n), target = unit_of(of);
  if (unit == target) return true;
  const Place low = place(target), high = place(unit);
  if (high < low) return false;
  ++searches_;
  Search before(*this, 0, {unit}, low, high), behind(*this, 1, {target}, low, high);
  while (before.step() && behind.step()) {
    if (before.found(target) || behind.found(unit)) return true;
  }
  return before.found(target) || behind.found(unit);
}

bool Units::absorbs(int unit, const std::vector<bool>& stored) const {
  return members(unit).size() == 1 && !stored[static_cast<std::size_t>(members(unit)[0])];
}

bool Units::take_between(std::vector<int>* found, std::vector<int>* joined, const Edges& edges,
                         const std::vector<bool>& stored) {
  for (const int u : *joined) joined_[static_cast<std::size_t>(u)] = searches_;
  const auto is_joined = [&](int u) { return joined_[static_cast<std::size_t>(u)] == searches_; };
  for (const int u : *found) {
    const bool between = std::any_of(members(u).begin(), members(u).end(), [&](int n) {
      const auto to = edges.of(n);
      return std::any_of(to.begin(), to.end(), [&](int m) { return is_joined(unit_of(m)); });
    });
    if (!between) continue;
    if (!absorbs(u, stored)) return false;
    joined_[static_cast<std::size_t>(u)] = searches_;
    joined->push_back(u);
  }
  std::erase_if(*found, is_joined);
  return true;
}

bool Units::join(std::span<const int> nodes, const std::vector<bool>& stored) {
  std::vector<int> joined;
  for (const int n : nodes) joined.push_back(unit_of(n));
  const auto by_place = [&](int a, int b) { return place(a) < place(b); };
  std::sort(joined.begin(), joined.end(), by_place);
  joined.erase(std::unique(joined.begin(), joined.end()), joined.end());
  if (joined.size() < 2) return true;
  const int first = joined.front(), last = joined.back();
  ++searches_;
  Search before(*this, 0, joined, place(first), place(last));
  Search behind(*this, 1, joined, place(first), place(last));
  bool all_before = false;
  while (!(all_before = !before.step()) && behind.step()) {
  }
  std::vector<int> found = (all_before ? before : behind).all();
  std::sort(found.begin(), found.end(), by_place);
  if (!all_before) std::reverse(found.begin(), found.end());
  // Their own inputs stand before those in the line, their users behind: either way what an edge
  // leads to was looked at already.
  if (!take_between(&found, &joined, all_before ? inputs_ : users_, stored)) return false;
  // What the unit needs moves before it, where its first part stands; or what needs it behind it,
  // where its last part stands. Nothing else has to move.
  const int unit = merge(joined, all_before ? first : last);
  if (!all_before) std::reverse(found.begin(), found.end());
  for (const int u : found) unlink(u);
  insert_behind(all_before ? last_[static_cast<std::size_t>(unit)] : unit, found);
  return true;
}

int Units::merge(const std::vector<int>& joined, int at) {
  const auto size = [&](int u) { return members(u).size(); };
  const int unit = *std::max_element(joined.begin(), joined.end(),
                                     [&](int a, int b) { return size(a) < size(b); });
  if (unit != at) {
    unlink(unit);
    next_[static_cast<std::size_t>(unit)] = next_[static_cast<std::size_t>(at)];
    last_[static_cast<std::size_t>(next_[static_cast<std::size_t>(at)])] = unit;
    next_[static_cast<std::size_t>(at)] = unit;
    last_[static_cast<std::size_t>(unit)] = at;
    place_[static_cast<std::size_t>(unit)] = place(at);  // which leaves the line below
  }
  auto& all = members_[static_cast<std::size_t>(unit)];
  if (all.empty()) all.push_back(unit);
  for (const int u : joined) {
    if (u == unit) continue;
    unlink(u);
    const auto its = members(u);
    all.insert(all.end(), its.begin(), its.end());
    for (const int n : its) unit_[static_cast<std::size_t>(n)] = unit;
    members_[static_cast<std::size_t>(u)] = {};
  }
  return unit;
}

void Units::unlink(int unit) {
  const int next = next_[static_cast<std::size_t>(unit)];
  const int last = last_[static_cast<std::size_t>(unit)];
  next_[static_cast<std::size_t>(last)] = next;
  last_[static_cast<std::size_t>(next)] = last;
}

void Units::insert_behind(int anchor, std::span<const int> units) {
  const int end = static_cast<int>(members_.size());
  const int behind = next_[static_cast<std::size_t>(anchor)];
  Place at = anchor == end ? 0 : place(anchor);
  const Place step = (place(behind) - at) / (units.size() + 1);
  int before = anchor;
  for (const int u : units) {
    place_[static_cast<std::size_t>(u)] = at += step;
    last_[static_cast<std::size_t>(u)] = before;
    next_[static_cast<std::size_t>(before)] = u;
    before = u;
  }
  next_[static_cast<std::size_t>(before)] = behind;
  last_[static_cast<std::size_t>(behind)] = before;
  if (step == 0) spread();
}

void Units::spread() {
  const int end = static_cast<int>(members_.size());
  Place at = 0;
  for (int u = next_[static_cast<std::size_t>(end)]; u != end;
       u = next_[static_cast<std::size_t>(u)])
    place_[static_cast<std::size_t>(u)] = at += Place{1} << kGap;
  place_[static_cast<std::size_t>(end)] = at + (Place{1} << kGap);
}

}  // namespace lilith::schedule
