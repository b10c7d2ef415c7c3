#include <cmath>

#include "ir/host.h"
#include "ir/node.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/reduce.h"
#include "ops/autocast.h"
#include "ops/define.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Arithmetic, comparisons and bits of two operands.
namespace lilith {
namespace ops {
namespace {

using kir::Expr;
using I = std::int64_t;
using U = std::uint64_t;
using Cts = std::vector<Tensor>;

Tensor wanted(const VjpCtx& c, std::size_t i, const auto& make) {
  return c.wanted[i] ? make() : Tensor();
}

const OpDef& add_op = define(
    Binary{"add", [](double a, double b) { return a + b; },
           [](I a, I b) { return static_cast<I>(static_cast<U>(a) + static_cast<U>(b)); },
           [](Expr a, Expr b) { return a.dtype() == DType::Bool ? kir::logical_or(a, b) : a + b; },
           [](const VjpCtx&, const Tensor& ct) -> Cts { return {ct, ct}; }});
const OpDef& sub_op =
    define(Binary{"sub", [](double a, double b) { return a - b; },
                  [](I a, I b) { return static_cast<I>(static_cast<U>(a) - static_cast<U>(b)); },
                  [](Expr a, Expr b) { return a - b; },
                  [](const VjpCtx& c, const Tensor& ct) -> Cts {
                    return {ct, wanted(c, 1, [&] { return neg(ct); })};
                  }});
const OpDef& mul_op = define(
    Binary{"mul", [](double a, double b) { return a * b; },
           [](I a, I b) { return static_cast<I>(static_cast<U>(a) * static_cast<U>(b)); },
           [](Expr a, Expr b) { return a.dtype() == DType::Bool ? kir::logical_and(a, b) : a * b; },
           [](const VjpCtx& c, const Tensor& ct) -> Cts {
             return {wanted(c, 0, [&] { return mul(ct, c.in[1]); }),
                     wanted(c, 1, [&] { return mul(ct, c.in[0]); })};
           }});
// x / 0 = 0 and MIN / -1 = MIN for integers, as in the kernel IR.
I divide(I a, I b) { return b == 0 ? 0 : b == -1 ? static_cast<I>(-static_cast<U>(a)) : a / b; }
const OpDef& div_op = define(Binary{
    "div", [](double a, double b) { return a / b; }, divide, [](Expr a, Expr b) { return a / b; },
    [](const VjpCtx& c, const Tensor& ct) -> Cts {
      return {wanted(c, 0, [&] { return div(ct, c.in[1]); }),
              wanted(c, 1, [&] { return neg(mul(ct, div(c.out, c.in[1]))); })};
    },
    "", 4});

I int_power(I base, I exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
  U result = 1, square = static_cast<U>(base);
  for (U e = static_cast<U>(exponent); e; e >>= 1, square *= square) {
    if (e & 1) result *= square;
  }
  return static_cast<I>(result);
}
Expr pow_expr(Expr a, Expr b) {
  if (is_floating(a.dtype())) return kir::pow(a, b);
  kir::Pool& p = a.pool();
  const Expr one = a.like(1), zero = a.like(0);
  Expr result = one, square = a;
  const int bits = static_cast<int>(size_of(a.dtype())) * 8 - (a.dtype() == DType::U8 ? 0 : 1);
  for (int i = 0; i < bits; ++i) {
    const Expr bit =
        p.make(kir::Op::And, a.dtype(), {p.make(kir::Op::UShr, a.dtype(), {b, a.like(i)}), one});
    result = p.select(kir::ne(bit, zero), result * square, result);
    square = square * square;
  }
  if (a.dtype() == DType::U8) return result;
  const Expr odd = kir::ne(p.make(kir::Op::And, a.dtype(), {b, one}), zero);
  const Expr negative = p.select(
      kir::eq(a, one), one, p.select(kir::eq(a, a.like(-1)), p.select(odd, a.like(-1), one), zero));
  return p.select(kir::lt(b, zero), negative, result);
}
const OpDef& pow_op =
    define(Binary{"pow", [](double a, double b) { return std::pow(a, b); }, int_power, pow_expr,
                  [](const VjpCtx& c, const Tensor& ct) -> Cts {
                    const Tensor &a = c.in[0], &b = c.in[1];
                    return {wanted(c, 0,
                                   [&] {
                                     const Tensor slope = mul(b, apply("pow", {a, shift(b, -1)}));
                                     return masked(compare("ne", b, 0), mul(ct, slope));
                                   }),
                            wanted(c, 1, [&] {
                              const Tensor flat =
                                  logical_and(compare("eq", a, 0), compare("ge", b, 0));
                              return masked(logical_not(flat), mul(ct, mul(c.out, log(a))));
                            })};
                  },
                  "", 40});

// Equal operands get half of the cotangent each.
Cts extremum_vjp(const VjpCtx& c, const Tensor& ct, const char* wins) {
  const Tensor &a = c.in[0], &b = c.in[1];
  const Tensor half = scale(ct, 0.5), tie = apply("eq", {a, b});
  const auto side = [&](std::size_t i, const Tensor& x, const Tensor& other) {
    return wanted(c, i, [&] {
      const Tensor loses = apply(wins, {other, x});
      return make_select(tie, half, make_select(loses, full_as(ct, 0), ct));
    });
  };
  return {side(0, a, b), side(1, b, a)};
}
double maximum_of(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b);
}
double minimum_of(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b);
}
const OpDef& maximum_op =
    define(Binary{"maximum", maximum_of, [](I a, I b) { return a > b ? a : b; },
                  [](Expr a, Expr b) {
                    return a.dtype() == DType::Bool ? kir::logical_or(a, b) : kir::max(a, b);
                  },
                  [](const VjpCtx& c, const Tensor& ct) { return extremum_vjp(c, ct, "gt"); }});
const OpDef& minimum_op =
    define(Binary{"minimum", minimum_of, [](I a, I b) { return a < b ? a : b; },
                  [](Expr a, Expr b) {
                    return a.dtype() == DType::Bool ? kir::logical_and(a, b) : kir::min(a, b);
                  },
                  [](const VjpCtx& c, const Tensor& ct) { return extremum_vjp(c, ct, "lt"); }});
const OpDef& fmod_op = define(
    Binary{"fmod", [](double a, double b) { return std::fmod(a, b); },
           [](I a, I b) { return b == 0    ? a
                                 : b == -1 ? 0
                                           : a % b; },
           [](Expr a, Expr b) {
             return is_floating(a.dtype()) ? kir::fmod(a, b)
                                           : a.pool().make(kir::Op::Rem, a.dtype(), {a, b});
           },
           [](const VjpCtx& c, const Tensor& ct) -> Cts {
             return {ct, wanted(c, 1, [&] { return neg(mul(ct, trunc(div(c.in[0], c.in[1])))); })};
           },
           "", 10});
const OpDef& atan2_op =
    define(Binary{"atan2", [](double a, double b) { return std::atan2(a, b); }, nullptr, kir::atan2,
                  [](const VjpCtx& c, const Tensor& ct) -> Cts {
                    const Tensor &a = c.in[0], &b = c.in[1];
                    // The slope at the origin is 0, as PyTorch's.
                    const Tensor square = add(mul(a, a), mul(b, b));
                    const Tensor over =
                        div(ct, make_select(compare("eq", square, 0), full_as(ct, 1), square));
                    return {wanted(c, 0, [&] { return mul(over, b); }),
                            wanted(c, 1, [&] { return neg(mul(over, a)); })};
                  },
                  "", 30});

// ---- Bits. ----
constexpr char kBits[] = "it is a function of bits";
template <kir::Op op>
Expr bits(Expr a, Expr b) {
  return a.pool().make(op, a.dtype(), {a, b});
}
const OpDef& and_op = define(
    Binary{"and", nullptr, [](I a, I b) { return a & b; }, bits<kir::Op::And>, nullptr, kBits});
const OpDef& or_op = define(
    Binary{"or", nullptr, [](I a, I b) { return a | b; }, bits<kir::Op::Or>, nullptr, kBits});
const OpDef& xor_op = define(
    Binary{"xor", nullptr, [](I a, I b) { return a ^ b; }, bits<kir::Op::Xor>, nullptr, kBits});
const OpDef& shl_op = define(
    Binary{"shl", nullptr,
           [](I a, I b) { return b < 0 || b > 63 ? 0 : static_cast<I>(static_cast<U>(a) << b); },
           bits<kir::Op::Shl>, nullptr, kBits});
const OpDef& shr_op = define(
    Binary{"shr", nullptr, [](I a, I b) { return b < 0 || b > 63 ? (a < 0 ? -1 : 0) : a >> b; },
           [](Expr a, Expr b) {
             return a.dtype() == DType::U8 ? bits<kir::Op::UShr>(a, b) : bits<kir::Op::SShr>(a, b);
           },
           nullptr, kBits});

// ---- Comparisons. ----
const OpDef& eq_op = define(Compare{"eq", [](double a, double b) { return a == b; },
                                    [](I a, I b) { return a == b; }, kir::eq});
const OpDef& ne_op = define(Compare{"ne", [](double a, double b) { return a != b; },
                                    [](I a, I b) { return a != b; }, kir::ne});
const OpDef& lt_op = define(Compare{"lt", [](double a, double b) { return a < b; },
                                    [](I a, I b) { return a < b; }, kir::lt});
const OpDef& le_op = define(Compare{"le", [](double a, double b) { return a <= b; },
                                    [](I a, I b) { return a <= b; }, kir::le});
const OpDef& gt_op = define(Compare{"gt", [](double a, double b) { return a > b; },
                                    [](I a, I b) { return a > b; }, kir::gt});
const OpDef& ge_op = define(Compare{"ge", [](double a, double b) { return a >= b; },
                                    [](I a, I b) { return a >= b; }, kir::ge});

// A number, or a 0-d tensor of a wider dtype, takes part in f32 in the arithmetic of halves, as in
// PyTorch's kernels. Whether it does must not depend on the value of a number that is no constant.
bool wider(const Arg& x, DType dtype) {
  if (!x.is_scalar()) return x.tensor().ndim() == 0 && !is_half(x.tensor().dtype());
  const double v = x.scalar().as_double();
  return x.scalar().kind == Scalar::Kind::Float || ir::round_to(v, dtype) != v;
}
Tensor binary(const OpDef& op, const Arg& a, const Arg& b, DType dtype) {
  const bool arithmetic = &op == &add_op || &op == &sub_op || &op == &mul_op || &op == &div_op;
  if (arithmetic && is_half(dtype) && (wider(a, dtype) || wider(b, dtype))) {
    const Operands wide = broadcast_operands(op.name, a, b, DType::F32);
    return make_cast(apply(op, {wide.a, wide.b}), dtype);
  }
  const Operands x = broadcast_operands(op.name, a, b, dtype);
  return apply(op, {x.a, x.b});
}
// The user's line is that of the operand which was written first; `function` is the public one that
// calls this.
Tensor binary(const OpDef& op, const Arg& a, const Arg& b,
              const char* function = __builtin_FUNCTION()) {
  LocScope scope(a.loc(), function);
  return binary(op, a, b, result_type({&a, &b}));
}
Tensor binary_floating(const OpDef& op, const Arg& a, const Arg& b,
                       const char* function = __builtin_FUNCTION()) {
  LocScope scope(a.loc(), function);
  return binary(op, a, b, floating_type(result_type({&a, &b})));
}
// a op alpha b
Tensor with_scaled(const OpDef& op, const Arg& a, const Arg& b, const Arg& alpha, DType dtype) {
  if (constant_value(alpha) == 1.0) return binary(op, a, b, dtype);
  LILITH_CHECK(is_floating(dtype) || !is_floating(result_type({&alpha})),
               "add: alpha is a float and the operands are {}; need an integer alpha", name(dtype));
  const DType wide = compute_dtype(dtype);
  const Tensor rate = make_cast(alpha.tensor(dtype), wide);
  return make_cast(binary(op, a, binary(mul_op, b, rate, wide), wide), dtype);
}
Tensor logic(const OpDef& op, const Arg& a, const Arg& b,
             const char* function = __builtin_FUNCTION()) {
  LocScope scope(a.loc(), function);
  const auto truth = [](const Arg& x) { return cast(x, DType::Bool); };
  return binary(op, truth(a), truth(b), DType::Bool);
}
Tensor integer_bits(const char* what, const OpDef& op, const Arg& a, const Arg& b) {
  LocScope scope(a.loc(), what);
  const DType dtype = result_type({&a, &b});
  LILITH_CHECK(!is_floating(dtype), "{}: got {} and {}; need bool or integer operands", what,
               describe(a), describe(b));
  return binary(op, a, b, dtype);
}

// The quotient rounded down, where trunc and floor differ.
Tensor floor_quotient(const Tensor& a, const Tensor& b) {
  if (!is_floating(a.dtype())) {
    const Tensor q = apply(div_op, {a, b});
    const Tensor inexact = apply(ne_op, {apply(mul_op, {q, b}), a});
    const Tensor signs = logical_xor(compare("lt", a, 0), compare("lt", b, 0));
    return make_select(logical_and(inexact, signs), shift(q, -1), q);
  }
  const Tensor mod = apply(fmod_op, {a, b});
  const Tensor q = div(sub(a, mod), b);
  const Tensor differ =
      logical_and(compare("ne", mod, 0), logical_xor(compare("lt", mod, 0), compare("lt", b, 0)));
  const Tensor exact = make_select(differ, shift(q, -1), q);
  const Tensor down = floor(exact);
  const Tensor near = make_select(compare("gt", sub(exact, down), 0.5), shift(down, 1), down);
  return stop_gradient(make_select(compare("eq", b, 0), div(a, b), near));
}

}  // namespace
}  // namespace ops

