#include "schedule/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/env.h"
#include "schedule/kernel/contraction_spec.h"
#include "schedule/known_groups.h"

namespace lilith::schedule {
namespace {

using ir::NodeImpl;

bool reads(const RowChain::Stage& stage, const NodeImpl* n) {
  return std::find(stage.reads.begin(), stage.reads.end(), n) != stage.reads.end();
}

// The first stages alone, with what the others read of them.
Group head_of(const RowChain& chain, std::size_t count) {
  if (count == 1) return chain.stages[0].map;
  const auto cut = chain.stages.begin() + static_cast<std::ptrdiff_t>(count);
  RowChain head{{chain.stages.begin(), cut}, {}};
  for (const RowChain::Stage& s : head.stages) {
    for (NodeImpl* n : s.map.results()) {
      const auto& visible = chain.visible;
      if (std::find(visible.begin(), visible.end(), n) != visible.end() ||
          std::any_of(cut, chain.stages.end(), [&](const auto& later) { return reads(later, n); }))
        head.visible.push_back(n);
    }
  }
  return head;
}

Group rest_of(const RowChain& chain, std::size_t count) {
  const auto cut = chain.stages.begin() + static_cast<std::ptrdiff_t>(count);
  if (chain.stages.end() - cut == 1) return cut->map;
  return RowChain{{cut, chain.stages.end()}, chain.visible};
}

class Chooser {
 public:
  Chooser(const Backend& backend, const Pick& pick, Builder* b)
      : backend_(backend), pick_(pick), b_(*b) {
    if (!pick && !b_.target.gpu && !env::disabled("known_groups")) settings_ = settings_key(b_);
    if (b_.varying.empty() && std::ranges::count(b_.kept, true) == 0) return;
    alone_.emplace(b_);
    alone_->varying.clear();
  }

  void add(const Group& g) {
    if (try_whole(g)) return;
    if (const auto* chain = std::get_if<RowChain>(&g)) return add_in_parts(*chain);
    const auto* product = std::get_if<Product>(&g);
    if (product != nullptr && !b_.target.gpu) {  // whose products read any operand
      if (NodeImpl* operand = padded_operand(b_, product->core)) {
        add(Map{operand->aval.shape, {operand}, {}});
        return add(g);
      }
    }
    if (product == nullptr || product->pool == nullptr)
      throw InternalError("schedule: the device has no way to compute a group");
    add(Product{product->core, product->core->aval.shape, {product->core}});
    add(Map{product->domain, product->stores, {}});
  }

  std::vector<Decision> decisions;

 private:
  bool try_whole(const Group& g) {
    std::optional<GroupKey> key;
    if (settings_) key = group_key(g, b_, *settings_);
    if (key && (reads_copies(*key, b_) || (alone_ && reads_copies(*key, *alone_)))) key.reset();
    if (key && take_known(&key)) return true;
    std::vector<Choice> ways = !alone_              ? backend_.ways(g, b_)
                               : b_.varying.empty() ? with_kept(g, key ? &*key : nullptr)
                                                    : like_alone(g);
    if (ways.empty()) return false;
    const std::size_t k = pick_ ? std::min(pick_(g, ways), ways.size() - 1) : 0;
    Decision d{std::move(ways[k]), {}};
    if (ways.size() > 1) d.next_best = describe(ways[k == 0 ? 1 : 0]);
    take(d.choice, &b_);
    if (alone_ && b_.varying.empty()) take({{}, 0, d.choice.results, {}, alone_copies_}, &*alone_);
    if (d.choice.copies.empty() && alone_copies_.empty()) d.key = std::move(key);
    decisions.push_back(std::move(d));
    return true;
  }

  // What a product costs depends on copies of its operands that there are.
  static bool reads_copies(const GroupKey& key, const Builder& b) {
    return std::ranges::any_of(b.copies, [&](const auto& copy) {
      return std::ranges::find(key.operands, copy.first.front()) != key.operands.end();
    });
  }

  // As a group that is alike was decided.
  bool take_known(std::optional<GroupKey>* key) {
    std::shared_ptr<const KnownGroup> known = find_known(**key);
    if (!known) return false;
    Decision d{{known->name, 0, {}, {}}, known->next_best, std::move(*key), known};
    for (const auto& [n, layout] : known->results)
      d.choice.results.emplace_back(d.key->nodes[static_cast<std::size_t>(n)], layout);
    take(d.choice, &b_);
    if (alone_) take(d.choice, &*alone_);
    decisions.push_back(std::move(d));
    return true;
  }

  static void take(const Choice& c, Builder* b) {
    for (const auto& [n, layout] : c.results) b->add_value(n, layout);
    if (!c.copies.empty()) b->copies.try_emplace(c.copies, -1);
  }

