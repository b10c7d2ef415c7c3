// Exact identities of views; part of the pass `simplify`.
//
//   %1: f32[6] = reshape(%x) {shape=[6]}            |
//   %2: f32[3,2] = reshape(%1) {shape=[3,2]}        |  %1: f32[3,2] = reshape(%x) {shape=[3,2]}
//   %3: f32[2,3] = transpose(%2) {perm=[1,0]}       |  return %1
//   %4: f32[3,2] = transpose(%3) {perm=[1,0]}       |
//   return %4                                       |
#include <algorithm>

#include "passes/simplify.h"

namespace lilith::passes {
namespace {

using ir::NodeImpl;

std::int64_t at(const Ints& list, int d) { return list[static_cast<std::size_t>(d)]; }

bool all_are(const Ints& list, std::int64_t value) {
  return std::all_of(list.begin(), list.end(), [=](std::int64_t v) { return v == value; });
}

Ints without_ones(const Shape& shape) {
  Ints out;
  for (std::int64_t d : shape) {
    if (d != 1) out.push_back(d);
  }
  return out;
}

// A view of a constant is a constant.
Tensor view_of_constant(NodeImpl& n) {
  return is_constant(*n.inputs[0]) ? constant_like(*n.inputs[0], n.aval) : Tensor();
}

// ---- reshape ----

Tensor reshape_nothing(NodeImpl& n) {
  return n.inputs[0]->aval.shape == n.aval.shape ? in(n, 0) : Tensor();
}

Tensor reshape_of_reshape(NodeImpl& n) {
  return is(operand(n, 0), "reshape") ? reshape(n.inputs[0]->input(0), n.aval.shape) : Tensor();
}

// ---- broadcast ----

Tensor broadcast_nothing(NodeImpl& n) {
  return n.inputs[0]->aval.shape == n.aval.shape ? in(n, 0) : Tensor();
}

Tensor broadcast_of_broadcast(NodeImpl& n) {
  const NodeImpl& x = *n.inputs[0];
  if (!is(x, "broadcast")) return {};
  return apply(
      "broadcast", {x.input(0)},
      {{"shape", n.aval.shape.vec()}, {"dims", permuted(ints(n, "dims"), ints(x, "dims"))}});
}

// broadcast(reshape(x)) = broadcast(x) where the reshape only adds unit dimensions
Tensor broadcast_of_unsqueeze(NodeImpl& n) {
  const NodeImpl& x = *n.inputs[0];
  if (!is(x, "reshape")) return {};
  const Shape& source = x.inputs[0]->aval.shape;
  if (without_ones(source) != without_ones(x.aval.shape) ||
      without_ones(source).size() != source.size()) {
    return {};
  }
  Ints dims;
  for (int d = 0; d < x.aval.shape.rank(); ++d) {
    if (x.aval.shape[d] != 1) dims.push_back(at(ints(n, "dims"), d));
  }
  return apply("broadcast", {x.input(0)}, {{"shape", n.aval.shape.vec()}, {"dims", dims}});
}

// A broadcast that only adds unit dimensions moves nothing.
Tensor broadcast_to_reshape(NodeImpl& n) {
  if (n.inputs[0]->aval.numel() != n.aval.numel()) return {};
  return reshape(in(n, 0), n.aval.shape);
}

// ---- transpose ----

Tensor transpose_nothing(NodeImpl& n) { return is_identity(ints(n, "perm")) ? in(n, 0) : Tensor(); }

Tensor transpose_of_transpose(NodeImpl& n) {
  const NodeImpl& x = *n.inputs[0];
  if (!is(x, "transpose")) return {};
  return transpose(x.input(0), compose(ints(x, "perm"), ints(n, "perm")));
}

// A transpose that only moves unit dimensions leaves the memory as it is.
Tensor transpose_to_reshape(NodeImpl& n) {
  std::int64_t last = -1;
  for (std::int64_t d : ints(n, "perm")) {
    if (n.inputs[0]->aval.shape[static_cast<int>(d)] == 1) continue;
    if (d < last) return {};
    last = d;
  }
  return reshape(in(n, 0), n.aval.shape);
}

// ---- slice, pad, reverse, concat ----

Tensor slice_nothing(NodeImpl& n) {
  return n.inputs[0]->aval.shape == n.aval.shape && all_are(ints(n, "start"), 0) ? in(n, 0)
                                                                                 : Tensor();
}

Tensor make_slice(const Tensor& x, Ints start, Ints limit, Ints stride) {
  return apply(
      "slice", {x},
      {{"start", std::move(start)}, {"limit", std::move(limit)}, {"stride", std::move(stride)}});
}

Tensor slice_of_slice(NodeImpl& n) {
  const NodeImpl& x = *n.inputs[0];
  if (!is(x, "slice")) return {};
  Ints start, limit, stride;
  for (int d = 0; d < n.aval.shape.rank(); ++d) {
    const std::int64_t step = at(ints(x, "stride"), d);
    start.push_back(at(ints(x, "start"), d) + at(ints(n, "start"), d) * step);
    stride.push_back(at(ints(n, "stride"), d) * step);
    const std::int64_t count = n.aval.shape[d];
    limit.push_back(count == 0 ? start.back() : start.back() + (count - 1) * stride.back() + 1);
  }
  return make_slice(x.input(0), std::move(start), std::move(limit), std::move(stride));
}

// slice(pad(x)) = slice(x) where it takes nothing of the padding
Tensor slice_of_pad(NodeImpl& n) {
  const NodeImpl& x = *n.inputs[0];
  if (!is(x, "pad") || !all_are(ints(x, "interior"), 0)) return {};
  Ints start = ints(n, "start"), limit = ints(n, "limit");
  for (int d = 0; d < n.aval.shape.rank(); ++d) {
    const auto k = static_cast<std::size_t>(d);
    start[k] -= at(ints(x, "lo"), d);
    limit[k] -= at(ints(x, "lo"), d);
    if (start[k] < 0 || limit[k] > x.inputs[0]->aval.shape[d]) return {};
  }
  return make_slice(x.input(0), std::move(start), std::move(limit), ints(n, "stride"));
}

// slice(concat(x, y)) = slice(x) where it takes nothing of y
Tensor slice_of_concat(NodeImpl& n) {
  const NodeImpl& x = *n.inputs[0];
  if (!is(x, "concat")) return {};
  const int dim = static_cast<int>(x.attrs.integer("dim"));
  Ints start = ints(n, "start"), limit = ints(n, "limit");
  std::int64_t& from = start[static_cast<std::size_t>(dim)];
  std::int64_t& to = limit[static_cast<std::size_t>(dim)];
  for (ir::NodeImpl* piece : x.inputs) {
    const std::int64_t size = piece->aval.shape[dim];
    if (from >= 0 && from < size && to <= size) {
      return make_slice(Tensor(piece), std::move(start), std::move(limit), ints(n, "stride"));
    }
    from -= size;
    to -= size;
  }
  return {};
}

Tensor pad_nothing(NodeImpl& n) {
  return n.inputs[0]->aval.shape == n.aval.shape ? in(n, 0) : Tensor();
}

Tensor pad_of_pad(NodeImpl& n) {
  const NodeImpl& x = *n.inputs[0];
  if (!is(x, "pad") || !all_are(ints(n, "interior"), 0) ||
      !(*n.attrs.find("value") == *x.attrs.find("value"))) {
    return {};
  }
  Attrs attrs = x.attrs;
  Ints lo = ints(x, "lo"), hi = ints(x, "hi");
  for (std::size_t d = 0; d < lo.size(); ++d) {
    lo[d] += ints(n, "lo")[d];
    hi[d] += ints(n, "hi")[d];
  }
  attrs.set("lo", lo);
  attrs.set("hi", hi);
  return apply("pad", {x.input(0)}, std::move(attrs));
}

// reverse of unit dimensions moves nothing; reverse(reverse(x)) = x
Tensor reverse_nothing(NodeImpl& n) {
  const Ints& dims = ints(n, "dims");
  const bool moves = std::any_of(dims.begin(), dims.end(), [&](std::int64_t d) {
    return n.aval.shape[static_cast<int>(d)] > 1;
  });
  if (!moves) return in(n, 0);
  const NodeImpl& x = *n.inputs[0];
  return is(x, "reverse") && x.attrs == n.attrs ? x.input(0) : Tensor();
}

Tensor concat_of_one(NodeImpl& n) { return n.inputs.size() == 1 ? in(n, 0) : Tensor(); }

// concat(concat(x, y), z) = concat(x, y, z)
Tensor concat_of_concat(NodeImpl& n) {
  std::vector<Tensor> pieces;
  for (NodeImpl* piece : n.inputs) {
    if (is(*piece, "concat") && piece->attrs == n.attrs) {
      for (NodeImpl* inner : piece->inputs) pieces.emplace_back(Tensor(inner));
    } else {
      pieces.emplace_back(Tensor(piece));
    }
  }
  return pieces.size() == n.inputs.size() ? Tensor() : apply("concat", pieces, n.attrs);
}

// ---- reductions ----

// Over unit dimensions alone there is nothing to combine.
Tensor reduce_unit_axes(NodeImpl& n) {
  for (std::int64_t axis : ints(n, "axes")) {
    if (n.inputs[0]->aval.shape[static_cast<int>(axis)] != 1) return {};
  }
  if (n.aval.dtype != n.inputs[0]->aval.dtype) return {};
  return reshape(in(n, 0), n.aval.shape);
}

// max(max(x, a), b) = max(x, a and b): the order of comparisons does not matter.
Tensor reduce_of_reduce(NodeImpl& n) {
  const NodeImpl& x = *n.inputs[0];
  if (x.op != n.op) return {};
  const Ints& inner = ints(x, "axes");
  Ints kept, axes = inner;
  for (int d = 0; d < x.inputs[0]->aval.shape.rank(); ++d) {
    if (std::find(inner.begin(), inner.end(), d) == inner.end()) kept.push_back(d);
  }
  for (std::int64_t axis : ints(n, "axes")) axes.push_back(kept[static_cast<std::size_t>(axis)]);
  std::sort(axes.begin(), axes.end());
  return apply(*n.op, {x.input(0)}, {{"axes", axes}});
}

// max over copies of one number is that number.
Tensor reduce_constant(NodeImpl& n) {
  const bool any = n.inputs[0]->aval.numel() > 0;
  return any && is_constant(*n.inputs[0]) ? constant_like(*n.inputs[0], n.aval) : Tensor();
}

}  // namespace

NamedRules view_rules() {
  return {
      {"reshape", {reshape_nothing, view_of_constant, reshape_of_reshape}},
      {"broadcast",
       {broadcast_nothing, view_of_constant, broadcast_of_broadcast, broadcast_of_unsqueeze,
        broadcast_to_reshape}},
      {"transpose",
       {transpose_nothing, view_of_constant, transpose_of_transpose, transpose_to_reshape}},
      {"slice", {slice_nothing, view_of_constant, slice_of_slice, slice_of_pad, slice_of_concat}},
      {"pad", {pad_nothing, pad_of_pad}},
      {"reverse", {view_of_constant, reverse_nothing}},
      {"concat", {concat_of_one, concat_of_concat}},
      {"reduce_sum", {reduce_unit_axes}},
      {"reduce_prod", {reduce_unit_axes}},
      {"reduce_max", {reduce_unit_axes, reduce_of_reduce, reduce_constant}},
      {"reduce_min", {reduce_unit_axes, reduce_of_reduce, reduce_constant}},
  };
}

}  // namespace lilith::passes
