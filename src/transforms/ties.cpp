#include "transforms/ties.h"

#include <algorithm>
#include <numeric>

#include "ir/node.h"

namespace lilith::detail {
namespace {

// What was initialised in place, the last one, is the value of all that it is tied to.
std::vector<const Tensor*> values_of(const std::vector<Tensor*>& slots,
                                     const std::vector<std::size_t>& roots) {
  std::vector<const Tensor*> out(slots.begin(), slots.end());
  for (std::size_t i = 0; i < roots.size(); ++i)
    if (slots[i]->tie_tag().fresh()) out[roots[i]] = slots[i];
  for (std::size_t i = 0; i < roots.size(); ++i) out[i] = out[roots[i]];
  return out;
}

/// Tagged slots of one family that were copied together, or were not copied.
using Group = std::vector<std::size_t>;

class Ties {
 public:
  explicit Ties(const std::vector<Tensor*>& slots) : slots_(slots), root_(slots.size()) {
    std::iota(root_.begin(), root_.end(), std::size_t{0});
  }

  std::vector<std::size_t> solve(bool writable) {
    std::vector<std::size_t> tagged;
    for (std::size_t i = 0; i < slots_.size(); ++i)
      if (slots_[i]->defined() && tag(i).tagged()) tagged.push_back(i);
    std::stable_sort(tagged.begin(), tagged.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(tag(a).family(), tag(a).stamp()) <
             std::pair(tag(b).family(), tag(b).stamp());
    });
    Group group;
    for (const std::size_t i : tagged) {
      if (!group.empty() && !continues(group, i)) {
        unite(group);
        group.clear();
      }
      group.push_back(i);
    }
    unite(group);
    if (!tied_) return {};
    for (std::size_t i = 0; i < root_.size(); ++i) root_[i] = find(i);
    if (writable) spread_fresh();
    return std::move(root_);
  }

 private:
  const TieTag& tag(std::size_t i) const { return slots_[i]->tie_tag(); }

  // A member that comes again begins another copy of the same tensors.
  bool continues(const Group& group, std::size_t i) const {
    const TieTag& last = tag(group.back());
    return last.family() == tag(i).family() && (last.stamp() == 0) == (tag(i).stamp() == 0) &&
           std::none_of(group.begin(), group.end(),
                        [&](std::size_t k) { return tag(k).member() == tag(i).member(); });
  }

  // One value is the sign that nobody set one of them alone.
  void unite(const Group& group) {
    for (std::size_t a = 0; a < group.size(); ++a)
      for (std::size_t b = a + 1; b < group.size(); ++b) {
        const TieTag &x = tag(group[a]), &y = tag(group[b]);
        const bool one = slots_[group[a]]->node() == slots_[group[b]]->node();
        if (x.linked(y) && (one || x.fresh() || y.fresh())) join(group[a], group[b]);
      }
  }

  std::size_t find(std::size_t i) const {
    while (root_[i] != i) i = root_[i];
    return i;
  }
  void join(std::size_t a, std::size_t b) {
    a = find(a);
    b = find(b);
    if (a != b) root_[std::max(a, b)] = std::min(a, b);
    tied_ = true;
  }

  void spread_fresh() {
    const std::vector<const Tensor*> values = values_of(slots_, root_);
    for (std::size_t i = 0; i < root_.size(); ++i)
      if (slots_[i]->node() != values[i]->node()) slots_[i]->rebind(*values[i]);
    for (Tensor* t : slots_)
      if (t->tie_tag().fresh()) t->tie_tag().set_fresh(false);
  }

  const std::vector<Tensor*>& slots_;
  std::vector<std::size_t> root_;
  bool tied_ = false;
};

}  // namespace

std::vector<std::size_t> tie_roots(const std::vector<Tensor*>& slots, bool writable) {
  const bool any = std::count_if(slots.begin(), slots.end(),
                                 [](const Tensor* t) { return t->tie_tag().tagged(); }) > 1;
  return any ? Ties(slots).solve(writable) : std::vector<std::size_t>();
}

std::vector<const Tensor*> tied_values(const std::vector<Tensor*>& slots) {
  return values_of(slots, tie_roots(slots, false));
}

}  // namespace lilith::detail
