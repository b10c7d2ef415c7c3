#include "schedule/occupancy.h"

#include <algorithm>
#include <bit>
#include <iterator>

namespace lilith::schedule {

Occupancy::Occupancy(int times)
    : times_(static_cast<int>(std::bit_ceil(static_cast<unsigned>(std::max(times, 1))))),
      tree_(static_cast<std::size_t>(times_) * 2) {}

void Occupancy::add(Taken* taken, std::size_t begin, std::size_t end) {
  auto at = taken->upper_bound(begin);
  if (at != taken->begin() && std::prev(at)->second >= begin) --at;
  while (at != taken->end() && at->first <= end) {
    begin = std::min(begin, at->first);
    end = std::max(end, at->second);
    at = taken->erase(at);
  }
  taken->emplace_hint(at, begin, end);
}

template <class Tree, class F>
void Occupancy::each(Tree& tree, std::size_t node, int low, int high, int first, int last,
                     const F& f) {
  if (last < low || high < first) return;
  const bool whole = first <= low && high <= last;
  f(tree[node], whole);
  if (whole) return;
  const int middle = low + (high - low) / 2;
  each(tree, node * 2, low, middle, first, last, f);
  each(tree, node * 2 + 1, middle + 1, high, first, last, f);
}

void Occupancy::take(int first, int last, std::size_t at, std::size_t bytes) {
  if (bytes == 0) return;
  each(tree_, 1, 0, times_ - 1, first, last, [&](Stretch& s, bool whole) {
    if (whole) add(&s.always, at, at + bytes);
    add(&s.sometimes, at, at + bytes);
  });
}

std::size_t Occupancy::lowest_free(int first, int last, std::size_t bytes) const {
  std::vector<const Taken*> taken;
  each(tree_, 1, 0, times_ - 1, first, last, [&](const Stretch& s, bool whole) {
    const Taken& t = whole ? s.sometimes : s.always;
    if (!t.empty()) taken.push_back(&t);
  });
  std::size_t at = 0;
  for (bool moved = true; moved && bytes > 0;) {
    moved = false;
    for (const Taken* t : taken) {
      // The last one that begins before the end of the place.
      auto next = t->lower_bound(at + bytes);
      if (next == t->begin() || std::prev(next)->second <= at) continue;
      // What begins first among those that are in the way: a gap behind it may do.
      auto in_the_way = t->upper_bound(at);
      if (in_the_way != t->begin() && std::prev(in_the_way)->second > at) --in_the_way;
      at = in_the_way->second;
      moved = true;
    }
  }
  return at;
}

}  // namespace lilith::schedule
