// Tensors without elements and combinations of none, so that a schedule never sees them.
//
//   %x: f32[3,0] = parameter                     |  %x: f32[3,0] = parameter
//   %y: f32[0,4] = parameter                     |  %y: f32[0,4] = parameter
//   %1: f32[3,4] = dot_general(%x, %y) {…}       |  %0: f32[3,4] = constant {value=0.0}
//   return %1                                    |  return %0
#include <algorithm>

#include "core/dtype_limits.h"
#include "ir/rebuild.h"
#include "passes/pipeline.h"
#include "passes/rules.h"

namespace lilith::passes {
namespace {

using ir::NodeImpl;

bool is_empty(const NodeImpl* n) { return n->aval.numel() == 0; }

// concat leaves out pieces without elements.
Tensor without_empty_pieces(const NodeImpl& n) {
  std::vector<Tensor> pieces;
  for (NodeImpl* piece : n.inputs) {
    if (!is_empty(piece)) pieces.emplace_back(Tensor(piece));
  }
  return pieces.size() == 1 ? pieces[0] : apply("concat", std::move(pieces), n.attrs);
}

// The value of an op whose result has elements while an input has none.
Tensor of_nothing(const NodeImpl& n) {
  if (is(n, "concat")) return without_empty_pieces(n);
  if (n.op->cls == OpClass::Scatter) return is_empty(n.inputs[0]) ? Tensor() : n.input(0);
  if (is(n, "pad")) return constant(n.attrs.real("value"), n.aval);
  if (is(n, "reduce_prod")) return constant(1, n.aval);
  if (is(n, "reduce_max") || is(n, "reduce_window_max"))
    return constant(lowest(n.aval.dtype), n.aval);
  if (is(n, "reduce_min")) return constant(highest(n.aval.dtype), n.aval);
  if (is(n, "window_argmax")) return constant(-1, n.aval);
  const bool sum = is(n, "reduce_sum") || is(n, "dot_general") || is(n, "conv_general") ||
                   is(n, "reduce_window_sum") || is(n, "unpool");
  return sum ? constant(0, n.aval) : Tensor();
}

}  // namespace

Graph empty(const ir::Numbered& g) {
  if (std::none_of(g.nodes().begin(), g.nodes().end(), is_empty)) return g.graph();
  return ir::transform(g, [&](std::size_t i, std::span<NodeImpl* const> inputs) {
    const LocScope::Override scope(g.node(i).loc);
    Tensor current = ir::rebuild(&g.node(i), inputs);
    const NodeImpl& n = *current.node();
    if (n.is_leaf()) return current;
    if (is_empty(&n) && n.op->pure) return constant(0, n.aval);
    if (std::none_of(n.inputs.begin(), n.inputs.end(), is_empty)) return current;
    Tensor value = of_nothing(n);
    return value.defined() ? value : current;
  });
}

}  // namespace lilith::passes
