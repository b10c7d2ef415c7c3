#include "schedule/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "lilith/error.h"
#include "schedule/builder.h"
#include "schedule/memory_plan.h"
#include "schedule/plan_record.h"
#include "schedule/sparse.h"

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

int Builder::add_value(const ir::NodeImpl* n, const Layout& layout) {
  BufferPlan p;
  p.name = fmt::format("v{}", analysis.index(n));
  p.shape = n->aval.shape;
  p.dtype = n->aval.dtype;
  const bool output = analysis.is_output(n);
  p.layout = output ? Layout::row_major(p.shape.rank()) : layout;
  p.kind = output ? BufferPlan::Kind::Output : BufferPlan::Kind::Arena;
  // Offsets inside a window fit a byte.
  if (!output && n->op->name == "window_argmax") {
    std::int64_t window = 1;
    for (const std::int64_t w : n->attrs.ints("window")) window *= w;
    if (window <= 256) p.dtype = DType::U8;
  }
  p.bytes = static_cast<std::size_t>(p.shape.numel()) * size_of(p.dtype);
  plan.buffers.push_back(std::move(p));
  const int id = static_cast<int>(plan.buffers.size()) - 1;
  buffer_of[n] = id;
  return id;
}

int Builder::add_scratch(std::string name, DType dtype, std::int64_t elements) {
  BufferPlan p;
  p.name = std::move(name);
  p.shape = {elements};
  p.dtype = dtype;
  p.layout = Layout::row_major(1);
  p.bytes = static_cast<std::size_t>(elements) * size_of(dtype);
  p.scratch = true;
  plan.buffers.push_back(std::move(p));
  return static_cast<int>(plan.buffers.size()) - 1;
}

std::string describe(const Builder& b, const Group& g) {
  std::vector<const ir::NodeImpl*> seen;
  std::string ops;
  const std::function<void(const ir::NodeImpl*, bool)> visit = [&](const ir::NodeImpl* n,
                                                                   bool root) {
    if (std::find(seen.begin(), seen.end(), n) != seen.end() || n->is_leaf()) return;
    if (!root && b.buffer(n) >= 0) return;
    seen.push_back(n);
    for (const ir::NodeImpl* in : n->inputs) visit(in, false);
    if (seen.size() <= 24) ops += (ops.empty() ? "" : "+") + n->op->name;
  };
  if (g.core) visit(g.core, true);
  for (const ir::NodeImpl* n : g.results()) visit(n, true);
  std::string results;
  for (const ir::NodeImpl* n : g.results())
    results += fmt::format(" %{} {}", b.analysis.index(n), n->aval.str());
  return results.empty() ? "copy" : fmt::format("{} ->{}", ops, results);
}

void Builder::launch(kir::Kernel kernel, const Lowerer& lower, const Group& g, std::string how,
                     double flops) {
  LaunchPlan l;
  l.buffers = lower.params();
  for (const int buffer : l.buffers)
    l.bytes += static_cast<double>(plan.buffers[static_cast<std::size_t>(buffer)].bytes);
  l.kernel = std::move(kernel);
  for (std::size_t k = 0; k < l.kernel.buffers.size(); ++k) {
    if (l.kernel.buffers[k].space != kir::Space::Param) continue;
    if (l.kernel.buffers[k].written) l.written.push_back(l.buffers[l.params.size()]);
    l.params.push_back(static_cast<kir::BufferId>(k));
  }
  l.what = describe(*this, g);
  for (const ir::NodeImpl* n : g.results()) l.loc = n->loc;
  l.how = std::move(how);
  l.flops = flops;
  // Without a loop to share, one thread does it all; a barrier then parts nothing.
  const auto& body = l.kernel.body;
  l.single = std::none_of(body.begin(), body.end(), [](const kir::Stmt& s) {
    return s.kind == kir::Stmt::Kind::For && s.loop.kind == kir::LoopKind::Parallel &&
           s.loop.extent > 1;
  });
  plan.launches.push_back(std::move(l));
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
  const Analysis analysis(g);
  const Fusion fusion = fuse(analysis, g, options.target, options.donated);
  Builder b{analysis, options.target, {}, {}};
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
  for (const Group& group : fusion.groups) {
    switch (group.kind) {
      case Group::Kind::Map:
        group.chain.empty() ? build_map(b, group) : build_row_chain(b, group);
        break;
      case Group::Kind::Contraction:
        group.sparse ? build_sparse(b, group) : build_contraction(b, group);
        break;
      case Group::Kind::Scatter:
        build_scatter(b, group);
        break;
    }
  }
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
