#include "lilith/ops/elementwise.h"
#include "ops/autocast.h"

#include <cmath>
#include <numbers>

#include "ops/define.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Functions of one operand.
namespace lilith {
namespace ops {
namespace {

using kir::Expr;
using T = const Tensor&;

constexpr double kLn2 = std::numbers::ln2, kLn10 = std::numbers::ln10;

Tensor one_minus_square(T x) { return sub(full_as(x, 1), mul(x, x)); }
Tensor one_plus_square(T x) { return shift(mul(x, x), 1); }

const OpDef& exp_op = define(FloatUnary{"exp", [](double x) { return std::exp(x); }, kir::exp,
                                        [](T, T y, T ct) { return mul(ct, y); }});
const OpDef& exp2_op = define(FloatUnary{"exp2", [](double x) { return std::exp2(x); }, kir::exp2,
                                         [](T, T y, T ct) { return mul(ct, scale(y, kLn2)); }});
const OpDef& expm1_op =
    define(FloatUnary{"expm1", [](double x) { return std::expm1(x); }, kir::expm1,
                      [](T, T y, T ct) { return mul(ct, shift(y, 1)); }});
const OpDef& log_op = define(FloatUnary{"log", [](double x) { return std::log(x); }, kir::log,
                                        [](T x, T, T ct) { return div(ct, x); }});
const OpDef& log2_op = define(FloatUnary{"log2", [](double x) { return std::log2(x); }, kir::log2,
                                         [](T x, T, T ct) { return div(ct, scale(x, kLn2)); }});
const OpDef& log10_op =
    define(FloatUnary{"log10", [](double x) { return std::log10(x); }, kir::log10,
                      [](T x, T, T ct) { return div(ct, scale(x, kLn10)); }});
const OpDef& log1p_op =
    define(FloatUnary{"log1p", [](double x) { return std::log1p(x); }, kir::log1p,
                      [](T x, T, T ct) { return div(ct, shift(x, 1)); }});
const OpDef& sin_op = define(FloatUnary{"sin", [](double x) { return std::sin(x); }, kir::sin,
                                        [](T x, T, T ct) { return mul(ct, cos(x)); }});
const OpDef& cos_op = define(FloatUnary{"cos", [](double x) { return std::cos(x); }, kir::cos,
                                        [](T x, T, T ct) { return neg(mul(ct, sin(x))); }});
const OpDef& tan_op = define(FloatUnary{"tan", [](double x) { return std::tan(x); }, kir::tan,
                                        [](T, T y, T ct) { return mul(ct, one_plus_square(y)); }});
const OpDef& asin_op =
    define(FloatUnary{"asin", [](double x) { return std::asin(x); }, kir::asin,
                      [](T x, T, T ct) { return mul(ct, rsqrt(one_minus_square(x))); }});
const OpDef& acos_op =
    define(FloatUnary{"acos", [](double x) { return std::acos(x); }, kir::acos,
                      [](T x, T, T ct) { return neg(mul(ct, rsqrt(one_minus_square(x)))); }});
const OpDef& atan_op = define(FloatUnary{"atan", [](double x) { return std::atan(x); }, kir::atan,
                                         [](T x, T, T ct) { return div(ct, one_plus_square(x)); }});
const OpDef& sinh_op = define(FloatUnary{"sinh", [](double x) { return std::sinh(x); }, kir::sinh,
                                         [](T x, T, T ct) { return mul(ct, cosh(x)); }});
const OpDef& cosh_op = define(FloatUnary{"cosh", [](double x) { return std::cosh(x); }, kir::cosh,
                                         [](T x, T, T ct) { return mul(ct, sinh(x)); }});
const OpDef& tanh_op =
    define(FloatUnary{"tanh", [](double x) { return std::tanh(x); }, kir::tanh,
                      [](T, T y, T ct) { return mul(ct, one_minus_square(y)); }});
const OpDef& asinh_op =
    define(FloatUnary{"asinh", [](double x) { return std::asinh(x); }, kir::asinh,
                      [](T x, T, T ct) { return mul(ct, rsqrt(one_plus_square(x))); }});
const OpDef& acosh_op =
    define(FloatUnary{"acosh", [](double x) { return std::acosh(x); }, kir::acosh,
                      [](T x, T, T ct) { return mul(ct, rsqrt(shift(mul(x, x), -1))); }});
const OpDef& atanh_op =
    define(FloatUnary{"atanh", [](double x) { return std::atanh(x); }, kir::atanh,
                      [](T x, T, T ct) { return div(ct, one_minus_square(x)); }});
const OpDef& sqrt_op =
    define(FloatUnary{"sqrt", [](double x) { return std::sqrt(x); },
                      [](Expr x) { return x.pool().make(kir::Op::Sqrt, x.dtype(), {x}); },
                      [](T, T y, T ct) { return div(scale(ct, 0.5), y); }, 6});
const OpDef& rsqrt_op =
    define(FloatUnary{"rsqrt", [](double x) { return 1 / std::sqrt(x); }, kir::rsqrt,
                      [](T, T y, T ct) { return mul(scale(ct, -0.5), mul(y, mul(y, y))); }, 8});
const OpDef& sigmoid_op = define(FloatUnary{
    "sigmoid",
    [](double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); },
    kir::sigmoid, [](T, T y, T ct) { return mul(ct, mul(y, sub(full_as(y, 1), y))); }});

// ---- Kept dtype. ----

Expr sign_expr(Expr x) {
  kir::Pool& p = x.pool();
  if (x.dtype() == DType::Bool) return x;
  return p.select(kir::gt(x, x.like(0)), x.like(1),
                  p.select(kir::lt(x, x.like(0)), x.like(-1), x.like(0)));
}

template <kir::Op op>
Expr rounded(Expr x) {
  return is_floating(x.dtype()) ? x.pool().make(op, x.dtype(), {x}) : x;
}
Expr abs_expr(Expr x) {
  const bool never_negative = x.dtype() == DType::U8 || x.dtype() == DType::Bool;
  return never_negative ? x : x.pool().make(kir::Op::Abs, x.dtype(), {x});
}
std::int64_t same(std::int64_t x) { return x; }
// The derivative of a step function; explicit, as PyTorch gives it.
Tensor flat(T x, T, T) { return full_as(x, 0); }

const OpDef& neg_op =
    define(AnyUnary{"neg", [](double x) { return -x; }, [](std::int64_t x) { return -x; },
                    [](Expr x) { return -x; }, [](T, T, T ct) { return neg(ct); }});
const OpDef& abs_op = define(AnyUnary{"abs", [](double x) { return std::fabs(x); },
                                      [](std::int64_t x) { return x < 0 ? -x : x; }, abs_expr,
                                      [](T x, T, T ct) {
                                        return make_select(compare("gt", x, 0), ct,
                                                           masked(compare("lt", x, 0), neg(ct)));
                                      }});
const OpDef& sign_op = define(AnyUnary{
    "sign", [](double x) { return static_cast<double>((x > 0) - (x < 0)); },
    [](std::int64_t x) { return static_cast<std::int64_t>((x > 0) - (x < 0)); }, sign_expr, flat});
const OpDef& floor_op = define(
    AnyUnary{"floor", [](double x) { return std::floor(x); }, same, rounded<kir::Op::Floor>, flat});
const OpDef& ceil_op = define(
    AnyUnary{"ceil", [](double x) { return std::ceil(x); }, same, rounded<kir::Op::Ceil>, flat});
const OpDef& trunc_op = define(
    AnyUnary{"trunc", [](double x) { return std::trunc(x); }, same, rounded<kir::Op::Trunc>, flat});
const OpDef& round_op = define(AnyUnary{"round", [](double x) { return std::nearbyint(x); }, same,
                                        rounded<kir::Op::RoundEven>, flat});
const OpDef& stop_gradient_op =
    define(AnyUnary{"stop_gradient", [](double x) { return x; }, same, [](Expr x) { return x; },
                    [](T, T, T) { return Tensor(); }});
const OpDef& not_op = register_builtin(
    {.name = "not",
     .infer =
         [](const InferCtx& c) {
           LILITH_CHECK(!is_floating(c.in[0].dtype), "{}: got {}; need a bool or integer tensor",
                        c.op, c.in[0].str());
           return c.in[0];
         },
     .no_vjp_reason = "it is a function of bits",
     .lower =
         [](LowerCtx& c) {
           const Expr x = c[0];
           return x.dtype() == DType::Bool ? kir::logical_not(x)
                                           : c.pool.make(kir::Op::Not, x.dtype(), {x});
         },
     .reference =
         [](RefCtx& c) {
           const bool is_bool = c.out.aval.dtype == DType::Bool;
           for (std::size_t k = 0; k < c.out.i.size(); ++k) {
             const std::int64_t x = c.in[0]->i[k];
             c.out.set_int(static_cast<std::int64_t>(k), is_bool ? !x : ~x);
           }
         }});

// `function`: the public one that calls this.
Tensor unary(const OpDef& op, const Arg& x, const char* function = __builtin_FUNCTION()) {
  LocScope scope(x.loc(), function);
  return apply(op, {floating(x)});
}
// Ops that autocast has in f32.
Tensor unary_lifted(const OpDef& op, const Arg& x, const char* function = __builtin_FUNCTION()) {
  LocScope scope(x.loc(), function);
  return apply(op, {lifted(floating(x))});
}
Tensor unary_any(const OpDef& op, const Arg& x, const char* function = __builtin_FUNCTION()) {
  LocScope scope(x.loc(), function);
  return apply(op, {x.tensor()});
}
// Ops that leave integers and bools as they are.
Tensor unary_rounding(const OpDef& op, const Arg& x, const char* function = __builtin_FUNCTION()) {
  LocScope scope(x.loc(), function);
  const Tensor t = x.tensor();
  return is_floating(t.dtype()) ? apply(op, {t}) : t;
}

}  // namespace
}  // namespace ops

