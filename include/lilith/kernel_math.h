#pragma once
#include "lilith/kernel_ir.h"

// Maths functions written in kernel IR, once for every target. F32 and F64; F64 within 1e-13
// relative. Errors in F32 are promised per function and tested.
namespace lilith::kir {

Expr exp(Expr x);            // <= 2 ulp; any x, inf at overflow, 0 at underflow (denormals kept)
Expr exp2(Expr x);           // <= 2 ulp
Expr expm1(Expr x);          // <= 3 ulp
Expr log(Expr x);            // <= 2 ulp; log(0) = -inf, log(<0) = nan
Expr log2(Expr x);           // <= 2 ulp
Expr log10(Expr x);          // <= 2 ulp
Expr log1p(Expr x);          // <= 3 ulp
Expr sin(Expr x);            // <= 2 ulp, any finite x
Expr cos(Expr x);            // <= 2 ulp
Expr tan(Expr x);            // <= 4 ulp
Expr asin(Expr x);           // <= 3 ulp
Expr acos(Expr x);           // <= 3 ulp
Expr atan(Expr x);           // <= 3 ulp
Expr atan2(Expr y, Expr x);  // <= 3 ulp; C99's special cases
Expr sinh(Expr x);           // <= 3 ulp
Expr cosh(Expr x);           // <= 3 ulp
Expr tanh(Expr x);           // <= 3 ulp
Expr asinh(Expr x);          // <= 3 ulp
Expr acosh(Expr x);          // <= 3 ulp
Expr atanh(Expr x);          // <= 3 ulp
Expr erf(Expr x);            // <= 3 ulp
Expr erfc(Expr x);           // <= 6 ulp, tail and denormals included
Expr erfinv(Expr x);         // <= 4 ulp
Expr lgamma(Expr x);         // <= 2 ulp in F32; absolute 1e-13 near its roots in F64
Expr digamma(Expr x);        // as lgamma; NaN at the negative integers
Expr i0(Expr x);             // <= 1 ulp in F32, as those below; 1e-14 relative in F64
Expr i0e(Expr x);            // i0(x) e^-|x|
Expr i1(Expr x);
Expr i1e(Expr x);
Expr erfcx(Expr x);         // e^(x^2) erfc(x)
Expr ndtri(Expr x);         // NaN outside of [0, 1]
Expr pow(Expr x, Expr y);   // <= 4 ulp; C99's special cases
Expr sigmoid(Expr x);       // <= 4 ulp
Expr rsqrt(Expr x);         // <= 2 ulp
Expr fmod(Expr x, Expr y);  // exact (Op::Rem)
Expr isnan(Expr x);         // Bool

/// Philox4x32-10: word `word` (0..3) of the block at counter (I64) under the key (I64), as I32
/// bits. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
Expr philox(Expr key, Expr counter, Expr word);

}  // namespace lilith::kir