using namespace ops;

DType result_type(const Arg& a, const Arg& b) { return ops::result_type({&a, &b}); }

Tensor add(const Arg& a, const Arg& b, const Arg& alpha) {
  LocScope scope(a.loc());
  const DType dtype = ops::result_type({&a, &b});
  return with_scaled(add_op, a, b, alpha, dtype);
}
Tensor sub(const Arg& a, const Arg& b, const Arg& alpha) {
  LocScope scope(a.loc());
  const DType dtype = ops::result_type({&a, &b});
  LILITH_CHECK(dtype != DType::Bool, "sub: got {} and {}; bools do not subtract, use logical_xor",
               ops::describe(a), ops::describe(b));
  return with_scaled(sub_op, a, b, alpha, dtype);
}
Tensor rsub(const Arg& a, const Arg& b, const Arg& alpha) {
  LocScope scope(a.loc());
  return sub(b, a, alpha);
}
Tensor mul(const Arg& a, const Arg& b) { return binary(mul_op, a, b); }
Tensor div(const Arg& a, const Arg& b, RoundingMode rounding) {
  LocScope scope(a.loc());
  if (rounding == RoundingMode::None) return binary_floating(div_op, a, b);
  if (rounding == RoundingMode::Floor) return floor_divide(a, b);
  const DType dtype = ops::result_type({&a, &b});
  const Tensor q = binary(div_op, a, b, compute_dtype(dtype));
  return is_floating(dtype) ? make_cast(trunc(q), dtype) : q;
}
Tensor true_divide(const Arg& a, const Arg& b) { return binary_floating(div_op, a, b); }
Tensor floor_divide(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  const DType dtype = ops::result_type({&a, &b});
  const Operands x = broadcast_operands("floor_divide", a, b, compute_dtype(dtype));
  return narrowed(floor_quotient(x.a, x.b), dtype);
}
Tensor remainder(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  const Operands x = broadcast_operands("remainder", a, b, ops::result_type({&a, &b}));
  const Tensor divisor = widened(x.b), mod = apply(fmod_op, {widened(x.a), divisor});
  const Tensor signs = logical_xor(compare("lt", mod, 0), compare("lt", divisor, 0));
  return narrowed(
      make_select(logical_and(compare("ne", mod, 0), signs), apply(add_op, {mod, divisor}), mod),
      x.a.dtype());
}
Tensor fmod(const Arg& a, const Arg& b) { return binary(fmod_op, a, b); }

