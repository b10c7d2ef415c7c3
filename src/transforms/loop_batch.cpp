// A loop of every example is one loop of all of them: its body for all examples.
//   %s = scan(%c, %xs, %w)   (%c: [4], a row of %xs: [3])
//   %s = scan(%cs, %xs2, %w) (%cs: [8,4], a row of %xs2: [8,3])
#include <algorithm>

#include "ir/node.h"
#include "lilith/ops/elementwise.h"
#include "ops/batch.h"
#include "ops/primitives.h"
#include "transforms/graph_copy.h"
#include "transforms/loops.h"
#include "transforms/vmap.h"

namespace lilith::ir {
namespace {

using I = std::int64_t;
using Tensors = std::vector<Tensor>;
using Flags = std::vector<bool>;

/// A body for all examples, of those inputs that are batched.
struct BatchedBody {
  Tensors parameters;
  std::vector<ForAll> values;  // the parameters, and which of them are batched
  std::vector<ForAll> outputs;

  BatchedBody(const BodyPtr& body, const Flags& batched, I size) {
    const Graph& g = body->graph();
    std::vector<Aval> avals;
    for (std::size_t k = 0; k < g.inputs().size(); ++k) {
      avals.push_back(g.inputs()[k].aval());
      if (batched[k]) avals.back().shape.insert(0, size);
    }
    parameters = fresh_parameters(avals);
    for (std::size_t k = 0; k < parameters.size(); ++k)
      values.push_back({parameters[k], batched[k]});
    outputs = batch_between(g.outputs(), g.inputs(), values, size);
  }
  /// The first outputs as what these inputs are in the next step.
  Tensors carries(const Flags& batched, std::size_t n, I size) const {
    Tensors out;
    for (std::size_t k = 0; k < n; ++k)
      out.push_back(batched[k] ? for_each_example(outputs[k], size) : outputs[k].value);
    return out;
  }
};

/// Which outputs of a body depend on batched inputs.
Flags depends(const BodyPtr& body, const Flags& batched) {
  const Graph& g = body->graph();
  Tensors stops;
  for (std::size_t k = 0; k < g.inputs().size(); ++k)
    if (batched[k]) stops.push_back(g.inputs()[k]);
  NodeMap<char> found(64);
  for (const Tensor& t : stops) found.insert(t.node(), 1);
  for (const NodeImpl* node : region_between(g.outputs(), stops)) found.insert(node, 1);
  Flags out;
  for (const Tensor& t : g.outputs()) out.push_back(found.contains(t.node()));
  return out;
}

/// A carry is batched where it is before a step or after it.
Flags batched_carries(const BodyPtr& body, Flags batched, std::size_t carries) {
  for (bool changed = true; changed;) {
    changed = false;
    const Flags made = depends(body, batched);
    for (std::size_t k = 0; k < carries; ++k) {
      changed |= made[k] && !batched[k];
      batched[k] = batched[k] || made[k];
    }
  }
  return batched;
}

Tensors inputs_of(const BatchCtx& c, const Flags& batched) {
  Tensors in;
  for (std::size_t k = 0; k < c.in.size(); ++k)
    in.push_back(batched[k] ? ops::batched_operand(c, k) : c.in[k]);
  return in;
}

/// condition [B] as a mask for x [B, …].
Tensor mask_of(const Tensor& condition, const Tensor& x) {
  return ops::make_broadcast(condition, x.shape(), {0});
}

}  // namespace

Tensors scan_batch(const BatchCtx& c) {
  ScanAttrs a(c.attrs);
  const Flags batched = batched_carries(a.body, c.batched, a.carries);
  const BatchedBody body(a.body, batched, c.size);
  Tensors outputs = body.carries(batched, a.carries, c.size);
  for (std::size_t k = a.carries; k < body.outputs.size(); ++k)
    outputs.push_back(body.outputs[k].value);
  const Closure closed = close_over(body.parameters, outputs);
  a.body = closed.body;
  Tensors in = inputs_of(c, batched);
  for (std::size_t k = a.carries; k < a.carries + a.xs; ++k)
    if (batched[k]) in[k] = ops::move_dim(in[k], 0, 1);
  Tensors out = apply_loop(scan_op(), joined(std::move(in), closed.captured), a.attrs());
  for (std::size_t k = 0; k < out.size(); ++k) {
    const bool has_batch = k < a.carries ? batched[k] : body.outputs[k].batched;
    if (!has_batch)
      out[k] = ops::repeat(out[k], c.size);
    else if (k >= a.carries)
      out[k] = ops::move_dim(out[k], 1, 0);
  }
  return out;
}

// Where the condition differs between the examples, all go on until none needs to; those that are
// through keep what they have.
Tensors while_batch(const BatchCtx& c) {
  const auto carries = static_cast<std::size_t>(c.attrs.integer("carries"));
  const BodyPtr &condition = c.attrs.body("condition"), &body = c.attrs.body("body");
  Flags batched = batched_carries(body, c.batched, carries);
  const bool differs = depends(condition, batched)[0];
  if (differs) std::fill_n(batched.begin(), carries, true);
  const BatchedBody test(condition, batched, c.size), step(body, batched, c.size);
  Tensor goes_on = test.outputs[0].value;
  if (differs) goes_on = ops::make_reduce("reduce_sum", goes_on, {0});
  Tensors next = step.carries(batched, carries, c.size);
  if (differs) {
    const Graph& g = condition->graph();
    const Tensor on = batch_between(g.outputs(), g.inputs(), step.values, c.size)[0].value;
    for (std::size_t k = 0; k < carries; ++k)
      next[k] = ops::make_select(mask_of(on, next[k]), next[k], step.parameters[k]);
  }
  const Closure tests = close_over(test.parameters, {goes_on}),
                steps = close_over(step.parameters, next);
  const std::size_t own = c.in.size();
  Tensors in = joined(joined(inputs_of(c, batched), tests.captured), steps.captured);
  Tensors out = apply_loop(while_op(), std::move(in),
                           {{"body", with_inputs(steps.body, tests.captured, {}, own)},
                            {"carries", static_cast<I>(carries)},
                            {"condition", with_inputs(tests.body, {}, steps.captured, own)}});
  for (std::size_t k = 0; k < carries; ++k)
    if (!batched[k]) out[k] = ops::repeat(out[k], c.size);
  return out;
}

// One predicate for all: the branches of all examples. A predicate each: both are computed.
Tensors cond_batch(const BatchCtx& c) {
  const BodyPtr &then = c.attrs.body("then"), &otherwise = c.attrs.body("otherwise");
  const Tensors operands(c.in.begin() + 1, c.in.end());
  const Flags batched(c.batched.begin() + 1, c.batched.end());
  if (c.batched[0]) {
    std::vector<ForAll> values;
    for (std::size_t k = 0; k < operands.size(); ++k) values.push_back({operands[k], batched[k]});
    const auto branch = [&](const Graph& g) {
      return batch_between(g.outputs(), g.inputs(), values, c.size);
    };
    const std::vector<ForAll> a = branch(then->graph()), b = branch(otherwise->graph());
    Tensors out;
    for (std::size_t k = 0; k < a.size(); ++k) {
      const Tensor x = for_each_example(a[k], c.size), y = for_each_example(b[k], c.size);
      out.push_back(ops::make_select(mask_of(c.in[0], x), x, y));
    }
    return out;
  }
  const BatchedBody first(then, batched, c.size), second(otherwise, batched, c.size);
  const auto closed = [&](const BatchedBody& body) {
    const Flags all(body.outputs.size(), true);
    return close_over(body.parameters, body.carries(all, all.size(), c.size));
  };
  const Closure a = closed(first), b = closed(second);
  const std::size_t own = operands.size();
  return apply_loop(cond_op(), joined(joined(c.in, a.captured), b.captured),
                    {{"then", with_inputs(a.body, {}, b.captured, own)},
                     {"otherwise", with_inputs(b.body, a.captured, {}, own)}});
}

}  // namespace lilith::ir
