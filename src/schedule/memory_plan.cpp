#include "schedule/memory_plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_set>

#include "kernel_ir/walk.h"
#include "schedule/launch_graph.h"
#include "schedule/occupancy.h"

// Interval packing: the largest buffers first, each at the lowest offset where nothing that lives
// at the same time lies. Lifetimes are rounded to the stretches between barriers: launches that no
// barrier parts may run at the same time.
namespace lilith::schedule {
namespace {

constexpr std::size_t kAlign = 64;

std::size_t round_up(std::size_t n) { return (n + kAlign - 1) / kAlign * kAlign; }

void find_lifetimes(Plan* plan) {
  int stretch = 0;
  for (const LaunchPlan& l : plan->launches) {
    if (l.barrier_before) ++stretch;
    for (const int id : l.buffers) {
      BufferPlan& b = plan->buffers[static_cast<std::size_t>(id)];
      if (b.first < 0) b.first = stretch;
      b.last = stretch;
    }
  }
  // What the first step of a loop leaves to the others stays.
  for (std::size_t k = 0; k < plan->once; ++k) {
    for (const int id : plan->launches[k].written) {
      BufferPlan& b = plan->buffers[static_cast<std::size_t>(id)];
      b.first = 0;
      b.last = stretch;
    }
  }
}

/// Where a kernel reads and stores its buffers: which elements, in which block, in program order.
class Accesses {
 public:
  explicit Accesses(const kir::Kernel& k) : by_buffer_(k.buffers.size()) {
    collect(k.body);
    for (Buffer& b : by_buffer_) {
      keep_first(&b.loads);
      keep_first(&b.stores);
    }
  }

  /// Whether `in` may lie where `out` does: each element is read through `in`, in the statements up
  /// to the store to the same place, and nowhere else. (A value that was read once is kept in a
  /// register.)
  bool same_place(kir::BufferId in, kir::BufferId out) const {
    const Places &loads = of(in).loads, &stores = of(out).stores;
    return std::ranges::equal(loads, stores, [](const Place& load, const Place& store) {
      return load.block == store.block && load.index == store.index &&
             load.statement <= store.statement;
    });
  }

 private:
  struct Place {
    const kir::Block* block;
    const kir::ExprNode* index;
    int statement;                        // the first one that reads there, or that stores
    const kir::ExprNode* mask = nullptr;  // another one is another load, in another register
  };
  using Places = std::vector<Place>;  // each once, in some order
  struct Buffer {
    Places loads, stores;
  };
  using Seen = std::unordered_set<const kir::ExprNode*>;

  static void keep_first(Places* places) {
    const auto place = [](const Place& p) { return std::tuple(p.block, p.index, p.mask); };
    std::ranges::sort(*places, {}, [](const Place& p) {
      return std::tuple(p.block, p.index, p.mask, p.statement);
    });
    const auto rest = std::ranges::unique(*places, {}, place);
    places->erase(rest.begin(), rest.end());
  }

  Buffer& of(std::int64_t id) { return by_buffer_[static_cast<std::size_t>(id)]; }
  const Buffer& of(std::int64_t id) const { return by_buffer_[static_cast<std::size_t>(id)]; }

  void collect_loads(const kir::Expr& x, const kir::Block* block, Seen* seen) {
    if (!x || !seen->insert(x.node()).second) return;
    if (x->op == kir::Op::Load) {
      const kir::ExprNode* mask = x->args.size() > 1 ? x->args[1].node() : nullptr;
      of(x->i).loads.push_back({block, x->args[0].node(), statement_, mask});
    }
    for (const kir::Expr& a : x->args) collect_loads(a, block, seen);
  }

