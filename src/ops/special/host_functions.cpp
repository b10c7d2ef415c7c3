#include <cmath>
#include <limits>

#include "lilith/ops/elementwise.h"
#include "lilith/ops/special.h"
#include "ops/define.h"
#include "ops/half.h"
#include "ops/host_function.h"
#include "ops/operand.h"
#include "ops/primitives.h"
#include "ops/special/series.h"

namespace lilith {
namespace ops {
namespace {

using Cts = std::vector<Tensor>;

// The slope is of x and the value at x.
struct Unary {
  const char* name;
  double (*function)(double);
  Tensor (*slope)(const Tensor& x, const Tensor& y) = nullptr;
};

Tensor less_over_x(const Tensor& value, const Tensor& y, const Tensor& x) {
  return sub(value, div(y, x));
}
Tensor slope_of_j1(const Tensor& x, const Tensor&) {
  const Tensor zero = compare("eq", x, 0), at = make_select(zero, full_as(x, 1), x);
  const Tensor slope = less_over_x(special::bessel_j0(at), special::bessel_j1(at), at);
  return make_select(zero, full_as(x, 0.5), slope);
}

// Slopes of the Bessel functions: NIST DLMF 10.6.2, 10.6.3 and 10.29.2, 10.29.3.
constexpr Unary kUnary[] = {
    {"airy_ai", series::airy_ai},
    {"bessel_j0", [](double x) { return ::j0(x); },
     [](const Tensor& x, const Tensor&) { return neg(special::bessel_j1(x)); }},
    {"bessel_j1", [](double x) { return ::j1(x); }, slope_of_j1},
    {"bessel_y0", [](double x) { return ::y0(x); },
     [](const Tensor& x, const Tensor&) { return neg(special::bessel_y1(x)); }},
    {"bessel_y1", [](double x) { return ::y1(x); },
     [](const Tensor& x, const Tensor& y) { return less_over_x(special::bessel_y0(x), y, x); }},
    {"modified_bessel_k0", series::modified_bessel_k0,
     [](const Tensor& x, const Tensor&) { return neg(special::modified_bessel_k1(x)); }},
    {"modified_bessel_k1", series::modified_bessel_k1,
     [](const Tensor& x, const Tensor& y) {
       return less_over_x(neg(special::modified_bessel_k0(x)), y, x);
     }},
    {"scaled_modified_bessel_k0", series::scaled_modified_bessel_k0,
     [](const Tensor& x, const Tensor& y) {
       return sub(y, special::scaled_modified_bessel_k1(x));
     }},
    {"scaled_modified_bessel_k1", series::scaled_modified_bessel_k1,
     [](const Tensor& x, const Tensor& y) {
       return less_over_x(sub(y, special::scaled_modified_bessel_k0(x)), y, x);
     }},
};

struct Binary {
  const char* name;
  double (*function)(double, double);
};

constexpr Binary kBinary[] = {
    {"chebyshev_polynomial_t", series::chebyshev_t},
    {"chebyshev_polynomial_u", series::chebyshev_u},
    {"chebyshev_polynomial_v", series::chebyshev_v},
    {"chebyshev_polynomial_w", series::chebyshev_w},
    {"hermite_polynomial_h", series::hermite_h},
    {"hermite_polynomial_he", series::hermite_he},
    {"igamma", series::gammainc},
    {"igammac", series::gammaincc},
    {"laguerre_polynomial_l", series::laguerre_l},
    {"legendre_polynomial_p", series::legendre_p},
    {"zeta", series::zeta},
};

template <class Row, std::size_t N>
const Row& find(const Row (&table)[N], const Attrs& attrs, std::string_view op) {
  const std::string& name = attrs.text("function");
  for (const Row& row : table)
    if (name == row.name) return row;
  fail("{}: there is no function '{}'", op, name);
}

void check_operands(const InferCtx& c) {
  for (const Aval& a : c.in)
    LILITH_CHECK((a.dtype == DType::F32 || a.dtype == DType::F64) && a.shape == c.in[0].shape &&
                     a.dtype == c.in[0].dtype,
                 "{}: got {}; need operands of f32 or f64, of one shape and dtype", c.op,
                 describe(c));
}

const OpDef& unary_op = define(HostFunction{
    .name = "special_unary",
    .results =
        [](const InferCtx& c) {
          check_operands(c);
          find(kUnary, c.attrs, c.op);
          return std::vector{c.in[0]};
        },
    .call = by_dtype([]<class T>(CallCtx& c) {
      const auto f = find(kUnary, c.attrs, "special_unary").function;
      const std::int64_t n = c.in_avals[0].numel();
      for (std::int64_t k = 0; k < n; ++k)
        c.output<T>(0)[k] = static_cast<T>(f(static_cast<double>(c.input<T>(0)[k])));
    }),
    .vjp = [](const VjpCtx& c, const Cts& cts) -> Cts {
      const Unary& f = find(kUnary, c.attrs, "special_unary");
      LILITH_CHECK(f.slope != nullptr, "{}: it has no gradient, in PyTorch either", f.name);
      return {mul(cts[0], f.slope(c.in[0], c.out))};
    }});

// d/dx P(a, x) = x^(a - 1) e^-x / Gamma(a).
Cts binary_vjp(const VjpCtx& c, const Cts& cts) {
  const std::string& name = c.attrs.text("function");
  LILITH_CHECK(name.starts_with("igamma"), "{}: it has no gradient, in PyTorch either", name);
  LILITH_CHECK(!c.wanted[0], "{}: there is a gradient for its second operand, x, alone", name);
  const Tensor &a = c.in[0], &x = c.in[1];
  const Tensor slope = exp(sub(sub(mul(shift(a, -1), log(x)), x), lgamma(a)));
  return {Tensor(), mul(cts[0], name == "igamma" ? slope : neg(slope))};
}

const OpDef& binary_op =
    define(HostFunction{.name = "special_binary",
                        .arity = 2,
                        .results =
                            [](const InferCtx& c) {
                              check_operands(c);
                              find(kBinary, c.attrs, c.op);
                              return std::vector{c.in[0]};
                            },
                        .call = by_dtype([]<class T>(CallCtx& c) {
                          const auto f = find(kBinary, c.attrs, "special_binary").function;
                          const std::int64_t n = c.in_avals[0].numel();
                          for (std::int64_t k = 0; k < n; ++k)
                            c.output<T>(0)[k] =
                                static_cast<T>(f(static_cast<double>(c.input<T>(0)[k]),
                                                 static_cast<double>(c.input<T>(1)[k])));
                        }),
                        .vjp = binary_vjp});

const OpDef& nextafter_op = define(HostFunction{
    .name = "nextafter",
    .arity = 2,
    .results =
        [](const InferCtx& c) {
          check_operands(c);
          return std::vector{c.in[0]};
        },
    .call = by_dtype([]<class T>(CallCtx& c) {
      const std::int64_t n = c.in_avals[0].numel();
      for (std::int64_t k = 0; k < n; ++k)
        c.output<T>(0)[k] = std::nextafter(c.input<T>(0)[k], c.input<T>(1)[k]);
    }),
    // Beside a, but for the smallest of steps.
    .vjp = [](const VjpCtx&, const Cts& cts) -> Cts { return {cts[0], full_as(cts[0], 0)}; }});

const OpDef& frexp_op =
    define(HostFunction{.name = "frexp",
                        .several = true,
                        .results =
                            [](const InferCtx& c) {
                              check_operands(c);
                              Aval exponent = c.in[0];
                              exponent.dtype = DType::I32;
                              return std::vector{c.in[0], exponent};
                            },
                        .call = by_dtype([]<class T>(CallCtx& c) {
                          const std::int64_t n = c.in_avals[0].numel();
                          for (std::int64_t k = 0; k < n; ++k) {
                            const T x = c.input<T>(0)[k];
                            int& exponent = c.output<int>(1)[k];
                            exponent = 0;
                            c.output<T>(0)[k] = std::isfinite(x) ? std::frexp(x, &exponent) : x;
                          }
                        }),
                        .vjp = [](const VjpCtx& c, const Cts& cts) -> Cts {
                          if (!cts[0].defined()) return {Tensor()};
                          const Tensor exponent =
                              make_cast(ir::results_of(c.out)[1], c.in[0].dtype());
                          return {mul(cts[0], exp2(neg(exponent)))};
                        }});

Tensor unary(const char* name, const Arg& x) {
  return rounded_once(floating(x), [&](const Tensor& t) {
    return apply(unary_op, {t}, {{"function", std::string(name)}});
  });
}

Tensor binary(const char* name, const Arg& a, const Arg& b) {
  const DType dtype = floating_type(ops::result_type({&a, &b}));
  const Operands o = broadcast_operands(name, a, b, dtype);
  return narrowed(apply(binary_op, {widened(o.a), widened(o.b)}, {{"function", std::string(name)}}),
                  dtype);
}

}  // namespace
}  // namespace ops

using namespace ops;

Tensor igamma(const Arg& a, const Arg& x) {
  LocScope scope(a.loc());
  return binary("igamma", a, x);
}
Tensor igammac(const Arg& a, const Arg& x) {
  LocScope scope(a.loc());
  return binary("igammac", a, x);
}

Tensor nextafter(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  const DType dtype = floating_type(ops::result_type({&a, &b}));
  LILITH_CHECK(!is_half(dtype), "nextafter: got {} and {}; need f32 or f64", describe(a),
               describe(b));
  const Operands o = broadcast_operands("nextafter", a, b, dtype);
  return apply(nextafter_op, {o.a, o.b});
}

FrexpResult frexp(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = floating(x);
  const std::vector<Tensor> both = ir::apply_call(frexp_op, {widened(t)});
  return {narrowed(both[0], t.dtype()), both[1]};
}

namespace special {

Tensor gammainc(const Arg& a, const Arg& x) {
  LocScope scope(a.loc());
  return igamma(a, x);
}
Tensor gammaincc(const Arg& a, const Arg& x) {
  LocScope scope(a.loc());
  return igammac(a, x);
}

#define LILITH_SPECIAL(name)     \
  Tensor name(const Arg& x) {    \
    LocScope scope(x.loc());     \
    return ops::unary(#name, x); \
  }
#define LILITH_SPECIAL2(name)               \
  Tensor name(const Arg& a, const Arg& b) { \
    LocScope scope(a.loc());                \
    return ops::binary(#name, a, b);        \
  }
// At 2 x - 1.
#define LILITH_SHIFTED(name)                                        \
  Tensor shifted_##name(const Arg& x, const Arg& n) {               \
    LocScope scope(x.loc());                                        \
    return ops::binary(#name, shift(scale(floating(x), 2), -1), n); \
  }
LILITH_SPECIAL(airy_ai)
LILITH_SPECIAL(bessel_j0)
LILITH_SPECIAL(bessel_j1)
LILITH_SPECIAL(bessel_y0)
LILITH_SPECIAL(bessel_y1)
LILITH_SPECIAL(modified_bessel_k0)
LILITH_SPECIAL(modified_bessel_k1)
LILITH_SPECIAL(scaled_modified_bessel_k0)
LILITH_SPECIAL(scaled_modified_bessel_k1)
LILITH_SPECIAL2(zeta)
LILITH_SPECIAL2(chebyshev_polynomial_t)
LILITH_SPECIAL2(chebyshev_polynomial_u)
LILITH_SPECIAL2(chebyshev_polynomial_v)
LILITH_SPECIAL2(chebyshev_polynomial_w)
LILITH_SPECIAL2(hermite_polynomial_h)
LILITH_SPECIAL2(hermite_polynomial_he)
LILITH_SPECIAL2(laguerre_polynomial_l)
LILITH_SPECIAL2(legendre_polynomial_p)
LILITH_SHIFTED(chebyshev_polynomial_t)
LILITH_SHIFTED(chebyshev_polynomial_u)
LILITH_SHIFTED(chebyshev_polynomial_v)
LILITH_SHIFTED(chebyshev_polynomial_w)
#undef LILITH_SPECIAL
#undef LILITH_SPECIAL2
#undef LILITH_SHIFTED

}  // namespace special
}  // namespace lilith
