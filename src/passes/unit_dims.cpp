// Dimensions of extent 1 that a reshape gives move down, so that they do not stand between ops
// that could be one kernel: a batch of one inside of vmap, an unsqueeze, keepdim.
//
//   %1: f32[8,1,4] = reshape(%x) {shape=[8,1,4]}        |  %1: f32[8,4] = exp(%x)
//   %2: f32[8,1,4] = exp(%1)                            |  %2: f32[8,1,4] = reshape(%1) {…}
//   return %2                                           |  return %2
#include <algorithm>
#include <functional>
#include <span>

#include "ir/rebuild.h"
#include "passes/pipeline.h"
#include "passes/rules.h"

namespace lilith::passes {
namespace {

using ir::NodeImpl;
/// What an op is to become on new inputs, of the same avals as the old ones: there is no node of it
/// yet.
struct Applied {
  const NodeImpl& old;
  std::span<NodeImpl* const> inputs;
};
/// Of a node's dimensions: those that go away; empty where there are none.
using Drop = std::vector<bool>;

bool drops(const Drop& drop, std::int64_t d) { return drop[static_cast<std::size_t>(d)]; }

/// A reshape's dimensions of extent 1: without them it is a reshape too.
Drop units(const NodeImpl& x) {
  Drop out;
  if (is(x, "reshape"))
    for (const std::int64_t extent : x.aval.shape) out.push_back(extent == 1);
  return out;
}

Shape without(const Shape& shape, const Drop& drop) {
  Shape out;
  for (int d = 0; d < shape.rank(); ++d)
    if (!drops(drop, d)) out.push_back(shape[d]);
  return out;
}

/// A list with an entry for each dimension.
Ints without(const Ints& list, const Drop& drop) {
  Ints out;
  for (std::size_t d = 0; d < list.size(); ++d)
    if (!drop[d]) out.push_back(list[d]);
  return out;
}

/// Dimensions by their new numbers; those that go away are left out.
Ints renumbered(const Ints& dims, const Drop& drop) {
  Ints out;
  for (const std::int64_t d : dims)
    if (!drops(drop, d)) out.push_back(d - std::count(drop.begin(), drop.begin() + d, true));
  return out;
}

bool is_narrow_for_nothing(const NodeImpl& x) {
  return is_constant(x) || is(x, "broadcast") || is(x, "reshape");
}

Tensor narrow(NodeImpl& x, const Drop& drop) {
  const Shape shape = without(x.aval.shape, drop);
  if (is_constant(x)) return constant_like(x, {shape, x.aval.dtype, x.aval.device});
  if (!is(x, "broadcast")) return reshape(is(x, "reshape") ? x.input(0) : Tensor(&x), shape);
  const Ints& dims = ints(x, "dims");
  Drop of_input;
  for (const std::int64_t d : dims) of_input.push_back(drops(drop, d));
  return apply("broadcast", {reshape(x.input(0), without(x.inputs[0]->aval.shape, of_input))},
               {{"shape", shape.vec()}, {"dims", renumbered(dims, drop)}});
}

/// Whether a dimension is of extent 1 in the result and in all operands.
bool is_unit(const Applied& n, std::size_t d) {
  const auto in = [d](const Aval& a) {
    return a.shape.size() > d && a.shape[static_cast<int>(d)] == 1;
  };
  return in(n.old.aval) &&
         std::ranges::all_of(n.inputs, [&](const NodeImpl* x) { return in(x->aval); });
}

/// Whether the op leaves a dimension alone, whose extent is 1.
bool leaves_alone(const NodeImpl& n, std::size_t d) {
  const std::optional<DimAttrs>& dims = n.op->dims;
  if (!dims) return true;
  for (const std::string& key : dims->each) {
    const std::int64_t said = ints(n, key)[d];
    if (key == "limit" || key == "shape" || key == "window"
            ? said != 1
            : said != 0 && key != "stride" && key != "dilation" && key != "interior")
      return false;
  }
  return dims->one.empty() || n.attrs.integer(dims->one) != static_cast<std::int64_t>(d);
}

Attrs narrow_attrs(const NodeImpl& n, const Drop& drop) {
  Attrs attrs = n.attrs;
  const std::optional<DimAttrs>& dims = n.op->dims;
  if (!dims) return attrs;
  for (const std::string& key : dims->each) attrs.set(key, without(ints(n, key), drop));
  if (!dims->one.empty()) attrs.set(dims->one, renumbered({n.attrs.integer(dims->one)}, drop)[0]);
  if (!dims->some.empty()) attrs.set(dims->some, renumbered(ints(n, dims->some), drop));
  return attrs;
}

// Ops whose result has the dimensions of their operands.
Tensor sink(const Applied& n) {
  const NodeImpl& old = n.old;
  if (!old.op->pure || !(old.op->cls == OpClass::Elementwise || old.op->dims)) return {};
  Drop drop;
  for (const NodeImpl* x : n.inputs)
    if (drop.empty()) drop = units(*x);
  if (drop.size() != old.aval.shape.size()) return {};
  for (std::size_t d = 0; d < drop.size(); ++d)
    drop[d] = drop[d] && is_unit(n, d) && leaves_alone(old, d);
  if (std::ranges::none_of(drop, std::identity())) return {};
  for (const NodeImpl* x : n.inputs)
    if (!is_narrow_for_nothing(*x)) return {};
  std::vector<Tensor> inputs;
  for (NodeImpl* x : n.inputs) inputs.push_back(narrow(*x, drop));
  return apply(*old.op, std::move(inputs), narrow_attrs(old, drop));
}

Tensor sink_through_reduction(const Applied& n) {
  const NodeImpl& old = n.old;
  if (old.attrs.items().size() != 1) return {};
  Drop drop = units(*n.inputs[0]);
  if (drop.empty()) return {};
  Ints axes = ints(old, "axes");
  if (old.aval.dtype != n.inputs[0]->aval.dtype)  // of an index
    for (const std::int64_t d : axes) drop[static_cast<std::size_t>(d)] = false;
  axes = renumbered(axes, drop);
  if (axes.empty() || std::ranges::none_of(drop, std::identity())) return {};
  return apply(*old.op, {narrow(*n.inputs[0], drop)}, {{"axes", std::move(axes)}});
}

Tensor sink_through_transpose(const Applied& n) {
  const Drop drop = units(*n.inputs[0]);
  if (std::ranges::none_of(drop, std::identity())) return {};
  return transpose(narrow(*n.inputs[0], drop), renumbered(ints(n.old, "perm"), drop));
}

// Rows and columns of one element.
Tensor sink_through_product(const Applied& n) {
  const NodeImpl& old = n.old;
  std::vector<Tensor> inputs;
  Attrs attrs = old.attrs;
  bool any = false;
  for (std::size_t side = 0; side < 2; ++side) {
    NodeImpl& x = *n.inputs[side];
    const std::string prefix = side == 0 ? "lhs_" : "rhs_";
    Drop drop = units(x);
    for (const char* role : {"batch", "contract"})
      for (const std::int64_t d : ints(old, prefix + role))
        if (!drop.empty()) drop[static_cast<std::size_t>(d)] = false;
    if (std::ranges::none_of(drop, std::identity())) {
      inputs.emplace_back(&x);
      continue;
    }
    any = true;
    inputs.push_back(narrow(x, drop));
    for (const char* role : {"batch", "contract"})
      attrs.set(prefix + role, renumbered(ints(old, prefix + role), drop));
  }
  return any ? apply(*old.op, std::move(inputs), std::move(attrs)) : Tensor();
}

Tensor narrowed(const Applied& n) {
  if (is(n.old, "dot_general")) return sink_through_product(n);
  if (is(n.old, "transpose")) return sink_through_transpose(n);
  return n.old.op->cls == OpClass::Reduction ? sink_through_reduction(n) : sink(n);
}

}  // namespace

Graph unit_dims(const ir::Numbered& g) {
  return ir::transform(g, [&](std::size_t n, std::span<NodeImpl* const> inputs) -> Tensor {
    const auto is_reshape = [](const NodeImpl* x) { return is(*x, "reshape"); };
    if (std::ranges::none_of(inputs, is_reshape)) return {};
    const NodeImpl& old = g.node(n);
    const LocScope::Override scope(old.loc);
    const Tensor narrow = narrowed({old, inputs});
    return narrow.defined() ? reshape(narrow, old.aval.shape) : Tensor();
  });
}

}  // namespace lilith::passes
