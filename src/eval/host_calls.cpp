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
  for (std::size_t k = 0; k < out.size(); ++k)
    if (call.out[k].bytes() > 0) std::memset(out[k], 0, call.out[k].bytes());
}

namespace {

using ir::NodeImpl;

bool is_away(const NodeImpl& node) { return !kind_of(node.aval.device).runs_loops; }

bool has_calls_inside(const NodeImpl& loop) {
  return std::ranges::any_of(loop.attrs.items(), [](const auto& item) {
    const BodyPtr* body = std::get_if<BodyPtr>(&item.second);
    return body && has_calls((*body)->graph());
  });
}

Tensor moved(const Tensor& t, Device to) {
  if (t.device() == to) return t;
  return apply("copy_to", {t}, {{"device", to.str()}});
}

}  // namespace

bool has_calls(const Graph& g) {
  return std::ranges::any_of(ir::topological_order(g.outputs()), [](const NodeImpl* n) {
    return n->op->cls == OpClass::Call || (n->op->cls == OpClass::Loop && has_calls_inside(*n));
  });
}

Graph calls_on_host(const Graph& g) {
  const ir::Numbered numbered(g);
  const auto any = [&](auto&& what) {
    return std::ranges::any_of(numbered.nodes(),
                               [&](const NodeImpl* n) { return is_away(*n) && what(*n); });
  };
  if (any([](const NodeImpl& n) { return n.op == &ir::scan_op() || n.op == &ir::cond_op(); }) &&
      has_calls(g)) {
    const Graph steps = run_passes(passes::unrolled(g));
    return calls_on_host(steps);
  }
  if (!any([](const NodeImpl& n) { return n.op->cls == OpClass::Call; })) return g;
  std::map<const NodeImpl*, Tensor> calls;  // with several results
  return ir::transform(numbered, [&](std::size_t n, std::span<NodeImpl* const> in) -> Tensor {
    const NodeImpl& node = numbered.node(n);
    const LocScope::Override scope(node.loc);
    if (node.op->cls == OpClass::Call && is_away(node)) {
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
