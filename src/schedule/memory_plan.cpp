#include "schedule/memory_plan.h"

#include <algorithm>
#include <unordered_set>

#include "kernel_ir/walk.h"

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
}

// Every load of buffer `in`, and every store to buffer `out`, in program order.
struct MemoryOp {
  kir::Expr index;
  bool store = false;
  const kir::Block* block = nullptr;
};

void collect_loads(const kir::Expr& x, kir::BufferId in, const kir::Block* block,
                   std::unordered_set<const kir::ExprNode*>* seen, std::vector<MemoryOp>* list) {
  if (!x || !seen->insert(x.node()).second) return;
  if (x->op == kir::Op::Load && x->i == in) list->push_back({x->args[0], false, block});
  for (const kir::Expr& a : x->args) collect_loads(a, in, block, seen, list);
}

void collect(const kir::Block& block, kir::BufferId in, kir::BufferId out,
             std::vector<MemoryOp>* list) {
  for (const kir::Stmt& s : block) {
    std::unordered_set<const kir::ExprNode*> seen;
    kir::for_each_expr(s, [&](const kir::Expr& x) { collect_loads(x, in, &block, &seen, list); });
    if (s.kind == kir::Stmt::Kind::Store && s.store.buffer == out)
      list->push_back({s.store.index, true, &block});
    kir::for_each_block(s, [&](const kir::Block& b) { collect(b, in, out, list); });
  }
}

// Whether `in` may lie where `out` does: each element is read through `in`, in the statements up to
// the store to the same place, and nowhere else. (A value that was read once is kept in a
// register.)
bool same_place(const kir::Kernel& k, kir::BufferId in, kir::BufferId out) {
  std::vector<MemoryOp> list;
  collect(k.body, in, out, &list);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].store) {
      // Read no later than written.
      const bool read = std::any_of(
          list.begin(), list.begin() + static_cast<std::ptrdiff_t>(i), [&](const MemoryOp& a) {
            return !a.store && a.block == list[i].block && a.index == list[i].index;
          });
      if (!read) return false;
      continue;
    }
    const bool written_here = std::any_of(list.begin(), list.end(), [&](const MemoryOp& a) {
      return a.store && a.block == list[i].block && a.index == list[i].index;
    });
    if (!written_here) return false;
  }
  return true;
}

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

// Whether output `out` may be written where input `in` lies.
bool may_replace(const Plan& plan, const Touches& touches, int in, int out) {
  const auto &reads = touches[static_cast<std::size_t>(in)],
             &writes = touches[static_cast<std::size_t>(out)];
  if (writes.size() != 1) return false;  // written once, and not read back
  if (reads.empty() || reads.back() < writes[0]) return true;
  const LaunchPlan& l = plan.launches[writes[0]];
  return reads.back() == writes[0] && same_place(l.kernel, param_of(l, in), param_of(l, out));
}

}  // namespace

void choose_donors(Plan* plan, const std::vector<bool>& donated) {
  const Touches touches = find_touches(*plan);
  std::vector<bool> taken(plan->buffers.size(), false);
  for (const int out : plan->outputs) {
    BufferPlan& o = plan->buffers[static_cast<std::size_t>(out)];
    if (o.kind != BufferPlan::Kind::Output || o.donor >= 0) continue;
    for (std::size_t i = 0; i < donated.size() && o.donor < 0; ++i) {
      const int in = plan->inputs[i];
      const BufferPlan& b = plan->buffers[static_cast<std::size_t>(in)];
      const bool passed_through =
          std::find(plan->outputs.begin(), plan->outputs.end(), in) != plan->outputs.end();
      if (!donated[i] || taken[static_cast<std::size_t>(in)] || passed_through ||
          b.bytes != o.bytes || b.dtype != o.dtype || !may_replace(*plan, touches, in, out)) {
        continue;
      }
      o.donor = in;
      taken[static_cast<std::size_t>(in)] = true;
    }
  }
}

void plan_memory(Plan* plan, std::size_t guard_bytes) {
  find_lifetimes(plan);
  std::vector<BufferPlan*> order;
  for (BufferPlan& b : plan->buffers) {
    if (b.kind == BufferPlan::Kind::Arena && b.first >= 0) order.push_back(&b);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const BufferPlan* a, const BufferPlan* b) { return a->bytes > b->bytes; });
  std::vector<BufferPlan*> placed;
  for (BufferPlan* b : order) {
    std::vector<const BufferPlan*> live;
    for (const BufferPlan* p : placed) {
      // With guard bands nothing shares memory, so that a band can be looked at after the run.
      if (guard_bytes > 0 || (p->first <= b->last && b->first <= p->last)) live.push_back(p);
    }
    std::sort(live.begin(), live.end(),
              [](const auto* x, const auto* y) { return x->offset < y->offset; });
    std::size_t at = 0;
    const std::size_t need = round_up(b->bytes + guard_bytes);
    for (const BufferPlan* p : live) {
      if (at + need <= p->offset) break;
      at = std::max(at, p->offset + round_up(p->bytes + guard_bytes));
    }
    b->offset = at;
    plan->arena_bytes = std::max(plan->arena_bytes, at + need);
    placed.push_back(b);
  }
}

}  // namespace lilith::schedule
