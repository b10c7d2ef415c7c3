#include "schedule/launch_graph.h"

#include <algorithm>
#include <map>
#include <utility>

namespace lilith::schedule {
namespace {

/// Bytes that are always touched together, so far.
struct Piece {
  std::size_t end = 0;
  int writer = -1;           // the last launch that wrote them
  std::vector<int> readers;  // since then
};

/// One piece of memory, as pieces that do not overlap.
class Region {
 public:
  /// A launch touches [begin, end); adds those that it waits for.
  void touch(int launch, bool writes, std::size_t begin, std::size_t end,
             std::vector<int>* waits_for) {
    cover(begin, end);
    for (auto it = pieces_.find(begin); it != pieces_.end() && it->first < end; ++it) {
      Piece& p = it->second;
      if (p.writer >= 0) waits_for->push_back(p.writer);
      if (writes) waits_for->insert(waits_for->end(), p.readers.begin(), p.readers.end());
      if (writes) {
        p.writer = launch;
        p.readers.clear();
      } else {
        p.readers.push_back(launch);
      }
    }
  }

 private:
  // Pieces fill [begin, end), and none goes beyond it.
  void cover(std::size_t begin, std::size_t end) {
    split(begin);
    split(end);
    for (std::size_t at = begin; at < end;) {
      const auto next = pieces_.lower_bound(at);
      if (next != pieces_.end() && next->first == at) {
        at = next->second.end;
        continue;
      }
      const std::size_t stop = next == pieces_.end() ? end : std::min(end, next->first);
      pieces_[at].end = stop;
      at = stop;
    }
  }

  void split(std::size_t at) {
    auto it = pieces_.upper_bound(at);
    if (it == pieces_.begin()) return;
    --it;
    if (it->first == at || it->second.end <= at) return;
    pieces_[at] = it->second;
    it->second.end = at;
  }

  std::map<std::size_t, Piece> pieces_;  // by their first byte
};

Edges edges_of(const LaunchNeeds& all) {
  std::vector<std::pair<int, int>> pairs;
  for (std::size_t k = 0; k < all.size(); ++k) {
    for (const int n : all[k]) pairs.emplace_back(static_cast<int>(k), n);
  }
  return {all.size(), pairs};
}

/// Without those that another one waits for.
void keep_direct(LaunchNeeds* all) {
  for (std::vector<int>& needs : *all) {
    std::ranges::sort(needs, std::ranges::greater());
    needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
  }
  const LaunchOrder order(*all);
  for (std::vector<int>& needs : *all) {
    std::vector<int> direct;
    for (const int n : needs) {
      if (std::ranges::none_of(direct, [&](int later) {
            return order.needs(static_cast<std::size_t>(later), static_cast<std::size_t>(n));
          }))
        direct.push_back(n);
    }
    needs = std::move(direct);
  }
}

LaunchNeeds needs_of(const Plan& plan, bool is_placed) {
  LaunchNeeds all(plan.launches.size());
  Region arena;
  std::vector<Region> others(plan.buffers.size());  // inputs, and outputs that have no donor
  for (std::size_t k = 0; k < all.size(); ++k) {
    const LaunchPlan& l = plan.launches[k];
    for (const bool writes :
         {false, true}) {  // what it only reads first: it does not wait for itself
      for (const int id : l.buffers) {
        if ((std::ranges::count(l.written, id) > 0) != writes) continue;
        const BufferPlan& b = plan.buffers[static_cast<std::size_t>(id)];
        const bool in_arena = is_placed && b.kind == BufferPlan::Kind::Arena;
        Region& region =
            in_arena ? arena : others[static_cast<std::size_t>(b.donor >= 0 ? b.donor : id)];
        const std::size_t begin = in_arena ? b.offset : 0;
        region.touch(static_cast<int>(k), writes, begin, begin + b.bytes, &all[k]);
      }
    }
    std::erase(all[k], static_cast<int>(k));
  }
  keep_direct(&all);
  return all;
}

}  // namespace

LaunchOrder::LaunchOrder(const LaunchNeeds& needs)
    : edges_(edges_of(needs)), reachability_(edges_) {}

LaunchNeeds launch_needs(const Plan& plan) { return needs_of(plan, true); }
LaunchNeeds value_needs(const Plan& plan) { return needs_of(plan, false); }

std::size_t longest_chain(const LaunchNeeds& needs) {
  std::vector<std::size_t> depth;
  for (const std::vector<int>& before : needs) {
    std::size_t longest = 0;
    for (const int n : before) longest = std::max(longest, depth[static_cast<std::size_t>(n)]);
    depth.push_back(longest + 1);
  }
  return depth.empty() ? 0 : std::ranges::max(depth);
}

}  // namespace lilith::schedule
