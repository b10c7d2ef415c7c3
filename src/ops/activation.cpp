#include "lilith/ops/activation.h"

#include <cmath>
#include <numbers>

#include "ir/copy_first.h"
#include "ir/op_registry.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/autocast.h"
#include "ops/batch.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Activations. Pieces are chosen by select, so that the side not taken passes no inf or NaN back.
namespace lilith {

using namespace ops;

namespace {

Tensor operand(const char* op, const Arg& x) {
  const Tensor t = x.tensor();
  LILITH_CHECK(is_floating(t.dtype()), "{}: got {}; need a floating dtype", op, t.aval().str());
  return t;
}

// a where x > 0, else b(x held at 0): b is never computed where it could overflow.
template <class F>
Tensor positive_or(const Tensor& x, const Tensor& a, F&& b) {
  const Tensor positive = compare("gt", x, 0);
  return make_select(positive, a, b(make_select(positive, full_as(x, 0), x)));
}

// "softmax_vjp" (y, x): y = softmax(x) with the gradient that y alone gives, y * (ct - sum(ct *
// y)): that of its parts would ask for the exponentials too.
const OpDef& softmax_vjp_op =
    register_builtin({.name = "softmax_vjp",
                      .arity = 2,
                      .cls = OpClass::Marker,
                      .infer = [](const InferCtx& c) { return c.in[0]; },
                      .vjp =
                          [](const VjpCtx& c, const Tensor& ct) {
                            const std::vector<std::int64_t>& dims = c.attrs.ints("axes");
                            const Tensor total = make_reduce("reduce_sum", mul(ct, c.out), dims);
                            const Tensor off = sub(ct, broadcast_over(total, ct.shape(), dims));
                            return std::vector<Tensor>{Tensor(), mul(c.out, off)};
                          },
                      .reference = ir::copy_first,
                      .cost = 0,
                      .batch = batch_by_dims({.some = "axes"})});

Tensor with_softmax_vjp(const Tensor& y, const Tensor& x, int dim) {
  return apply(softmax_vjp_op, {y, x}, {{"axes", std::vector<std::int64_t>{dim}}});
}

}  // namespace

Tensor relu(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(t.dtype() != DType::Bool, "relu: got {}; need numbers", t.aval().str());
  return make_select(compare("le", t, 0), full_as(t, 0), t);
}
Tensor leaky_relu(const Arg& x, Real negative_slope) {
  LocScope scope(x.loc());
  return rounded_once(operand("leaky_relu", x), [&](const Tensor& t) {
    return make_select(compare("gt", t, 0), t, scale(t, negative_slope));
  });
}
Tensor prelu(const Arg& x, const Tensor& slope) {
  LocScope scope(x.loc());
  const Tensor t = lowered(operand("prelu", x)), weight = lowered(slope);
  LILITH_CHECK(weight.ndim() <= 1, "prelu: weight is {}; need at most 1 dimension",
               weight.aval().str());
  Tensor w;
  if (weight.numel() == 1) {
    w = make_broadcast(make_reshape(weight, {}), t.shape(), {});
  } else {
    LILITH_CHECK(t.ndim() >= 2 && t.size(1) == weight.numel(),
                 "prelu: weight {} for {}; need one value, or one per channel (dimension 1)",
                 weight.aval().str(), t.aval().str());
    w = make_broadcast(weight, t.shape(), {1});
  }
  return make_select(compare("gt", t, 0), t, mul(w, t));
}
Tensor elu(const Arg& x, Real alpha) {
  LocScope scope(x.loc());
  return rounded_once(operand("elu", x), [&](const Tensor& t) {
    return positive_or(t, t, [&](const Tensor& n) { return scale(expm1(n), alpha); });
  });
}
Tensor selu(const Arg& x) {
  LocScope scope(x.loc());
  constexpr double kAlpha = 1.6732632423543772848170429916717,
                   kScale = 1.0507009873554804934193349852946;
  return rounded_once(operand("selu", x), [&](const Tensor& t) {
    return positive_or(t, scale(t, kScale),
                       [&](const Tensor& n) { return scale(expm1(n), kScale * kAlpha); });
  });
}
Tensor celu(const Arg& x, Real alpha) {
  LocScope scope(x.loc());
  return rounded_once(operand("celu", x), [&](const Tensor& t) {
    LILITH_CHECK(alpha != 0, "celu: alpha is 0; need another number");
    return positive_or(t, t,
                       [&](const Tensor& n) { return scale(expm1(scale(n, 1 / alpha)), alpha); });
  });
}
Tensor gelu(const Arg& x, GeluApproximation approximate) {
  LocScope scope(x.loc());
  return rounded_once(operand("gelu", x), [&](const Tensor& t) {
    if (approximate == GeluApproximation::None) {
      return mul(scale(t, 0.5), shift(erf(scale(t, 1 / std::numbers::sqrt2)), 1));
    }
    const double c = std::sqrt(2 / std::numbers::pi);
    const Tensor inner = scale(add(t, scale(mul(t, mul(t, t)), 0.044715)), c);
    return mul(scale(t, 0.5), shift(tanh(inner), 1));
  });
}
Tensor silu(const Arg& x) {
  LocScope scope(x.loc());
  return rounded_once(operand("silu", x), [&](const Tensor& t) { return mul(t, sigmoid(t)); });
}
Tensor mish(const Arg& x) {
  LocScope scope(x.loc());
  return rounded_once(operand("mish", x),
                      [&](const Tensor& t) { return mul(t, tanh(softplus(t))); });
}
Tensor softplus(const Arg& x, Real beta, Real threshold) {
  LocScope scope(x.loc());
  return rounded_once(lifted(operand("softplus", x)), [&](const Tensor& t) {
    const Tensor z = scale(t, beta);
    const Tensor linear = compare("gt", z, threshold);
    // max(z, 0) + log1p(exp(-|z|)): exp never overflows; the selects give the slope 1/2 at 0.
    const Tensor held = masked(logical_not(linear), z), positive = compare("gt", held, 0);
    const Tensor small = exp(make_select(positive, neg(held), held));
    const Tensor smooth = add(masked(positive, held), log1p(small));
    return make_select(linear, t, scale(smooth, 1 / beta));
  });
}
Tensor softsign(const Arg& x) {
  LocScope scope(x.loc());
  return rounded_once(floating(x), [&](const Tensor& t) { return div(t, shift(abs(t), 1)); });
}
Tensor hardtanh(const Arg& x, Real min_val, Real max_val) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const Tensor low = make_select(compare("le", t, min_val), full_as(t, min_val), t);
  return make_select(compare("ge", low, max_val), full_as(t, max_val), low);
}
Tensor relu6(const Arg& x) {
  LocScope scope(x.loc());
  return hardtanh(x, 0, 6);
}
Tensor hardswish(const Arg& x) {
  LocScope scope(x.loc());
  return rounded_once(operand("hardswish", x), [&](const Tensor& t) {
    const Tensor below = compare("le", t, -3), above = compare("ge", t, 3);
    const Tensor held = masked(logical_not(logical_or(below, above)), t);
    const Tensor middle = scale(mul(held, shift(held, 3)), 1.0 / 6);
    return make_select(below, full_as(t, 0), make_select(above, t, middle));
  });
}
Tensor hardsigmoid(const Arg& x) {
  LocScope scope(x.loc());
  return rounded_once(operand("hardsigmoid", x), [&](const Tensor& t) {
    const Tensor middle = shift(scale(t, 1.0 / 6), 0.5);
    return make_select(compare("le", t, -3), full_as(t, 0),
                       make_select(compare("ge", t, 3), full_as(t, 1), middle));
  });
}
Tensor hardshrink(const Arg& x, Real lambd) {
  LocScope scope(x.loc());
  const Tensor t = operand("hardshrink", x);
  return make_select(logical_and(compare("ge", t, -lambd), compare("le", t, lambd)), full_as(t, 0),
                     t);
}
Tensor softshrink(const Arg& x, Real lambd) {
  LocScope scope(x.loc());
  return rounded_once(operand("softshrink", x), [&](const Tensor& t) {
    LILITH_CHECK(lambd >= 0, "softshrink: lambd is {}; need lambd >= 0", lambd);
    const Tensor within = make_select(eq(t, t), full_as(t, 0), t);  // NaN stays
    return make_select(compare("gt", t, lambd), shift(t, -lambd),
                       make_select(compare("lt", t, -lambd), shift(t, lambd), within));
  });
}
Tensor logsigmoid(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = operand("logsigmoid", x);
  return neg(softplus(neg(t), 1, 1e30));
}
Tensor tanhshrink(const Arg& x) {
  LocScope scope(x.loc());
  return rounded_once(floating(x), [&](const Tensor& t) { return sub(t, tanh(t)); });
}
Tensor threshold(const Arg& x, Real threshold, Real value) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  return make_select(compare("le", t, threshold), full_as(t, value), t);
}
Tensor glu(const Arg& x, Dim dim) {
  LocScope scope(x.loc());
  const Tensor t = operand("glu", x);
  LILITH_CHECK(t.ndim() > 0 && t.size(dim) % 2 == 0, "glu: dimension {} of {}; need an even size",
               dim, t.aval().str());
  return rounded_once(t, [&](const Tensor& wide) {
    const auto halves = chunk(wide, 2, dim);
    return mul(halves[0], sigmoid(halves[1]));
  });
}

