#include <cmath>

#include "ops/cases.h"

namespace lilith::testing {
namespace {

using Ts = std::vector<Tensor>;

Case unary(const char* op, Tensor (*f)(const Arg&), double (*value)(double), double lo = -2,
           double hi = 2, std::vector<double> avoid = {}, std::vector<Kink> kinks = {}) {
  return {op,
          {{{3, 4}, lo, hi}},
          [f](const Ts& x) { return f(x[0]); },
          [value](const double* x) { return value(x[0]); },
          std::move(avoid),
          std::move(kinks)};
}

Case binary(const char* op, Tensor (*f)(const Arg&, const Arg&), double (*value)(double, double),
            Operand a = {{3, 4}}, Operand b = {{3, 4}}, std::vector<Kink> kinks = {}) {
  return {op,
          {a, b},
          [f](const Ts& x) { return f(x[0], x[1]); },
          [value](const double* x) { return value(x[0], x[1]); },
          {},
          std::move(kinks)};
}

const Operand kInts{{3, 4}, -9, 9, DType::I64}, kShifts{{3, 4}, 0, 8, DType::I64},
    kPositive{{3, 4}, 0.5, 2};

// By differences of lgamma: independent of the recurrence that the op uses.
double digamma_by_differences(double x) {
  const double h = 1e-3;
  return (8 * (std::lgamma(x + h) - std::lgamma(x - h)) -
          (std::lgamma(x + 2 * h) - std::lgamma(x - 2 * h))) /
         (12 * h);
}
double erfinv_by_bisection(double y) {
  double lo = -6, hi = 6;
  for (int i = 0; i < 100; ++i) (std::erf((lo + hi) / 2) < y ? lo : hi) = (lo + hi) / 2;
  return lo;
}

std::vector<Case> function_cases() {
  return {
      unary("exp", exp, [](double x) { return std::exp(x); }),
      unary("exp2", exp2, [](double x) { return std::exp2(x); }),
      unary("expm1", expm1, [](double x) { return std::expm1(x); }),
      unary(
          "log", log, [](double x) { return std::log(x); }, 0.3, 3),
      unary(
          "log2", log2, [](double x) { return std::log2(x); }, 0.3, 3),
      unary(
          "log10", log10, [](double x) { return std::log10(x); }, 0.3, 3),
      unary(
          "log1p", log1p, [](double x) { return std::log1p(x); }, -0.6, 3),
      unary("sin", sin, [](double x) { return std::sin(x); }),
      unary("cos", cos, [](double x) { return std::cos(x); }),
      unary(
          "tan", tan, [](double x) { return std::tan(x); }, -1, 1),
      unary(
          "asin", asin, [](double x) { return std::asin(x); }, -0.8, 0.8),
      unary(
          "acos", acos, [](double x) { return std::acos(x); }, -0.8, 0.8),
      unary("atan", atan, [](double x) { return std::atan(x); }),
      unary("sinh", sinh, [](double x) { return std::sinh(x); }),
      unary("cosh", cosh, [](double x) { return std::cosh(x); }),
      unary("tanh", tanh, [](double x) { return std::tanh(x); }),
      unary("asinh", asinh, [](double x) { return std::asinh(x); }),
      unary(
          "acosh", acosh, [](double x) { return std::acosh(x); }, 1.5, 3),
      unary(
          "atanh", atanh, [](double x) { return std::atanh(x); }, -0.8, 0.8),
      unary(
          "sqrt", sqrt, [](double x) { return std::sqrt(x); }, 0.3, 3),
      unary(
          "rsqrt", rsqrt, [](double x) { return 1 / std::sqrt(x); }, 0.3, 3),
      unary("erf", erf, [](double x) { return std::erf(x); }),
      unary("erfc", erfc, [](double x) { return std::erfc(x); }),
      unary("erfinv", erfinv, erfinv_by_bisection, -0.8, 0.8),
      unary(
          "lgamma", lgamma, [](double x) { return std::lgamma(x); }, 0.5, 4),
      unary("digamma", digamma, digamma_by_differences, 0.5, 4),
      unary("sigmoid", sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }),
  };
}

std::vector<Case> sign_and_rounding_cases() {
  return {
      unary("neg", neg, [](double x) { return -x; }),
      unary("abs", abs, [](double x) { return std::fabs(x); }, -2, 2, {0}, {{{0}, {0}}}),
      unary("sign", sign, [](double x) { return double((x > 0) - (x < 0)); }, -2, 2, {0},
            {{{0}, {0}}}),
      unary("floor", floor, [](double x) { return std::floor(x); }, -2, 2, {-2, -1, 0, 1, 2}),
      unary("ceil", ceil, [](double x) { return std::ceil(x); }, -2, 2, {-2, -1, 0, 1, 2}),
      unary("trunc", trunc, [](double x) { return std::trunc(x); }, -2, 2, {-2, -1, 0, 1, 2}),
      {"round",
       {{{3, 4}}},
       [](const Ts& x) { return round(x[0]); },
       [](const double* x) { return std::nearbyint(x[0]); },
       {-1.5, -0.5, 0.5, 1.5}},
      {"stop_gradient",
       {{{3, 4}}},
       [](const Ts& x) {
         return x[0] * stop_gradient(exp(x[0])) - x[0] * stop_gradient(exp(x[0])) + x[0];
       },
       [](const double* x) { return x[0]; }},
      {"not",
       {kInts},
       [](const Ts& x) { return bitwise_not(x[0]); },
       [](const double* x) { return -x[0] - 1; }},
      {"cast",
       {{{3, 4}}},
       [](const Ts& x) { return cast(cast(x[0], kFloat32) * 1.0, kFloat64); },
       [](const double* x) { return x[0]; }},
  };
}

std::vector<Case> binary_cases() {
  const Operand base{{3, 4}, 0.5, 2};
  return {
      binary("add", operator+, [](double a, double b) { return a + b; }),
      binary("sub", operator-, [](double a, double b) { return a - b; }),
      binary("mul", mul, [](double a, double b) { return a * b; }),
      binary(
          "div", true_divide, [](double a, double b) { return a / b; }, {{3, 4}}, kPositive),
      binary("pow", pow, [](double a, double b) { return std::pow(a, b); }, base, {{3, 4}, -2, 2},
             {{{0, 0}, {0, 0}}, {{0, 2}, {0, 0}}, {{2, 0}, {0, std::log(2.0)}}}),
      binary("maximum", maximum, [](double a, double b) { return std::fmax(a, b); }, {{3, 4}},
             {{3, 4}}, {{{1, 1}, {0.5, 0.5}}}),
      binary("minimum", minimum, [](double a, double b) { return std::fmin(a, b); }, {{3, 4}},
             {{3, 4}}, {{{1, 1}, {0.5, 0.5}}}),
      binary("fmod", fmod, [](double a, double b) { return std::fmod(a, b); }, {{3, 4}, 2.1, 2.9},
             {{3, 4}, 0.8, 0.95}),
      binary("atan2", atan2, [](double a, double b) { return std::atan2(a, b); }, kPositive,
             {{3, 4}}),
      binary(
          "and", bitwise_and, [](double a, double b) { return double(long(a) & long(b)); }, kInts,
          kInts),
      binary(
          "or", bitwise_or, [](double a, double b) { return double(long(a) | long(b)); }, kInts,
          kInts),
      binary(
          "xor", bitwise_xor, [](double a, double b) { return double(long(a) ^ long(b)); }, kInts,
          kInts),
      binary(
          "shl", bitwise_left_shift, [](double a, double b) { return a * std::exp2(b); }, kInts,
          kShifts),
      binary(
          "shr", bitwise_right_shift,
          [](double a, double b) { return std::floor(a / std::exp2(b)); }, kInts, kShifts),
      binary(
          "eq", eq, [](double a, double b) { return double(a == b); }, kInts, kInts),
      binary(
          "ne", ne, [](double a, double b) { return double(a != b); }, kInts, kInts),
      binary("lt", lt, [](double a, double b) { return double(a < b); }),
      binary("le", le, [](double a, double b) { return double(a <= b); }),
      binary("gt", gt, [](double a, double b) { return double(a > b); }),
      binary("ge", ge, [](double a, double b) { return double(a >= b); }),
      {"select",
       {{{3, 4}, 0, 1, DType::Bool}, {{3, 4}}, {{3, 4}}},
       [](const Ts& x) { return where(x[0], x[1], x[2]); },
       [](const double* x) { return x[0] != 0 ? x[1] : x[2]; }},
      binary(
          "integer div", [](const Arg& a, const Arg& b) { return div(a, b, RoundingMode::Trunc); },
          [](double a, double b) { return b == 0 ? 0 : std::trunc(a / b); }, kInts, kInts),
      binary("integer floor_divide", floor_divide,
             [](double a, double b) { return std::floor(a / b); }, kInts,
             {{3, 4}, 1, 5, DType::I64}),
      binary(
          "integer pow", pow, [](double a, double b) { return std::pow(a, b); }, kInts, kShifts),
  };
}

}  // namespace

std::vector<Case> elementwise_cases() {
  std::vector<Case> out = function_cases();
  for (const auto& more : {sign_and_rounding_cases(), binary_cases()})
    out.insert(out.end(), more.begin(), more.end());
  return out;
}

}  // namespace lilith::testing
