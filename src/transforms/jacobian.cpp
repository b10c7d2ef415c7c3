#include "lilith/ops.h"
#include "lilith/vmap.h"
#include "ops/batch.h"
#include "ops/primitives.h"

namespace lilith {
namespace {

Shape joined(const Shape& a, const Shape& b) {
  Shape out = a;
  for (std::int64_t d : b) out.push_back(d);
  return out;
}

}  // namespace

namespace detail {

Tensor basis_like(const Tensor& y, const char* what, Loc loc) {
  const LocScope scope(loc, what);
  const std::int64_t n = y.numel();
  LILITH_CHECK(n > 0, "{}: the function's value is {}; need at least one element", what,
               y.aval().str());
  LILITH_CHECK(is_floating(y.dtype()), "{}: got {}; need a floating dtype", what, y.aval().str());
  const TensorOptions options{.dtype = y.dtype(), .device = y.device()};
  return ops::make_reshape(eye(n, {}, options), joined({n}, y.shape()));
}

void rows_to_jacobian(const Shape& y, ModelRef cotangents) {
  for_each_slot(cotangents, [&](Tensor& t, bool) {
    if (!t.defined()) return;
    Shape one = t.shape();
    one.erase(0);
    t.rebind(ops::make_reshape(t, joined(y, one)));
  });
}

Tensor columns_to_jacobian(const Tensor& columns, const Shape& y, const Shape& x) {
  const Tensor rows =
      ops::move_dim(ops::make_reshape(columns, joined({x.numel()}, y)), 0, y.rank());
  return ops::make_reshape(rows, joined(y, x));
}

}  // namespace detail

Tensor jacobian(const std::function<Tensor(const Tensor&)>& f, const Tensor& x,
                SourceLocation loc) {
  const auto [y, pullback] = vjp(f, x, loc);
  LocScope scope(loc);
  const auto row = [&pullback = pullback](const Tensor& ct) { return pullback(ct); };
  Tensor rows = vmap(row, VmapOptions{.loc = loc})(detail::basis_like(y, "jacobian", loc));
  if (!rows.defined()) rows = ops::repeat(zeros_like(x), y.numel());
  return ops::make_reshape(rows, joined(y.shape(), x.shape()));
}

Tensor hessian(const std::function<Tensor(const Tensor&)>& f, const Tensor& x, SourceLocation loc) {
  return jacobian([&](const Tensor& at) { return grad(f, at, loc).second; }, x, loc);
}

}  // namespace lilith
