#include "schedule/known_groups.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "kernel_ir/forms.h"

namespace lilith::schedule {
namespace {

struct Hash {
  std::size_t operator()(const std::array<std::uint64_t, 2>& h) const { return h[0]; }
};
using Groups =
    std::unordered_map<std::array<std::uint64_t, 2>, std::shared_ptr<const KnownGroup>, Hash>;

/// Those that were asked for lately, and those before.
struct Store {
  static constexpr std::size_t kMost = 1024;
  std::mutex mutex;
  Groups now, before;

  /// What is forgotten: freed by who lets go of the mutex first.
  Groups add(const std::array<std::uint64_t, 2>& hash, std::shared_ptr<const KnownGroup> known) {
    Groups forgotten;
    if (now.size() >= kMost) forgotten = std::exchange(before, std::exchange(now, {}));
    now.emplace(hash, std::move(known));
    return forgotten;
  }
};

Store& store() {
  static Store* s = new Store;  // outlives every static that still computes
  return *s;
}

/// Buffers of a plan as numbers of a group's nodes, and of its scratch below them.
class Names {
 public:
  Names(const GroupKey& key, const PlanMark& mark, const Builder& b) : mark_(mark) {
    for (std::size_t k = key.nodes.size(); k-- > 0;) {
      const int buffer = b.buffer(key.nodes[k]);
      if (buffer >= 0) number_[buffer] = static_cast<int>(k);
    }
  }
  std::optional<int> of(int buffer) const {
    const auto added = buffer - static_cast<int>(mark_.buffers);
    if (added >= 0) return -1 - added;
    const auto at = number_.find(buffer);
    return at == number_.end() ? std::nullopt : std::optional(at->second);
  }
  bool rename(std::vector<int>* buffers) const {
    for (int& id : *buffers) {
      const std::optional<int> name = of(id);
      if (!name) return false;
      id = *name;
    }
    return true;
  }

 private:
  const PlanMark& mark_;
  std::unordered_map<int, int> number_;
};

}  // namespace

std::shared_ptr<const KnownGroup> find_known(const GroupKey& key) {
  Store& s = store();
  Groups forgotten;
  const std::lock_guard lock(s.mutex);
  if (const auto at = s.now.find(key.hash); at != s.now.end()) return at->second;
  const auto at = s.before.find(key.hash);
  if (at == s.before.end()) return nullptr;
  std::shared_ptr<const KnownGroup> known = at->second;
  s.before.erase(at);
  forgotten = s.add(key.hash, known);
  return known;
}

void remember(const GroupKey& key, std::shared_ptr<const KnownGroup> known) {
  Store& s = store();
  Groups forgotten;
  const std::lock_guard lock(s.mutex);
  forgotten = s.add(key.hash, std::move(known));
}

PlanMark::PlanMark(const Builder& b)
    : launches(b.plan.launches.size()), buffers(b.plan.buffers.size()), copies(b.copies.size()) {}

std::shared_ptr<const KnownGroup> written_since(const PlanMark& mark, const Decision& d,
                                                const Builder& b) {
  if (b.copies.size() != mark.copies) return nullptr;
  const GroupKey& key = *d.key;
  const Names names(key, mark, b);
  auto known = std::make_shared<KnownGroup>();
  known->name = d.choice.name;
  known->next_best = d.next_best;
  for (const auto& [n, layout] : d.choice.results)
    known->results.emplace_back(key.number(n), layout);
  known->scratch.assign(b.plan.buffers.begin() + static_cast<std::ptrdiff_t>(mark.buffers),
                        b.plan.buffers.end());
  for (std::size_t k = mark.launches; k < b.plan.launches.size(); ++k) {
    KnownGroup::Launch l{b.plan.launches[k], {}};
    if (l.plan.loop || !names.rename(&l.plan.buffers) || !names.rename(&l.plan.written))
      return nullptr;
    for (const ir::NodeImpl* n : b.stored_by[k]) l.results.push_back(key.number(n));
    known->launches.push_back(std::move(l));
  }
  return known;
}

void write_again(const KnownGroup& known, const GroupKey& key, Builder* b) {
  const int scratch = static_cast<int>(b->plan.buffers.size());
  b->plan.buffers.insert(b->plan.buffers.end(), known.scratch.begin(), known.scratch.end());
  const auto node = [&](int n) { return key.nodes[static_cast<std::size_t>(n)]; };
  const auto rename = [&](std::vector<int>* buffers) {
    for (int& id : *buffers) id = id < 0 ? scratch - 1 - id : b->buffer(node(id));
  };
  for (const KnownGroup::Launch& launch : known.launches) {
    LaunchPlan l = launch.plan;
    rename(&l.buffers);
    rename(&l.written);
    for (std::size_t p = 0; p < l.params.size(); ++p) {
      l.kernel.buffers[static_cast<std::size_t>(l.params[p])].name =
          b->plan.buffers[static_cast<std::size_t>(l.buffers[p])].name;
    }
    Nodes results;
    for (const int n : launch.results) results.push_back(node(n));
    if (!results.empty()) {
      l.loc = results.back()->loc;
      l.what = l.what.substr(0, l.what.find("->") + 2) + b->describe(results);
    }
    b->plan.launches.push_back(std::move(l));
    b->stored_by.resize(b->plan.launches.size());
    b->stored_by.back() = std::move(results);
  }
}

}  // namespace lilith::schedule