  void collect(const kir::Block& block) {
    Seen seen;  // of this block's own statements: what one of them read, the next ones have
    for (const kir::Stmt& s : block) {
      ++statement_;
      kir::for_each_expr(s, [&](const kir::Expr& x) { collect_loads(x, &block, &seen); });
      if (s.kind == kir::Stmt::Kind::Store)
        of(s.store.buffer).stores.push_back({&block, s.store.index.node(), statement_});
      kir::for_each_block(s, [&](const kir::Block& b) { collect(b); });
    }
  }

  std::vector<Buffer> by_buffer_;
  int statement_ = 0;
};

kir::BufferId param_of(const LaunchPlan& l, int buffer) {
  const auto it = std::find(l.buffers.begin(), l.buffers.end(), buffer);
  return it == l.buffers.end() ? -1 : l.params[static_cast<std::size_t>(it - l.buffers.begin())];
}

// By buffer: the launches that touch it, in order.
using Touches = std::vector<std::vector<std::size_t>>;
Touches find_touches(const Plan& plan) {
  Touches touches(plan.buffers.size());
  for (std::size_t k = 0; k < plan.launches.size(); ++k) {
    for (const int id : plan.launches[k].buffers)
      touches[static_cast<std::size_t>(id)].push_back(k);
  }
  return touches;
}

/// Pairs outputs with donated inputs of the same bytes and dtype.
class Donors {
 public:
  Donors(Plan* plan, const std::vector<bool>& donated)
      : plan_(*plan), touches_(find_touches(*plan)) {
    for (const BufferPlan& b : plan_.buffers)
      if (b.donor >= 0) taken_.insert(b.donor);
    std::vector<bool> passed_through(plan_.buffers.size(), false);
    for (const int out : plan_.outputs) passed_through[static_cast<std::size_t>(out)] = true;
    for (std::size_t i = 0; i < donated.size(); ++i) {
      const int in = plan_.inputs[i];
      if (donated[i] && !passed_through[static_cast<std::size_t>(in)]) donors_.push_back(in);
    }
  }

  /// Outputs take the memory of what they are made of, element by element.
  void update_in_place() {
    std::vector<std::vector<int>> last_read(plan_.launches.size());  // donors, by launch
    for (const int in : donors_) {
      if (!touches(in).empty()) last_read[touches(in).back()].push_back(in);
    }
    std::vector<std::vector<int>> written(plan_.launches.size());
    for (const int out : plan_.outputs) {
      if (wants(out)) written[touches(out)[0]].push_back(out);
    }
    for (std::size_t k = 0; k < plan_.launches.size(); ++k) {
      if (written[k].empty() || last_read[k].empty()) continue;
      const LaunchPlan& l = plan_.launches[k];
      if (l.loop || l.call) continue;  // which read in later steps, or as they like
      const Accesses accesses(l.kernel);
      for (const int out : written[k]) {
        const auto in = std::find_if(last_read[k].begin(), last_read[k].end(), [&](int donor) {
          return fit(donor, out) && accesses.same_place(param_of(l, donor), param_of(l, out));
        });
        if (!wants(out) || in == last_read[k].end()) continue;
        pair(*in, out);
        last_read[k].erase(in);
      }
    }
  }

  /// What is left takes the memory of what is no longer read, the first such input each.
  void take_what_is_free(bool may_wait) {
    std::optional<LaunchOrder> order;
    if (!may_wait) order.emplace(value_needs(plan_));
    std::map<Form, std::vector<int>> donors, outputs;
    for (const int in : donors_) {
      if (!taken_.contains(in)) donors[form_of(in)].push_back(in);
    }
    for (const int out : plan_.outputs) {
      if (wants(out)) outputs[form_of(out)].push_back(out);
    }
    for (auto& [form, wanting] : outputs) match(donors[form], wanting, order ? &*order : nullptr);
  }

 private:
  using Form = std::pair<std::size_t, DType>;

