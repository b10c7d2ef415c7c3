#include "parity/gradients.h"

#include <unordered_map>

#include "ir/node.h"
#include "lilith/op_def.h"
#include "lilith/ops.h"

namespace lilith::parity {

std::vector<Tensor> gradients(const std::vector<Tensor>& outputs, const std::vector<Tensor>& cotangents,
                              const std::vector<Tensor>& inputs) {
  std::unordered_map<ir::NodeImpl*, Tensor> ct;
  const auto accumulate = [&ct](ir::NodeImpl* node, const Tensor& value) {
    Tensor& sum = ct[node];
    sum = sum.defined() ? add(sum, value) : value;
  };
  for (std::size_t k = 0; k < outputs.size(); ++k) accumulate(outputs[k].node(), cotangents[k]);
  const std::vector<ir::NodeImpl*> order = ir::topological_order(outputs);
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    ir::NodeImpl* node = *it;
    if (node->is_leaf() || !ct.contains(node)) continue;
    if (!node->op->vjp) {
      if (!is_floating(node->aval.dtype)) continue;
      fail("{}: no vjp: {}", node->op->name, node->op->no_vjp_reason);
    }
    VjpCtx ctx{{}, Tensor(node), node->attrs, {}};
    for (std::size_t i = 0; i < node->inputs.size(); ++i) {
      ctx.in.push_back(node->input(static_cast<int>(i)));
      ctx.wanted.push_back(is_floating(ctx.in.back().dtype()));
    }
    const std::vector<Tensor> flow = node->op->vjp(ctx, ct[node]);
    for (std::size_t i = 0; i < flow.size(); ++i) {
      if (flow[i].defined() && ctx.wanted[i]) accumulate(node->inputs[i], flow[i]);
    }
  }
  std::vector<Tensor> result;
  for (const Tensor& x : inputs) {
    const auto it = ct.find(x.node());
    result.push_back(it == ct.end() ? zeros_like(x) : it->second);
  }
  return result;
}

}  // namespace lilith::parity