Tensor pow(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  const DType dtype = lifted(ops::result_type({&a, &b}));
  if (const std::optional<double> exponent = constant_value(b); exponent && !a.is_scalar()) {
    LILITH_CHECK(is_floating(dtype) || *exponent >= 0,
                 "pow: integers to the negative power {}; need a floating base", *exponent);
    // A tensor exponent with dimensions may broadcast the base.
    if (b.is_scalar() || b.tensor().ndim() == 0) {
      const Tensor x = make_cast(a.tensor(), dtype);
      if (*exponent == 1) return x;
      if (*exponent == 2) return apply(mul_op, {x, x});
      if (*exponent == 3) {
        return rounded_once(
            x, [](const Tensor& t) { return apply(mul_op, {apply(mul_op, {t, t}), t}); });
      }
      if (*exponent == 0.5) return sqrt(x);
      if (*exponent == -1) return reciprocal(x);
      return apply(pow_op, {x, full_as(x, *exponent)});
    }
  }
  return binary(pow_op, a, b, dtype);
}
Tensor float_power(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  return pow(cast(a, DType::F64), b.is_scalar() ? b : Arg(cast(b, DType::F64)));
}
Tensor maximum(const Arg& a, const Arg& b) { return binary(maximum_op, a, b); }
Tensor minimum(const Arg& a, const Arg& b) { return binary(minimum_op, a, b); }
Tensor max(const Arg& x, const Tensor& other) { return binary(maximum_op, x, other); }
Tensor min(const Arg& x, const Tensor& other) { return binary(minimum_op, x, other); }
Tensor atan2(const Arg& a, const Arg& b) { return binary_floating(atan2_op, a, b); }