using namespace ops;

Tensor exp(const Arg& x) { return unary_lifted(exp_op, x); }
Tensor exp2(const Arg& x) { return unary(exp2_op, x); }
Tensor expm1(const Arg& x) { return unary_lifted(expm1_op, x); }
Tensor log(const Arg& x) { return unary_lifted(log_op, x); }
Tensor log2(const Arg& x) { return unary_lifted(log2_op, x); }
Tensor log10(const Arg& x) { return unary_lifted(log10_op, x); }
Tensor log1p(const Arg& x) { return unary_lifted(log1p_op, x); }
Tensor sin(const Arg& x) { return unary(sin_op, x); }
Tensor cos(const Arg& x) { return unary(cos_op, x); }
Tensor tan(const Arg& x) { return unary_lifted(tan_op, x); }
Tensor asin(const Arg& x) { return unary_lifted(asin_op, x); }
Tensor acos(const Arg& x) { return unary_lifted(acos_op, x); }
Tensor atan(const Arg& x) { return unary(atan_op, x); }
Tensor sinh(const Arg& x) { return unary_lifted(sinh_op, x); }
Tensor cosh(const Arg& x) { return unary_lifted(cosh_op, x); }
Tensor tanh(const Arg& x) { return unary(tanh_op, x); }
Tensor asinh(const Arg& x) { return unary(asinh_op, x); }
Tensor acosh(const Arg& x) { return unary(acosh_op, x); }
Tensor atanh(const Arg& x) { return unary(atanh_op, x); }
Tensor sqrt(const Arg& x) { return unary(sqrt_op, x); }
Tensor rsqrt(const Arg& x) { return unary_lifted(rsqrt_op, x); }
Tensor sigmoid(const Arg& x) { return unary(sigmoid_op, x); }
Tensor stop_gradient(const Arg& x) { return unary_any(stop_gradient_op, x); }
Tensor detach(const Arg& x) { return unary_any(stop_gradient_op, x); }
Tensor floor(const Arg& x) { return unary_rounding(floor_op, x); }
Tensor ceil(const Arg& x) { return unary_rounding(ceil_op, x); }
Tensor trunc(const Arg& x) { return unary_rounding(trunc_op, x); }
Tensor bitwise_not(const Arg& x) { return unary_any(not_op, x); }
Tensor sign(const Arg& x) { return unary_any(sign_op, x); }
Tensor sgn(const Arg& x) { return unary_any(sign_op, x); }

Tensor neg(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(t.dtype() != DType::Bool, "neg: got {}; bools have no negative, use logical_not",
               t.aval().str());
  return apply(neg_op, {t});
}

Tensor abs(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  return t.dtype() == DType::Bool ? t : apply(abs_op, {t});
}

Tensor positive(const Arg& x) {
  LocScope scope(x.loc());
  return x.tensor();
}

Tensor round(const Arg& x, Int decimals) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  if (!is_floating(t.dtype())) return t;
  if (decimals == 0) return apply(round_op, {t});
  const double power = std::pow(10.0, std::abs(static_cast<double>(decimals)));
  const Tensor factor = full_as(t, power);
  return decimals > 0 ? div(apply(round_op, {mul(t, factor)}), factor)
                      : mul(apply(round_op, {div(t, factor)}), factor);
}

}  // namespace lilith
