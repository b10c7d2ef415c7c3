#include "eval/host_calls.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "core/device_kinds.h"
#include "ir/host_call.h"
#include "ir/node.h"
#include "ir/numbered.h"
#include "ir/rebuild.h"
#include "passes/pipeline.h"
#include "runtime/denormals.h"
#include "runtime/thread_team.h"
#include "transforms/loops.h"

namespace lilith {

void run_host_call(const schedule::CallPlan& call, Loc loc, void* const* buffers,
                   std::exception_ptr* failure) {
  std::vector<const void*> in;
  std::vector<void*> out;
  for (const int b : call.buffers) {
    if (in.size() < call.in.size())
      in.push_back(buffers[b]);
    else
      out.push_back(buffers[b]);
  }
  const auto clear = [&] {
    for (std::size_t k = 0; k < out.size(); ++k)
      if (call.out[k].bytes() > 0) std::memset(out[k], 0, call.out[k].bytes());
  };
  // Functions go over matrices and rows: of none they may write nothing.
  if (std::ranges::any_of(call.in, [](const Aval& a) { return a.numel() == 0; })) clear();
  if (!*failure) {
    try {
      const runtime::DenormalMode mode(false);
      CallCtx ctx{call.attrs, call.in, in, call.out, out};
      ir::run_call(*call.op, ctx, loc);
      return;
    } catch (...) {
      *failure = std::current_exception();
    }
  }
  clear();
}

void run_sort(const schedule::CallPlan& call, void* const* buffers, int thread, int num_threads) {
  const void* in[] = {buffers[call.buffers[0]]};
  void* out[] = {buffers[call.buffers[1]]};
  CallCtx ctx{call.attrs, call.in, in, call.out, out};
  if (call.scratch >= 0) ctx.scratch = buffers[call.scratch];
  ctx.thread = thread;
  ctx.num_threads = num_threads;
  ctx.barrier = [] { runtime::ThreadTeam::instance().barrier(); };
  call.op->call(ctx);
}

namespace {

using ir::NodeImpl;

bool is_away(const NodeImpl& node) { return !kind_of(node.aval.device).runs_loops; }

// Whether a graph, or a loop in it, has an op of that kind.
bool reaches(const Graph& g, bool (*is)(const OpDef&)) {
  const auto inside = [&](const auto& item) {
    const BodyPtr* body = std::get_if<BodyPtr>(&item.second);
    return body && reaches((*body)->graph(), is);
  };
  return std::ranges::any_of(ir::topological_order(g.outputs()), [&](const NodeImpl* n) {
    return is(*n->op) ||
           (n->op->cls == OpClass::Loop && std::ranges::any_of(n->attrs.items(), inside));
  });
}

Tensor moved(const Tensor& t, Device to) {
  if (t.device() == to) return t;
  return apply("copy_to", {t}, {{"device", to.str()}});
}

}  // namespace

bool has_calls(const Graph& g) {
  return reaches(g, [](const OpDef& op) { return op.cls == OpClass::Call; });
}

Graph calls_on_host(const Graph& g) {
  if (!reaches(g, ir::is_host_function)) return g;
  const ir::Numbered numbered(g);
  const auto any = [&](auto&& what) {
    return std::ranges::any_of(numbered.nodes(),
                               [&](const NodeImpl* n) { return is_away(*n) && what(*n); });
  };
  if (any([](const NodeImpl& n) { return n.op == &ir::scan_op() || n.op == &ir::cond_op(); })) {
    const Graph steps = run_passes(passes::unrolled(g));
    return calls_on_host(steps);
  }
  if (!any([](const NodeImpl& n) { return ir::is_host_function(*n.op); })) return g;
  std::map<const NodeImpl*, Tensor> calls;  // with several results
  return ir::transform(numbered, [&](std::size_t n, std::span<NodeImpl* const> in) -> Tensor {
    const NodeImpl& node = numbered.node(n);
    const LocScope::Override scope(node.loc);
    if (ir::is_host_function(*node.op) && is_away(node)) {
      std::vector<Tensor> operands;
      for (NodeImpl* operand : in) operands.push_back(moved(Tensor(operand), cpu()));
      const Tensor call = apply(*node.op, std::move(operands), node.attrs);
      if (!node.op->results) return moved(call, node.aval.device);
      return calls.emplace(&node, call).first->second;
    }
    const auto call = node.op->cls == OpClass::Get ? calls.find(node.inputs[0]) : calls.end();
    if (call == calls.end()) return {};
    return moved(apply(*node.op, {call->second}, node.attrs), node.aval.device);
  });
}

}  // namespace lilith
