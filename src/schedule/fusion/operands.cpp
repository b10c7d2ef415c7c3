#include "schedule/fusion/operands.h"

#include <algorithm>

#include "schedule/kernel/strided_view.h"

namespace lilith::schedule {

using ir::NodeImpl;

namespace {
constexpr std::size_t kMostNodes = 40, kMostReads = 8;  // of what is computed for an operand
}

Operands::Operands(const FusionRules& rules, const FusionState& state)
    : rules_(rules),
      s_(state),
      a_(state.dataflow()),
      levels_(a_),
      follows_(a_.order().size(), kNone),
      computed_(a_.order().size(), false) {
  for (std::size_t i = 0; i < follows_.size(); ++i) follows_[i] = followed(a_.order()[i]);
}

// The product's kernel cannot have it, or would wait for it.
bool Operands::is_late(const NodeImpl* n, const NodeImpl* product) const {
  if (n->is_leaf()) return false;
  return a_.depends(n, product) || (!rules_.kernels_wait() && levels_.of(n) >= levels_.of(product));
}

int Operands::followed(const NodeImpl* n) const {
  if (n->op->cls == OpClass::Contraction) return a_.index(n);
  if (n->op->cls != OpClass::Elementwise) return kNone;
  int core = kNone;
  const NodeImpl* of = nullptr;  // it, or what follows several
  for (NodeImpl* in : n->inputs) {
    const int other = follows_[static_cast<std::size_t>(a_.index(in))];
    if (other == kNone || other == core) continue;
    const NodeImpl* then = other == kSeveral ? in : s_.node(other);
    // The later of two knows what the earlier one made, where it needs that.
    if (core == kNone || (other >= 0 && a_.depends(then, of))) {
      core = other;
      of = then;
    } else if (core == kSeveral || !a_.depends(of, then)) {
      core = kSeveral;
      of = n;
    }
  }
  if (core < 0) return core;
  const bool alone = std::ranges::none_of(n->inputs, [&](const NodeImpl* in) {
    return follows_[static_cast<std::size_t>(a_.index(in))] == kNone && is_late(in, s_.node(core));
  });
  return alone ? core : kSeveral;
}

void Operands::expand(NodeImpl* n, Expression* e) const {
  if (is_constant(n) || e->nodes.size() > kMostNodes) return;
  const bool known = std::ranges::find(e->nodes, n) != e->nodes.end();
  if (known || std::ranges::find(e->reads, n) != e->reads.end()) return;
  const int i = a_.index(n);
  if (n->is_leaf() || s_.stored(i) || follows_[static_cast<std::size_t>(i)] >= 0 ||
      !rules_.is_prologue(n))
    return e->reads.push_back(strided_view(n).base);
  e->nodes.push_back(n);
  e->flops += n->op->cost;
  for (NodeImpl* in : n->inputs) expand(in, e);
}

// No one else reads what the product computes, and what that is made of lies in memory whoever
// computes it.
bool Operands::is_alone(const NodeImpl* operand, const Expression& e) const {
  const auto has_one_reader = [&](const NodeImpl* n) {
    return a_.users(n).size() == 1 && !a_.is_output(n);
  };
  if (e.reads.empty()) return false;  // it is made of constants
  for (const NodeImpl* n = operand; n != e.nodes[0]; n = n->inputs[0])
    if (!has_one_reader(n)) return false;
  return std::ranges::all_of(e.nodes, [&](const NodeImpl* n) {
    return has_one_reader(n) && std::ranges::all_of(n->inputs, [&](const NodeImpl* in) {
             return is_stored_for_others(in);
           });
  });
}

// Several read it, a view of it or what it is a view of.
bool Operands::is_stored_for_others(const NodeImpl* n) const {
  bool shared = false;
  for (;; n = n->inputs[0]) {
    if (n->is_leaf()) return true;
    shared |= a_.users(n).size() > 1 || a_.is_output(n);
    if (n->op->cls != OpClass::View || n->inputs.size() != 1) break;
  }
  const auto is_product = [](const NodeImpl* u) { return u->op->cls == OpClass::Contraction; };
  return shared && (s_.stored(n) || follows_[static_cast<std::size_t>(a_.index(n))] >= 0 ||
                    std::ranges::any_of(a_.users(n), is_product));
}

Nodes Operands::reads(NodeImpl* operand, const NodeImpl* product) {
  NodeImpl* base = strided_view(operand).base;
  Expression e;
  expand(base, &e);
  if (e.nodes.empty() || e.nodes.size() > kMostNodes || e.reads.size() > kMostReads ||
      !rules_.computes_operand(product, operand, e.flops + static_cast<double>(e.reads.size())) ||
      !(rules_.computes_again() || is_alone(operand, e)))
    return {base};
  for (const NodeImpl* n : e.nodes) computed_[static_cast<std::size_t>(a_.index(n))] = true;
  return e.reads;
}

}  // namespace lilith::schedule