Tensor softmax(const Arg& x, Dim dim, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  const Tensor t = make_cast(x.tensor(), dtype.value_or(lifted(floating_type(x.tensor().dtype()))));
  const int d = wrap_dim("softmax", dim, t.ndim());
  if (t.ndim() == 0 || t.numel() == 0) return t.ndim() == 0 ? full_as(t, 1) : t;
  return rounded_once(t, [&](const Tensor& wide) {
    const Tensor top = stop_gradient(make_reduce("reduce_max", wide, {d}));
    const Tensor e = exp(sub(wide, broadcast_over(top, t.shape(), {d})));
    const Tensor total = make_reduce("reduce_sum", e, {d});
    return with_softmax_vjp(div(e, broadcast_over(total, t.shape(), {d})), wide, d);
  });
}
namespace ops {

Tensor masked_softmax(const Tensor& t) {
  if (t.numel() == 0) return t;
  const int d = t.ndim() - 1;
  return rounded_once(t, [&](const Tensor& wide) {
    const Tensor top = stop_gradient(make_reduce("reduce_max", wide, {d}));
    const Tensor held = masked(compare("ne", top, -INFINITY), top);
    const Tensor e = exp(sub(wide, broadcast_over(held, t.shape(), {d})));
    const Tensor total = make_reduce("reduce_sum", e, {d});
    const Tensor divisor = make_select(compare("eq", total, 0), full_as(total, 1), total);
    return with_softmax_vjp(div(e, broadcast_over(divisor, t.shape(), {d})), wide, d);
  });
}

}  // namespace ops

Tensor softmin(const Arg& x, Dim dim, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  // u8 wraps, as in PyTorch.
  return softmax(neg(t.dtype() == DType::Bool ? make_cast(t, DType::I8) : t), dim, dtype);
}
Tensor log_softmax(const Arg& x, Dim dim, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  const Tensor t = make_cast(x.tensor(), dtype.value_or(lifted(floating_type(x.tensor().dtype()))));
  const int d = wrap_dim("log_softmax", dim, t.ndim());
  if (t.ndim() == 0 || t.numel() == 0) return t.ndim() == 0 ? full_as(t, 0) : t;
  return rounded_once(t, [&](const Tensor& wide) {
    const Tensor top = stop_gradient(make_reduce("reduce_max", wide, {d}));
    const Tensor off = sub(wide, broadcast_over(top, t.shape(), {d}));
    const Tensor total = log(make_reduce("reduce_sum", exp(off), {d}));
    return sub(off, broadcast_over(total, t.shape(), {d}));
  });
}

}  // namespace lilith
