// Loops, step by step: for devices that run none.
//
//   %1 = scan(%c, %x) {body: c' = f(c, x)}   |  %1 = f(%c, slice(%x, row 0))
//   %2 = get(%1) {index=0}                   |  %2 = f(%1, slice(%x, row 1)) …
#include <algorithm>
#include <map>

#include "ir/rebuild.h"
#include "ops/primitives.h"
#include "passes/pipeline.h"
#include "passes/rules.h"
#include "transforms/loops.h"

namespace lilith::passes {

using ir::NodeImpl;
using I = std::int64_t;
using Tensors = std::vector<Tensor>;

namespace {

Tensors run_body(const BodyPtr& body, const Tensors& in) { return unrolled(body->graph())(in); }

Tensors unroll_scan(const NodeImpl& node, std::span<NodeImpl* const> operands) {
  const ir::ScanAttrs a(node.attrs);
  Tensors in(operands.begin(), operands.end());
  const std::size_t results = a.body->graph().outputs().size();
  std::vector<Tensors> rows(results - a.carries, Tensors(static_cast<std::size_t>(a.length)));
  for (I step = 0; step < a.length; ++step) {
    const I row = a.reverse ? a.length - 1 - step : step;
    for (std::size_t k = a.carries; k < a.carries + a.xs; ++k) {
      in[k] = reshape(ops::slice_dim(Tensor(operands[k]), 0, row, row + 1),
                      a.body->graph().inputs()[k].shape());
    }
    const Tensors made = run_body(a.body, in);
    for (std::size_t k = a.carries; k < results; ++k) {
      Shape shape = made[k].shape();
      shape.insert(0, 1);
      rows[k - a.carries][static_cast<std::size_t>(row)] = reshape(made[k], shape);
    }
    std::copy_n(made.begin(), a.carries, in.begin());
  }
  Tensors out(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(a.carries));
  for (const Tensors& y : rows) out.push_back(y.size() == 1 ? y[0] : ops::make_concat(y, 0));
  return out;
}

Tensors unroll_cond(const NodeImpl& node, std::span<NodeImpl* const> operands) {
  const Tensors in(operands.begin() + 1, operands.end());
  const Tensors a = run_body(node.attrs.body("then"), in),
                b = run_body(node.attrs.body("otherwise"), in);
  Tensors out;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const Tensor everywhere = ops::make_broadcast(Tensor(operands[0]), a[k].shape(), {});
    out.push_back(ops::make_select(everywhere, a[k], b[k]));
  }
  return out;
}

}  // namespace

Graph unrolled(const Graph& graph) {
  const ir::Numbered g(graph);
  std::map<const NodeImpl*, Tensors> results;
  return ir::transform(g, [&](std::size_t n, std::span<NodeImpl* const> in) -> Tensor {
    NodeImpl& node = g.node(n);
    const LocScope::Override scope(node.loc);
    if (node.op == &ir::scan_op()) results[&node] = unroll_scan(node, in);
    if (node.op == &ir::cond_op()) results[&node] = unroll_cond(node, in);
    if (node.op->cls != OpClass::Get) return {};
    const auto all = results.find(node.inputs[0]);
    if (all == results.end()) return {};
    return all->second[static_cast<std::size_t>(node.attrs.integer("index"))];
  });
}

}  // namespace lilith::passes