  // In bits or in layouts.
  static bool differ(const Choice& x, const Choice& y) {
    return x.sum_order != y.sum_order || x.results != y.results;
  }

  // Copies of inputs that outlive the run cost little, and may make another way the best. It gives
  // the bits and layouts of what a program would choose that does not keep them, as one that
  // trains: `alone_` makes that one's choices, for what is copied once is free later on.
  std::vector<Choice> with_kept(const Group& g, const GroupKey* key) {
    alone_copies_.clear();
    if (!std::holds_alternative<Product>(g)) return backend_.ways(g, b_);
    const auto may_be_kept = [&](int buffer) { return b_.may_be_kept(buffer); };
    if (key && std::ranges::none_of(key->operands, may_be_kept)) {
      // Nor are there copies of its operands yet, here or alone: both are given the same.
      std::vector<Choice> same = backend_.ways(g, b_);
      if (!same.empty()) alone_copies_ = same.front().copies;
      return same;
    }
    const std::vector<Choice> usual = backend_.ways(g, *alone_);
    if (usual.empty()) return {};
    alone_copies_ = usual.front().copies;
    const auto is_usual = [&](const Choice& c) { return !differ(c, usual.front()); };
    b_.counts_kept = true;
    std::vector<Choice> ways = backend_.ways(g, b_);
    b_.counts_kept = false;
    if (std::ranges::none_of(ways, is_usual)) ways = backend_.ways(g, b_);
    std::ranges::stable_partition(ways, is_usual);
    return ways;
  }

  // Where extents vary: ways that give the bits of what these extents alone would be given, so that
  // no result depends on which sizes came before. Layouts stay the same, and with them what the
  // groups behind can choose from.
  std::vector<Choice> like_alone(const Group& g) {
    const std::vector<Choice> alone = backend_.ways(g, *alone_);
    if (alone.empty()) return {};
    alone_copies_ = alone.front().copies;
    const auto differs = [&](const Choice& c) { return differ(c, alone.front()); };
    std::vector<Choice> ways = backend_.ways(g, b_);
    std::erase_if(ways, differs);
    if (!ways.empty() && !is_much_slower(ways.front(), alone.front())) {
      take(alone.front(), &*alone_);
      return ways;
    }
    const std::vector<std::int64_t> varying = std::exchange(b_.varying, {});
    std::vector<Choice> general = std::exchange(ways, backend_.ways(g, b_));
    b_.varying = varying;
    std::erase_if(ways, differs);
    if (ways.empty()) ways = std::move(general);
    if (!ways.empty()) take(alone.front(), &*alone_);
    return ways;
  }

  // By so much that a kernel for this size alone is worth its compilation.
  static bool is_much_slower(const Choice& general, const Choice& alone) {
    constexpr double kTimes = 2, kCycles = 1e7;
    return general.cycles > kTimes * alone.cycles && general.cycles - alone.cycles > kCycles;
  }

  // The longest run of stages that one kernel can compute, then the others.
  void add_in_parts(const RowChain& chain) {
    std::size_t count = chain.stages.size() - 1;
    while (!try_whole(head_of(chain, count))) --count;
    add(rest_of(chain, count));
  }

  static std::string describe(const Choice& c) {
    return c.cycles > 0 ? fmt::format("{} ({:.3g} cycles)", c.name, c.cycles) : c.name;
  }

  const Backend& backend_;
  const Pick& pick_;
  Builder& b_;
  std::optional<Builder> alone_;  // as b_ would be if no extent varied, and no copy were kept
  std::vector<std::int64_t> alone_copies_;  // that it made for the last group
  std::optional<std::uint64_t> settings_;   // where what was written once may be written again
};

}  // namespace

std::vector<Decision> choose(const std::vector<Group>& groups, const Backend& backend,
                             const Pick& pick, Builder* b) {
  Chooser chooser(backend, pick, b);
  for (const Group& g : groups) chooser.add(g);
  return std::move(chooser.decisions);
}

void emit(const Decision& d, Builder* b) {
  const auto known = d.known ? d.known : d.key ? find_known(*d.key) : nullptr;
  if (known) return write_again(*known, *d.key, b);
  const PlanMark mark(*b);
  d.choice.emit();
  LaunchPlan& last = b->plan.launches.back();
  if (!last.loop) last.cycles = d.choice.cycles;  // which knows its own
  last.next_best = d.next_best;
  if (!d.key) return;
  if (auto written = written_since(mark, d, *b)) remember(*d.key, std::move(written));
}

}  // namespace lilith::schedule