Tensor bitwise_and(const Arg& a, const Arg& b) { return integer_bits("bitwise_and", and_op, a, b); }
Tensor bitwise_or(const Arg& a, const Arg& b) { return integer_bits("bitwise_or", or_op, a, b); }
Tensor bitwise_xor(const Arg& a, const Arg& b) { return integer_bits("bitwise_xor", xor_op, a, b); }
Tensor bitwise_left_shift(const Arg& a, const Arg& b) {
  return integer_bits("bitwise_left_shift", shl_op, a, b);
}
Tensor bitwise_right_shift(const Arg& a, const Arg& b) {
  return integer_bits("bitwise_right_shift", shr_op, a, b);
}
Tensor logical_and(const Arg& a, const Arg& b) { return logic(and_op, a, b); }
Tensor logical_or(const Arg& a, const Arg& b) { return logic(or_op, a, b); }
Tensor logical_xor(const Arg& a, const Arg& b) { return logic(xor_op, a, b); }
Tensor logical_not(const Arg& x) {
  LocScope scope(x.loc());
  return bitwise_not(cast(x, DType::Bool));
}

Tensor eq(const Arg& a, const Arg& b) { return binary(eq_op, a, b); }
Tensor ne(const Arg& a, const Arg& b) { return binary(ne_op, a, b); }
Tensor lt(const Arg& a, const Arg& b) { return binary(lt_op, a, b); }
Tensor le(const Arg& a, const Arg& b) { return binary(le_op, a, b); }
Tensor gt(const Arg& a, const Arg& b) { return binary(gt_op, a, b); }
Tensor ge(const Arg& a, const Arg& b) { return binary(ge_op, a, b); }

