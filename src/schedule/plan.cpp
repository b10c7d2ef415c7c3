#include "schedule/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "schedule/cpu/backend.h"
#include "schedule/fusion/fusion.h"
#include "schedule/memory_plan.h"
#include "schedule/plan_record.h"

namespace lilith::schedule {

Layout Layout::row_major(int rank) {
  Layout l;
  l.order.resize(static_cast<std::size_t>(rank));
  std::iota(l.order.begin(), l.order.end(), 0);
  return l;
}
std::vector<std::int64_t> Layout::strides(const Shape& shape) const {
  std::vector<std::int64_t> s(order.size(), 0);
  std::int64_t step = 1;
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    s[static_cast<std::size_t>(*it)] = step;
    step *= shape[*it];
  }
  return s;
}

namespace {

// A launch waits for the others where it reads what they wrote or writes what they touched;
// launches of one thread alone follow each other on it.
void place_barriers(Plan* plan) {
  struct Touch {
    bool read = false, write = false, all = false;  // all: by more than thread 0
  };
  std::vector<Touch> since(plan->buffers.size());
  for (LaunchPlan& l : plan->launches) {
    bool conflict = false;
    const auto each_touch = [&](auto&& f) {
      for (std::size_t p = 0; p < l.buffers.size(); ++p) {
        const bool write = l.kernel.buffers[static_cast<std::size_t>(l.params[p])].written;
        f(since[static_cast<std::size_t>(l.buffers[p])], write);
        const int donor = plan->buffers[static_cast<std::size_t>(l.buffers[p])].donor;
        if (donor >= 0) f(since[static_cast<std::size_t>(donor)], write);
      }
    };
    each_touch([&](const Touch& t, bool write) {
      const bool clash = t.write || (write && t.read);
      conflict = conflict || (clash && (t.all || !l.single));
    });
    l.barrier_before = conflict;
    if (conflict) since.assign(plan->buffers.size(), {});
    each_touch([&](Touch& t, bool write) {
      (write ? t.write : t.read) = true;
      t.all = t.all || !l.single;
    });
  }
}

}  // namespace

Plan make_plan(const Graph& g, const PlanOptions& options) {
  const Dataflow dataflow(g);
  const Fusion fusion = fuse(dataflow, g, CpuRules(options.target), options.donated);
  Builder b{dataflow, options.target, {}, {}};
  for (std::size_t i = 0; i < g.inputs().size(); ++i) {
    const ir::NodeImpl* n = g.inputs()[i].node();
    BufferPlan p;
    p.kind = BufferPlan::Kind::Input;
    p.index = static_cast<int>(i);
    p.name = fmt::format("in{}", i);
    p.shape = n->aval.shape;
    p.dtype = n->aval.dtype;
    p.layout = Layout::row_major(p.shape.rank());
    p.bytes = n->aval.bytes();
    b.plan.buffers.push_back(std::move(p));
    b.buffer_of[n] = static_cast<int>(i);
    b.plan.inputs.push_back(static_cast<int>(i));
  }
  for (const Group& group : fusion.groups) emit(b, group);
  for (const Tensor& out : g.outputs()) b.plan.outputs.push_back(b.buffer(out.node()));
  choose_donors(&b.plan, options.donated);
  place_barriers(&b.plan);
  plan_memory(&b.plan, options.guard_bytes);
  record_plan(g, options, b.plan);
  return std::move(b.plan);
}

std::string Plan::str() const {
  std::string text;
  for (std::size_t i = 0; i < launches.size(); ++i) {
    const LaunchPlan& l = launches[i];
    text += fmt::format("{:3}{} {}\n      {}; {:.3f} MFLOP, {:.1f} KiB{}\n", i,
                        l.barrier_before ? "*" : " ", l.what, l.how, l.flops / 1e6, l.bytes / 1024,
                        l.single ? ", one thread" : "");
  }
  std::size_t total = 0;
  for (const BufferPlan& b : buffers) {
    if (b.kind == BufferPlan::Kind::Arena) total += b.bytes;
  }
  text += fmt::format("arena: {:.1f} KiB for {:.1f} KiB of values (* = barrier)\n",
                      static_cast<double>(arena_bytes) / 1024, static_cast<double>(total) / 1024);
  for (const BufferPlan& b : buffers) {
    if (b.kind != BufferPlan::Kind::Arena || b.bytes == 0) continue;
    text +=
        fmt::format("  {:>10} +{:<10} launches {:>3} to {:>3}  {}{}{}\n", b.offset, b.bytes,
                    b.first, b.last, name(b.dtype), b.shape.str(), b.scratch ? " (scratch)" : "");
  }
  return text;
}

}  // namespace lilith::schedule
