#pragma once
#include "ir/node.h"

// Ops that transforms leave in the graph of lazy nodes and that no program contains: whoever builds
// a Graph from lazy nodes sees through them.
namespace lilith::ir {

/// "grad_alias" (x): x, as a node of its own; the placeholder of one gradient.
const OpDef& alias_op();
/// "grad_seed" (value, companions…): 1 with the aval of value. Evaluating a gradient then reaches
/// the value (and what else the call returned), so that those that are still held are stored by the
/// same program.
const OpDef& seed_op();
/// "custom_vjp" (y, inputs…, rule): y, with a gradient rule of its own (held by the leaf `rule`).
const OpDef& custom_vjp_op();

Tensor make_alias(const Tensor& x);

/// The node without the markers above it that only pass on their first input: all but seeds.
inline NodeImpl* see_through(NodeImpl* node) {
  while (!node->storage() && node->op->cls == OpClass::Marker && node->op != &seed_op())
    node = node->inputs[0];
  return node;
}

}  // namespace lilith::ir
