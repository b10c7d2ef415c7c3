#include "ops/batch.h"

#include <algorithm>

#include "ir/host_copy.h"
#include "ir/node.h"
#include "ops/operand.h"
#include "ops/primitives.h"

namespace lilith::ops {
namespace {

using I = std::int64_t;

/// What a list with an entry for each dimension says of a dimension that the op leaves alone.
I neutral(const std::string& key, I size) {
  if (key == "limit" || key == "shape") return size;
  return key == "stride" || key == "window" || key == "dilation" ? 1 : 0;
}

Attrs with_dimension(const Attrs& before, const DimAttrs& dims, I size) {
  Attrs attrs = before;
  for (const std::string& key : dims.each) {
    Ints list = before.ints(key);
    list.insert(list.begin(), neutral(key, size));
    attrs.set(key, std::move(list));
  }
  if (!dims.one.empty()) attrs.set(dims.one, before.integer(dims.one) + 1);
  if (!dims.some.empty()) {
    Ints list = before.ints(dims.some);
    for (I& d : list) ++d;
    attrs.set(dims.some, std::move(list));
  }
  return attrs;
}

}  // namespace

Tensor repeat(const Tensor& x, I size) {
  Shape shape = x.shape();
  shape.insert(0, size);
  const ir::NodeImpl& node = *x.node();
  if (node.op == &ir::constant_op()) {
    Aval aval = x.aval();
    aval.shape = shape;
    return ir::make_constant(ir::number_of(node), aval);
  }
  Ints dims = range(x.ndim());
  for (I& d : dims) ++d;
  return make_broadcast(x, shape, dims);
}

Ints behind_batch(const Ints& dims) {
  Ints out{0};
  for (const I d : dims) out.push_back(d + 1);
  return out;
}

Tensor move_dim(const Tensor& x, int from, int to) {
  Ints perm = range(x.ndim());
  perm.erase(perm.begin() + from);
  perm.insert(perm.begin() + to, from);
  Shape shape;
  for (const I d : perm) shape.push_back(x.shape()[static_cast<int>(d)]);
  I crossed = 1;
  for (int d = std::min(from, to); d <= std::max(from, to); ++d)
    if (d != from) crossed *= x.shape()[d];
  return crossed == 1 ? make_reshape(x, shape) : make_transpose(x, perm);
}

Tensor batched_operand(const BatchCtx& c, std::size_t i) {
  return c.batched[i] ? c.in[i] : repeat(c.in[i], c.size);
}

std::vector<Tensor> batched_operands(const BatchCtx& c) {
  std::vector<Tensor> out;
  for (std::size_t i = 0; i < c.in.size(); ++i) out.push_back(batched_operand(c, i));
  return out;
}

std::vector<Tensor> batch_in_front(const BatchCtx& c) {
  return {apply(c.op, batched_operands(c), c.attrs)};
}

BatchRule batch_by_dims(DimAttrs dims) {
  return [dims = std::move(dims)](const BatchCtx& c) -> std::vector<Tensor> {
    return {apply(c.op, batched_operands(c), with_dimension(c.attrs, dims, c.size))};
  };
}

BatchRule batch_rule(const OpDef& op) {
  if (op.batch) return op.batch;
  if (op.cls == OpClass::Elementwise) return batch_in_front;
  if (op.cls == OpClass::Reduction) return batch_by_dims({.some = "axes"});
  if (op.dims) return batch_by_dims(*op.dims);
  return {};
}

}  // namespace lilith::ops