  BufferPlan& buffer(int id) const { return plan_.buffers[static_cast<std::size_t>(id)]; }
  const std::vector<std::size_t>& touches(int id) const {
    return touches_[static_cast<std::size_t>(id)];
  }
  Form form_of(int id) const { return {buffer(id).bytes, buffer(id).dtype}; }
  bool fit(int in, int out) const { return form_of(in) == form_of(out); }
  // Written once, and not read back.
  bool wants(int out) const {
    const BufferPlan& o = buffer(out);
    return o.kind == BufferPlan::Kind::Output && o.donor < 0 && touches(out).size() == 1;
  }
  void pair(int in, int out) {
    buffer(out).donor = in;
    taken_.insert(in);
  }

  // Outputs in the order of their launches, among the inputs that are free by then.
  void match(std::vector<int> donors, std::vector<int> outputs, const LaunchOrder* order) {
    const auto free_from = [&](int in) { return touches(in).empty() ? 0 : touches(in).back() + 1; };
    std::stable_sort(donors.begin(), donors.end(),
                     [&](int a, int b) { return free_from(a) < free_from(b); });
    std::stable_sort(outputs.begin(), outputs.end(),
                     [&](int a, int b) { return touches(a)[0] < touches(b)[0]; });
    std::set<int> free;
    auto next = donors.begin();
    for (const int out : outputs) {
      for (; next != donors.end() && free_from(*next) <= touches(out)[0]; ++next)
        free.insert(*next);
      const auto in = std::ranges::find_if(free, [&](int donor) {
        return order == nullptr || std::ranges::all_of(touches(donor), [&](std::size_t reader) {
                 return order->needs(touches(out)[0], reader);
               });
      });
      if (in == free.end() || !wants(out)) continue;
      pair(*in, out);
      free.erase(in);
    }
  }

  Plan& plan_;
  const Touches touches_;
  std::vector<int> donors_;
  std::unordered_set<int> taken_;
};

}  // namespace

void update_in_place(Plan* plan, const std::vector<bool>& donated) {
  Donors(plan, donated).update_in_place();
}

void take_what_is_free(Plan* plan, const std::vector<bool>& donated, bool may_wait) {
  Donors(plan, donated).take_what_is_free(may_wait);
}

void plan_memory(Plan* plan, std::size_t guard_bytes, std::size_t spread_bytes) {
  find_lifetimes(plan);
  std::vector<BufferPlan*> order;
  int end = 0;
  std::size_t all = 0;
  for (BufferPlan& b : plan->buffers) {
    if (b.kind != BufferPlan::Kind::Arena || b.first < 0) continue;
    order.push_back(&b);
    end = std::max(end, b.last + 1);
    all += round_up(b.bytes);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const BufferPlan* a, const BufferPlan* b) { return a->bytes > b->bytes; });
  // With guard bands nothing shares memory, so that a band can be looked at after the run.
  const bool shared = guard_bytes == 0 && all > spread_bytes;
  Occupancy occupancy(shared ? end : 1);
  for (BufferPlan* b : order) {
    const std::size_t need = round_up(b->bytes + guard_bytes);
    const int first = shared ? b->first : 0, last = shared ? b->last : 0;
    b->offset = occupancy.lowest_free(first, last, need);
    occupancy.take(first, last, b->offset, need);
    plan->arena_bytes = std::max(plan->arena_bytes, b->offset + need);
  }
}

std::vector<std::pair<int, int>> taken_launches(const Plan& plan) {
  std::vector<std::pair<int, int>> stretches;
  for (int i = 0; i < static_cast<int>(plan.launches.size()); ++i) {
    if (i == 0 || plan.launches[static_cast<std::size_t>(i)].barrier_before)
      stretches.emplace_back(i, i);
    stretches.back().second = i;
  }
  std::vector<std::pair<int, int>> taken;
  for (const BufferPlan& b : plan.buffers) {
    taken.emplace_back(-1, -1);
    if (b.first >= 0)
      taken.back() = {stretches[static_cast<std::size_t>(b.first)].first,
                      stretches[static_cast<std::size_t>(b.last)].second};
  }
  return taken;
}

}  // namespace lilith::schedule
