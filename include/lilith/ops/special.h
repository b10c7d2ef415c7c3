#pragma once
#include <optional>
#include <utility>

#include "lilith/ops/activation.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/reduce.h"
#include "lilith/tensor.h"

// Special functions, elementwise. Integers and bools become f32, halves are computed in f32; two
// operands broadcast. Errors are relative, beside those of f32's own roundings of the argument; f64
// within 1e-12 but near roots, where they are absolute. Functions without a gradient say so.
namespace lilith {

/// The modified Bessel function I_0. Ref: torch.i0
Tensor i0(const Arg& x);
/// P(a, x) and Q(a, x) = 1 - P, the regularised lower and upper incomplete gamma functions;
/// gradient for x alone. Ref: torch.special.gammainc
Tensor igamma(const Arg& a, const Arg& x);
Tensor igammac(const Arg& a, const Arg& x);
/// The next number after a towards b; its slope is a's. Ref: torch.nextafter
Tensor nextafter(const Arg& a, const Arg& b);
struct FrexpResult {
  Tensor mantissa, exponent;
};
/// x = mantissa 2^exponent, mantissa in [0.5, 1) or 0; exponent: i32. Ref: torch.frexp
FrexpResult frexp(const Arg& x);

/// torch.special. Functions that lilith has under the same name are described there.
namespace special {

Tensor i0(const Arg& x);
/// i0(x) e^-|x|.
Tensor i0e(const Arg& x);
/// The modified Bessel function I_1, and i1(x) e^-|x|.
Tensor i1(const Arg& x);
Tensor i1e(const Arg& x);
/// -x log(x): 0 at 0, -inf below.
Tensor entr(const Arg& x);
/// e^(x^2) erfc(x).
Tensor erfcx(const Arg& x);
/// The normal distribution's function, its logarithm and its inverse.
Tensor ndtr(const Arg& x);
Tensor log_ndtr(const Arg& x);
Tensor ndtri(const Arg& x);
/// The Hurwitz zeta function: the sum over k >= 0 of (k + q)^-x. No gradient.
Tensor zeta(const Arg& x, const Arg& q);
/// igamma and igammac.
Tensor gammainc(const Arg& a, const Arg& x);
Tensor gammaincc(const Arg& a, const Arg& x);
/// Bessel functions of the first and second kind, of orders 0 and 1; the modified ones of both
/// kinds, times e^|x| (e^x) where scaled; the spherical one of order 0, sin(x) / x; Airy's Ai,
/// which has no gradient.
Tensor bessel_j0(const Arg& x);
Tensor bessel_j1(const Arg& x);
Tensor bessel_y0(const Arg& x);
Tensor bessel_y1(const Arg& x);
Tensor modified_bessel_i0(const Arg& x);
Tensor modified_bessel_i1(const Arg& x);
Tensor modified_bessel_k0(const Arg& x);
Tensor modified_bessel_k1(const Arg& x);
Tensor scaled_modified_bessel_k0(const Arg& x);
Tensor scaled_modified_bessel_k1(const Arg& x);
Tensor spherical_bessel_j0(const Arg& x);
Tensor airy_ai(const Arg& x);
/// Polynomials of degree n (cut to a whole number; 0 below 0) at x. No gradients.
Tensor chebyshev_polynomial_t(const Arg& x, const Arg& n);
Tensor chebyshev_polynomial_u(const Arg& x, const Arg& n);
Tensor chebyshev_polynomial_v(const Arg& x, const Arg& n);
Tensor chebyshev_polynomial_w(const Arg& x, const Arg& n);
Tensor shifted_chebyshev_polynomial_t(const Arg& x, const Arg& n);
Tensor shifted_chebyshev_polynomial_u(const Arg& x, const Arg& n);
Tensor shifted_chebyshev_polynomial_v(const Arg& x, const Arg& n);
Tensor shifted_chebyshev_polynomial_w(const Arg& x, const Arg& n);
Tensor hermite_polynomial_h(const Arg& x, const Arg& n);
Tensor hermite_polynomial_he(const Arg& x, const Arg& n);
Tensor laguerre_polynomial_l(const Arg& x, const Arg& n);
Tensor legendre_polynomial_p(const Arg& x, const Arg& n);

// PyTorch's second names.
Tensor digamma(const Arg& x);
Tensor psi(const Arg& x);
Tensor erf(const Arg& x);
Tensor erfc(const Arg& x);
Tensor erfinv(const Arg& x);
Tensor exp2(const Arg& x);
Tensor expit(const Arg& x);
Tensor expm1(const Arg& x);
Tensor gammaln(const Arg& x);
Tensor log1p(const Arg& x);
Tensor logit(const Arg& x, std::optional<Real> eps = {});
Tensor log_softmax(const Arg& x, Dim dim);
Tensor softmax(const Arg& x, Dim dim);
Tensor logsumexp(const Arg& x, const IntList& dim, bool keepdim = false);
Tensor multigammaln(const Arg& x, Int p);
Tensor polygamma(Int n, const Arg& x);
Tensor round(const Arg& x, Int decimals = 0);
Tensor sinc(const Arg& x);
Tensor xlogy(const Arg& a, const Arg& b);
Tensor xlog1py(const Arg& a, const Arg& b);

}  // namespace special
}  // namespace lilith
