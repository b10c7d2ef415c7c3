#include "transforms/loop_parts.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "ir/node.h"
#include "ir/rebuild.h"

namespace lilith::ir {
namespace {

bool is(const NodeImpl* n, std::string_view op) { return n->op->name == op; }

// Linear in the one operand that depends on a cotangent; null where it is not.
NodeImpl* linear_operand(const Dependence& level, const NodeImpl* n) {
  NodeImpl* back = nullptr;
  for (NodeImpl* in : n->inputs) {
    if (level.of(in) == Dependence::Step || (level.is_back(in) && back)) return nullptr;
    if (level.is_back(in)) back = in;
  }
  if (!back || back->op->cls == OpClass::Loop) return nullptr;
  if (is(n, "cast")) return is_floating(back->aval.dtype) ? back : nullptr;
  if (is(n, "pad")) return n->attrs.real("value") == 0 ? back : nullptr;
  if (is(n, "div") && n->inputs[0] != back) return nullptr;
  for (const char* op : {"reshape", "broadcast", "transpose", "slice", "reverse", "neg", "mul",
                         "div", "reduce_sum", "dot_general"})
    if (is(n, op)) return back;
  return nullptr;
}

}  // namespace

void Dependence::run(const std::vector<Tensor>& outputs) {
  for (NodeImpl* node : topological_order(outputs)) {
    Level level = None;
    for (const NodeImpl* in : node->inputs) level = std::max(level, of(in));
    bool again = is(node, "barrier") && level == Step;
    for (const NodeImpl* in : node->inputs) again = again || behind_barrier(in);
    if (again && level == Step) behind_.insert(node, 1);
    level_.insert(node, level);
  }
}

bool is_product(const Dependence& level, const NodeImpl* n) {
  return is(n, "dot_general") && std::ranges::all_of(n->inputs, [&](const NodeImpl* in) {
           return level.of(in) >= Dependence::Step;
         });
}

Tensor apply_chain(const Dependence& level, const Term& t, Tensor value,
                   const std::function<Tensor(NodeImpl*)>& other, std::size_t from) {
  for (std::size_t i = t.chain.size() - from; i-- > 0;) {
    const NodeImpl* node = t.chain[i];
    const NodeImpl* operand = linear_operand(level, node);
    std::vector<Tensor> in;
    for (NodeImpl* input : node->inputs) in.push_back(input == operand ? value : other(input));
    value = apply(*node->op, std::move(in), node->attrs);
  }
  return value;
}

void decompose(const Dependence& level, const NodeMap<std::size_t>& stacked, NodeImpl* n,
               std::vector<NodeImpl*> chain, std::vector<Term>* terms) {
  if (stacked.contains(n)) return terms->push_back({std::move(chain), n});
  if (is(n, "add") && level.is_back(n->inputs[0]) && level.is_back(n->inputs[1]) &&
      n->inputs[0]->aval == n->aval && n->inputs[1]->aval == n->aval) {
    decompose(level, stacked, n->inputs[0], chain, terms);
    decompose(level, stacked, n->inputs[1], std::move(chain), terms);
    return;
  }
  NodeImpl* operand = linear_operand(level, n);
  if (!operand) return terms->push_back({std::move(chain), n});
  chain.push_back(n);
  decompose(level, stacked, operand, std::move(chain), terms);
}

}  // namespace lilith::ir
