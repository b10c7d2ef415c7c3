#include "schedule/occupancy.h"

#include <algorithm>
#include <bit>

namespace lilith::schedule {

Occupancy::Occupancy(int times)
    : times_(static_cast<int>(std::bit_ceil(static_cast<unsigned>(std::max(times, 1))))),
      tree_(static_cast<std::size_t>(times_) * 2) {}

void Occupancy::add(Taken* taken, std::size_t begin, std::size_t end) {
  const auto first = std::partition_point(taken->begin(), taken->end(),
                                          [&](const Place& p) { return p.end < begin; });
  auto last = first;
  for (; last != taken->end() && last->begin <= end; ++last) {
    begin = std::min(begin, last->begin);
    end = std::max(end, last->end);
  }
  if (first == last) {
    taken->insert(first, {begin, end});
  } else {
    *first = {begin, end};
    taken->erase(first + 1, last);
  }
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
  struct Cursor {
    Taken::const_iterator at, end;  // `at`: the lowest that ends behind the place
  };
  std::vector<Cursor> cursors;
  each(tree_, 1, 0, times_ - 1, first, last, [&](const Stretch& s, bool whole) {
    const Taken& t = whole ? s.sometimes : s.always;
    if (!t.empty()) cursors.push_back({t.begin(), t.end()});
  });
  std::size_t place = 0;
  for (bool moved = bytes > 0; moved;) {
    moved = false;
    looked_at_ += static_cast<std::int64_t>(cursors.size());
    for (Cursor& c : cursors) {
      c.at = std::partition_point(c.at, c.end, [&](const Place& p) { return p.end <= place; });
      for (; c.at != c.end && c.at->begin < place + bytes; ++c.at) {
        place = c.at->end;
        moved = true;
        ++looked_at_;
      }
    }
  }
  return place;
}

}  // namespace lilith::schedule
