// Reverse mode, graph to graph. Before:            after (ct of %y given):
//   %a = exp(%x)                                     %a = exp(%x)
//   %y = mul(%a, %x)                                 %y = mul(%a, %x)
//                                                    %1 = mul(%ct, %x)   ct of %a
//                                                    %2 = mul(%ct, %a)   ct of %x, first use
//                                                    %3 = mul(%1, %a); %4 = add(%2, %3)   ct of %x
#include "transforms/vjp.h"

#include "core/autocast_state.h"
#include "ir/node.h"
#include "ir/node_map.h"
#include "ir/one_device.h"
#include "lilith/transforms.h"
#include "ops/half.h"
#include "transforms/loops.h"
#include "transforms/markers.h"

namespace lilith {
namespace {

std::function<Tensor(const OpDef&, int, Tensor)>& hook() {
  static auto* f = new std::function<Tensor(const OpDef&, int, Tensor)>;
  return *f;
}

class Backward {
 public:
  Backward(const std::vector<Tensor>& outputs, const std::vector<Tensor>& wanted, const char* what)
      : wanted_(wanted), what_(what) {
    for (const Tensor& w : wanted)
      if (w.defined()) index_.insert(w.node(), kWanted);
    const ir::GraphLock lock;
    for (const Tensor& o : outputs) visit(o.node());
    keep_dependent();
  }

  std::vector<Tensor> run(const std::vector<Tensor>& outputs, const std::vector<Tensor>& cts) {
    const AutocastOff rules;  // see their operands as they are
    for (std::size_t i = 0; i < outputs.size(); ++i) add_to(outputs[i].node(), cts[i]);
    for (auto at = order_.rbegin(); at != order_.rend(); ++at) step(*at);
    std::vector<Tensor> out;
    for (const Tensor& w : wanted_) {
      const Tensor* ct = w.defined() ? cts_.find(w.node()) : nullptr;
      out.push_back(ct ? *ct : Tensor());
    }
    return out;
  }

 private:
  struct Frame {
    ir::NodeImpl* node;
    std::size_t next;
  };
  enum : int { kSeen = 1, kDependent = 2, kWanted = 3 };

  // Nodes between the outputs and the wanted ones, inputs first. Nothing flows through a seed.
  void visit(ir::NodeImpl* root) {
    if (!index_.insert(root, kSeen)) return;
    std::vector<Frame> stack{{root, 0}};
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.node->op == &ir::seed_op() || top.next == top.node->inputs.size()) {
        order_.push_back(top.node);
        stack.pop_back();
        continue;
      }
      ir::NodeImpl* input = top.node->inputs[top.next++];
      if (index_.insert(input, kSeen)) stack.push_back({input, 0});
    }
  }

  // The others may become leaves in another thread at any time; what depends on a wanted node is
  // this thread's own.
  void keep_dependent() {
    for (ir::NodeImpl* node : order_)
      for (const ir::NodeImpl* input : node->inputs)
        if (dependent(input)) index_[node] = kDependent;
    std::erase_if(order_, [&](const ir::NodeImpl* node) { return !dependent(node); });
  }

  bool dependent(const ir::NodeImpl* node) const {
    const int* state = index_.find(node);
    return state && *state >= kDependent;
  }

  void add_to(ir::NodeImpl* node, const Tensor& ct) {
    if (!dependent(node)) return;
    Tensor& sum = cts_[node];
    sum = sum.defined() ? apply("add", {sum, ct}) : ct;
  }

  // The cotangent of one result of a loop.
  void add_to_loop(const ir::NodeImpl* get, const Tensor& ct) {
    std::vector<Tensor>& parts = parts_[get->inputs[0]];
    parts.resize(ir::result_avals(*get->inputs[0]).size());
    Tensor& sum = parts[static_cast<std::size_t>(get->attrs.integer("index"))];
    sum = sum.defined() ? apply("add", {sum, ct}) : ct;
  }

  void step(ir::NodeImpl* node) {
    const Tensor* found = cts_.find(node);
    const std::vector<Tensor>* parts = parts_.find(node);
    if (found && node->op->cls == OpClass::Get) return add_to_loop(node, *found);
    if (!found && !parts) return;
    const Tensor ct = found ? *found : Tensor();
    const OpDef& op = *node->op;
    const Loc made = node->loc ? node->loc : LocScope::current();
    if (!op.vjp)
      throw Error(fmt::format("{}: '{}' has no vjp: {}", what_, op.name,
                              op.no_vjp_reason.empty() ? "it is an input" : op.no_vjp_reason),
                  made);
    const LocScope::Override loc(made);
    // A gradient is one op too: the rules of arithmetic see halves in f32.
    const bool wide =
        (op.cls == OpClass::Elementwise && op.name != "cast") || op.cls == OpClass::Reduction;
    const auto seen = [wide](const Tensor& t) { return wide ? ops::widened(t) : t; };
    VjpCtx ctx{{}, seen(Tensor(node)), node->attrs, {}, parts ? *parts : std::vector<Tensor>()};
    for (ir::NodeImpl* input : node->inputs) {
      ctx.in.push_back(seen(Tensor(input)));
      ctx.wanted.push_back(dependent(input) && is_floating(input->aval.dtype));
    }
    const std::vector<Tensor> cts = op.vjp(ctx, seen(ct));
    check_rule(op, ctx, cts);
    for (std::size_t i = 0; i < cts.size(); ++i) {
      if (!ctx.wanted[i] || !cts[i].defined()) continue;
      const Tensor mine = ops::narrowed(cts[i], node->inputs[i]->aval.dtype);
      add_to(node->inputs[i], hook() ? hook()(op, static_cast<int>(i), mine) : mine);
    }
  }

  static void check_rule(const OpDef& op, const VjpCtx& ctx, const std::vector<Tensor>& cts) {
    LILITH_CHECK(cts.size() == ctx.in.size(),
                 "vjp of '{}': it gave {} cotangents; need one for each of {} inputs", op.name,
                 cts.size(), ctx.in.size());
    for (std::size_t i = 0; i < cts.size(); ++i) {
      if (!ctx.wanted[i] || !cts[i].defined()) continue;
      LILITH_CHECK(cts[i].aval() == ctx.in[i].aval(),
                   "vjp of '{}': the cotangent of input {} is {}; need the input's {}", op.name, i,
                   ir::placed_text(cts[i].aval()), ir::placed_text(ctx.in[i].aval()));
    }
  }

  std::vector<Tensor> wanted_;
  const char* what_;
  std::vector<ir::NodeImpl*> order_;
  ir::NodeMap<int> index_{256};
  ir::NodeMap<Tensor> cts_{256};
  ir::NodeMap<std::vector<Tensor>> parts_{4};  // of loops, by result
};

}  // namespace

void set_vjp_hook(std::function<Tensor(const OpDef&, int, Tensor)> f) { hook() = std::move(f); }

std::vector<Tensor> backpropagate(const std::vector<Tensor>& outputs,
                                  const std::vector<Tensor>& cts, const std::vector<Tensor>& wanted,
                                  const char* what) {
  return Backward(outputs, wanted, what).run(outputs, cts);
}

}  // namespace lilith