Tensor operator+(const Arg& a, const Arg& b) { return add(a, b); }
Tensor operator-(const Arg& a, const Arg& b) { return sub(a, b); }
Tensor operator*(const Arg& a, const Arg& b) { return mul(a, b); }
Tensor operator/(const Arg& a, const Arg& b) { return div(a, b); }
Tensor operator%(const Arg& a, const Arg& b) { return remainder(a, b); }
Tensor operator-(const Arg& x) { return neg(x); }
Tensor operator~(const Arg& x) { return bitwise_not(x); }
Tensor operator&(const Arg& a, const Arg& b) { return bitwise_and(a, b); }
Tensor operator|(const Arg& a, const Arg& b) { return bitwise_or(a, b); }
Tensor operator^(const Arg& a, const Arg& b) { return bitwise_xor(a, b); }
Tensor operator==(const Arg& a, const Arg& b) { return eq(a, b); }
Tensor operator!=(const Arg& a, const Arg& b) { return ne(a, b); }
Tensor operator<(const Arg& a, const Arg& b) { return lt(a, b); }
Tensor operator<=(const Arg& a, const Arg& b) { return le(a, b); }
Tensor operator>(const Arg& a, const Arg& b) { return gt(a, b); }
Tensor operator>=(const Arg& a, const Arg& b) { return ge(a, b); }

}  // namespace lilith
