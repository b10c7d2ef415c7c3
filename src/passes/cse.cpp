// Common subexpressions: equal nodes become one.
//
//   %1: f32[4] = exp(%x)                   |  %1: f32[4] = exp(%x)
//   %2: f32[4] = exp(%x)                   |  %2: f32[4] = add(%1, %1)
//   %3: f32[4] = add(%1, %2)               |  return %2
//   return %3                              |
#include <algorithm>
#include <array>
#include <bit>

#include "ir/hash.h"
#include "ir/rebuild.h"
#include "passes/pipeline.h"
#include "passes/rules.h"

namespace lilith::passes {
namespace {

using ir::NodeImpl;

// a op b is b op a, to the last bit.
bool is_commutative(const NodeImpl& n) {
  static constexpr std::array<std::string_view, 9> kOps = {"add", "and", "eq", "maximum", "minimum",
                                                           "mul", "ne",  "or", "xor"};
  return n.inputs.size() == 2 && std::binary_search(kOps.begin(), kOps.end(), n.op->name);
}

bool same_inputs(const NodeImpl& a, const NodeImpl& b) {
  if (a.inputs == b.inputs) return true;
  return is_commutative(a) && a.inputs[0] == b.inputs[1] && a.inputs[1] == b.inputs[0];
}

bool same_value(const NodeImpl& a, const NodeImpl& b) {
  return a.op == b.op && a.inputs.size() == b.inputs.size() && same_inputs(a, b) &&
         a.aval == b.aval && a.attrs == b.attrs;
}

std::uint64_t hash_of(const NodeImpl& n) {
  std::uint64_t h = mix(reinterpret_cast<std::uintptr_t>(n.op.operator->()), n.attrs_hash());
  // A sum over the inputs, so that the order of commutative ones does not matter.
  std::uint64_t inputs = 0;
  for (const NodeImpl* input : n.inputs) inputs += mix(7, reinterpret_cast<std::uintptr_t>(input));
  return mix(h, inputs + static_cast<std::uint64_t>(n.aval.numel()));
}

// Leaves but constants are values given at run time: each is its own.
bool may_merge(const NodeImpl& n) { return n.op->pure && (!n.is_leaf() || is_constant(n)); }

/// The first node of each value, by hash: open addressing.
class Seen {
 public:
  explicit Seen(std::size_t nodes) : slots_(std::bit_ceil(nodes * 2 + 2)) {}

  /// The node that was seen with the value of this one, or this one, which is seen from now on.
  NodeImpl* first(NodeImpl* node) {
    const std::uint64_t h = hash_of(*node);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = h & mask;; at = (at + 1) & mask) {
      Slot& s = slots_[at];
      if (s.node == nullptr) return (s = {h, node}).node;
      if (s.hash == h && same_value(*s.node, *node)) return s.node;
    }
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    NodeImpl* node = nullptr;
  };
  std::vector<Slot> slots_;
};

}  // namespace

Graph cse(const ir::Numbered& g) {
  Seen seen(g.size());
  return ir::transform(g, [&](std::size_t n, std::span<NodeImpl* const> inputs) -> Tensor {
    NodeImpl* node = &g.node(n);
    Tensor made;
    if (!std::ranges::equal(inputs, node->inputs)) {
      made = ir::rebuild(node, inputs);
      node = made.node();
    }
    NodeImpl* first = may_merge(*node) ? seen.first(node) : node;
    return first == node ? made : Tensor(first);
  });
}

}  // namespace lilith::passes
