#include "ops/primitives.h"

#include <algorithm>
#include <cmath>

#include "core/dtype_limits.h"
#include "ir/host.h"
#include "ir/node.h"
#include "lilith/ops/elementwise.h"
#include "ops/half.h"
#include "ops/operand.h"

namespace lilith::ops {

Tensor make_full(const Shape& shape, double value, DType dtype, Device device) {
  const Scalar scalar = is_floating(dtype)
                            ? Scalar{Scalar::Kind::Float, 0, value}
                            : Scalar{Scalar::Kind::Int, static_cast<std::int64_t>(value), 0};
  return ir::make_constant(scalar, {.shape = shape, .dtype = dtype, .device = device});
}

Tensor integer_as(const Tensor& x, std::int64_t value) {
  return ir::make_constant({Scalar::Kind::Int, value, 0}, x.aval());
}

Tensor full_as(const Tensor& x, double value) {
  return make_full(x.shape(), value, x.dtype(), x.device());
}

Tensor lowest_as(const Tensor& x) {
  return is_floating(x.dtype()) ? full_as(x, lowest(x.dtype()))
                                : integer_as(x, least_integer(x.dtype()));
}
Tensor highest_as(const Tensor& x) {
  return is_floating(x.dtype()) ? full_as(x, highest(x.dtype()))
                                : integer_as(x, largest_integer(x.dtype()));
}

namespace {

// x op c. A number that a half cannot hold takes part in f32, as it does in PyTorch's kernels.
Tensor with_number(std::string_view op, const Tensor& x, double c) {
  if (ir::round_to(c, compute_dtype(x.dtype())) == ir::round_to(c, x.dtype()) || std::isnan(c))
    return apply(op, {x, full_as(x, c)});
  const Tensor wide = widened(x);
  return apply(op, {wide, full_as(wide, c)});
}

}  // namespace

Tensor scale(const Tensor& x, double c) { return narrowed(with_number("mul", x, c), x.dtype()); }
Tensor shift(const Tensor& x, double c) { return narrowed(with_number("add", x, c), x.dtype()); }

Tensor make_cast(const Tensor& x, DType dtype) {
  return x.dtype() == dtype ? x : apply("cast", {x}, {{"dtype", dtype}});
}

Tensor make_select(const Tensor& cond, const Tensor& a, const Tensor& b) {
  return apply("select", {cond, a, b});
}

Tensor masked(const Tensor& cond, const Tensor& a) { return make_select(cond, a, full_as(a, 0)); }

Tensor compare(std::string_view op, const Tensor& x, double value) {
  return with_number(op, x, value);
}

Tensor straight_through(const Tensor& value, const Tensor& slope) {
  const Tensor still = stop_gradient(slope);
  return add(stop_gradient(value), masked(isfinite(still), sub(slope, still)));
}

Tensor sqrt_flat_at_zero(const Tensor& x) {
  // By a choice of operands, so that no 0 * inf appears in the gradient.
  const Tensor none = compare("eq", x, 0);
  return masked(logical_not(none), sqrt(make_select(none, full_as(x, 1), x)));
}

Tensor make_reshape(const Tensor& x, const Shape& shape) {
  return x.shape() == shape ? x : apply("reshape", {x}, {{"shape", shape.vec()}});
}

Tensor make_broadcast(const Tensor& x, const Shape& shape, const Ints& dims) {
  if (x.shape() == shape && dims == range(shape.rank())) return x;
  return apply("broadcast", {x}, {{"shape", shape.vec()}, {"dims", dims}});
}

Tensor make_transpose(const Tensor& x, const Ints& perm) {
  return std::is_sorted(perm.begin(), perm.end()) ? x : apply("transpose", {x}, {{"perm", perm}});
}

Tensor make_slice(const Tensor& x, const Ints& start, const Ints& limit, const Ints& stride) {
  const bool whole = limit == x.shape().vec() &&
                     std::all_of(start.begin(), start.end(), [](auto v) { return v == 0; }) &&
                     std::all_of(stride.begin(), stride.end(), [](auto v) { return v == 1; });
  if (whole) return x;
  return apply("slice", {x}, {{"start", start}, {"limit", limit}, {"stride", stride}});
}

Tensor slice_dim(const Tensor& x, int dim, std::int64_t start, std::int64_t limit,
                 std::int64_t step) {
  Ints starts(x.shape().size(), 0), limits = x.shape().vec(), strides(x.shape().size(), 1);
  const auto d = static_cast<std::size_t>(dim);
  starts[d] = start;
  limits[d] = limit;
  strides[d] = step;
  return make_slice(x, starts, limits, strides);
}

Tensor make_pad(const Tensor& x, const Ints& lo, const Ints& hi, const Ints& interior,
                double value) {
  const auto zero = [](auto v) { return v == 0; };
  if (std::all_of(lo.begin(), lo.end(), zero) && std::all_of(hi.begin(), hi.end(), zero) &&
      std::all_of(interior.begin(), interior.end(), zero)) {
    return x;
  }
  return apply("pad", {x}, {{"lo", lo}, {"hi", hi}, {"interior", interior}, {"value", value}});
}

Tensor pad_dim(const Tensor& x, int dim, std::int64_t lo, std::int64_t hi) {
  Ints los(x.shape().size(), 0), his = los, interior = los;
  los[static_cast<std::size_t>(dim)] = lo;
  his[static_cast<std::size_t>(dim)] = hi;
  return make_pad(x, los, his, interior, 0);
}

Tensor make_reverse(const Tensor& x, const Ints& dims) {
  return dims.empty() ? x : apply("reverse", {x}, {{"dims", dims}});
}

Tensor make_concat(const std::vector<Tensor>& tensors, int dim) {
  if (tensors.size() == 1) return tensors[0];
  return apply("concat", tensors, {{"dim", std::int64_t{dim}}});
}

Tensor make_iota(const Shape& shape, int dim, DType dtype, Device device) {
  Attrs attrs = {{"shape", shape.vec()}, {"dim", std::int64_t{dim}}, {"dtype", dtype}};
  if (device != cpu()) attrs.set("device", device.str());
  return apply("iota", {}, std::move(attrs));
}

Tensor make_gather(const Tensor& x, int axis, const Tensor& index) {
  return apply("gather", {x, make_cast(index, DType::I64)}, {{"axis", std::int64_t{axis}}});
}

Tensor make_scatter(std::string_view op, const Tensor& base, int axis, const Tensor& index,
                    const Tensor& src) {
  const Tensor made = apply(op, {widened(base), make_cast(index, DType::I64), widened(src)},
                            {{"axis", std::int64_t{axis}}});
  return narrowed(made, base.dtype());
}
Tensor make_scatter_add(const Tensor& base, int axis, const Tensor& index, const Tensor& src) {
  return make_scatter("scatter_add", base, axis, index, src);
}

Shape without(const Shape& shape, const Ints& axes) {
  Shape out;
  for (std::int64_t d : other_dims(shape.rank(), axes)) out.push_back(shape[static_cast<int>(d)]);
  return out;
}

Tensor make_reduce(std::string_view op, const Tensor& x, Ints axes) {
  std::sort(axes.begin(), axes.end());
  if (axes.empty() && op.starts_with("reduce")) return x;
  return apply(op, {x}, {{"axes", std::move(axes)}});
}

Tensor make_reduce_keep(std::string_view op, const Tensor& x, const Ints& axes) {
  Shape kept = x.shape();
  for (std::int64_t a : axes) kept[static_cast<int>(a)] = 1;
  return make_reshape(make_reduce(op, x, axes), kept);
}

Tensor broadcast_over(const Tensor& x, const Shape& shape, const Ints& axes) {
  return make_broadcast(x, shape, other_dims(shape.rank(), axes));
}

}  // namespace lilith::ops
