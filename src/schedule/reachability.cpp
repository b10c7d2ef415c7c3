#include "schedule/reachability.h"

#include <algorithm>

#include "ir/hash.h"

namespace lilith::schedule {

Edges::Edges(std::size_t nodes, const std::vector<std::pair<int, int>>& pairs)
    : first_(nodes + 1, 0), to_(pairs.size()) {
  for (const auto& [from, to] : pairs) ++first_[static_cast<std::size_t>(from) + 1];
  for (std::size_t k = 0; k < nodes; ++k) first_[k + 1] += first_[k];
  std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
  for (const auto& [from, to] : pairs) to_[next[static_cast<std::size_t>(from)]++] = to;
}

Reachability::Reachability(const Edges& inputs)
    : inputs_(inputs),
      walks_(inputs.nodes() < kSmall ? kFewWalks : kWalks),
      labels_(inputs.nodes()),
      seen_(inputs.nodes(), 0) {
  for (std::size_t n = 0; n < labels_.size(); ++n) {
    for (const int in : inputs_.of(static_cast<int>(n)))
      labels_[n].depth =
          std::max(labels_[n].depth, labels_[static_cast<std::size_t>(in)].depth + 1);
  }
  for (int k = 0; k < walks_; ++k) walk(k);
}

// Depth first from the last node to the first: in the first walk through inputs in their order, in
// the second in the reverse one, then from one of them on.
void Reachability::walk(int k) {
  struct Frame {
    int node;
    std::size_t next;
  };
  const auto child = [&](const Frame& f) {
    const std::span<const int> in = inputs_.of(f.node);
    if (k < 2) return k == 0 ? in[f.next] : in[in.size() - 1 - f.next];
    const auto first = static_cast<std::size_t>(
        mix(static_cast<std::uint64_t>(k), static_cast<std::uint64_t>(f.node)) >> 8);
    return in[(first + f.next) % in.size()];
  };
  const auto place = [&](int n) -> Place& {
    return labels_[static_cast<std::size_t>(n)].walks[static_cast<std::size_t>(k)];
  };
  std::vector<bool> entered(labels_.size(), false);
  std::vector<Frame> stack;
  int next_place = 0;
  const auto enter = [&](int n) {
    if (entered[static_cast<std::size_t>(n)]) return;
    entered[static_cast<std::size_t>(n)] = true;
    place(n) = {0, next_place, next_place};
    stack.push_back({n, 0});
  };
  for (int root = static_cast<int>(labels_.size()) - 1; root >= 0; --root) {
    enter(root);
    while (!stack.empty()) {
      Frame& top = stack.back();
      const std::span<const int> in = inputs_.of(top.node);
      if (top.next < in.size()) {
        const int n = child(top);
        ++top.next;
        enter(n);
        continue;
      }
      Place& p = place(top.node);
      p.left = next_place++;
      for (const int n : in) p.needs = std::min(p.needs, place(n).needs);
      stack.pop_back();
    }
  }
}

Reachability::Answer Reachability::look_up(int n, int of) const {
  if (n <= of) return n == of ? Answer::Yes : Answer::No;
  const Label &a = labels_[static_cast<std::size_t>(n)], &b = labels_[static_cast<std::size_t>(of)];
  if (a.depth <= b.depth) return Answer::No;
  bool found = false;
  for (std::size_t k = 0; k < static_cast<std::size_t>(walks_); ++k) {
    const Place &x = a.walks[k], &y = b.walks[k];
    if (x.needs > y.needs || x.left < y.left) return Answer::No;
    found = found || x.subtree <= y.left;
  }
  return found ? Answer::Yes : Answer::Unknown;
}

bool Reachability::depends(int n, int of) const {
  const Answer answer = look_up(n, of);
  return answer == Answer::Unknown ? search(n, of) : answer == Answer::Yes;
}

bool Reachability::search(int n, int of) const {
  ++searches_;
  stack_.assign(1, n);
  while (!stack_.empty()) {
    const int top = stack_.back();
    stack_.pop_back();
    for (const int in : inputs_.of(top)) {
      std::uint32_t& seen = seen_[static_cast<std::size_t>(in)];
      if (seen == searches_) continue;
      seen = searches_;
      ++looked_at_;
      const Answer answer = look_up(in, of);
      if (answer == Answer::Yes) return true;
      if (answer == Answer::Unknown) stack_.push_back(in);
    }
  }
  return false;
}

}  // namespace lilith::schedule
