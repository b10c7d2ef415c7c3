#pragma once
#include <initializer_list>

#include "lilith/kernel_math.h"

// Building blocks of the maths functions. Polynomials are minimax fits made with tools/minimax.py.
namespace lilith::kir::detail {

inline bool is_f32(Expr x) { return x->dtype == DType::F32; }

/// A number of x's dtype; `single` replaces `wide` for F32.
inline Expr pick(Expr x, double single, double wide) { return x.like(is_f32(x) ? single : wide); }

/// c[0] + c[1] x + c[2] x^2 + …, by Horner's rule with MulAdd.
Expr polynomial(Expr x, std::initializer_list<double> c);

/// The integer dtype of x's width, and x's bits in it.
DType bits_dtype(Expr x);
Expr to_bits(Expr x);
Expr from_bits(Expr bits, DType dtype);
Expr shift_left(Expr bits, int by);
Expr shift_right(Expr bits, int by);  // the sign is copied
Expr bit_and(Expr a, Expr b);
Expr bit_or(Expr a, Expr b);
Expr bit_xor(Expr a, Expr b);

Expr abs(Expr x);
Expr sqrt(Expr x);
Expr floor(Expr x);
Expr round_even(Expr x);
/// The sign bit of x alone.
Expr sign_bits(Expr x);
/// magnitude >= 0 with the sign of x.
Expr with_sign(Expr magnitude, Expr x);
/// x, or the bound it exceeds; NaN stays.
Expr at_most(Expr x, double bound);
Expr at_least(Expr x, double bound);
Expr infinity(Expr like);
Expr nan(Expr like);

/// x = n * (2 ln 2) + r: e^x = (1 + tail) * scale * scale with scale = 2^n, tail = e^r - 1.
struct ExpParts {
  Expr scale, tail;
};
/// Exact to 1 ulp for x within the range where neither over- nor underflow is beyond repair: |x| <
/// 110 in F32, 760 in F64.
ExpParts exp_parts(Expr x);
/// e^x - 1 where exp_parts holds; -0 gives +0.
Expr expm1_core(Expr x);
/// 2^(hi + lo), |lo| small against 1; hi already clamped to a little beyond the exponents.
Expr exp2_parts(Expr hi, Expr lo);

/// x = m * 2^e for x > 0, sqrt(1/2) <= m < sqrt(2); denormals included. e as a float of x's dtype.
struct Mantissa {
  Expr m, e;
};
Mantissa split_exponent(Expr x);

}  // namespace lilith::kir::detail
