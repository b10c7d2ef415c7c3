#pragma once

// Functions of numbers, for the host: each relative to about 1e-14, near roots absolute.
namespace lilith::ops::series {

/// The regularised lower incomplete gamma function P(a, x), and Q = 1 - P.
double gammainc(double a, double x);
double gammaincc(double a, double x);
/// The sum over k >= 0 of (k + q)^-x.
double zeta(double x, double q);
/// K_order(x) e^x for x > 0, any real order.
double scaled_k(double order, double x);
double modified_bessel_k0(double x);
double modified_bessel_k1(double x);
double scaled_modified_bessel_k0(double x);
double scaled_modified_bessel_k1(double x);
double airy_ai(double x);

double chebyshev_t(double x, double n);
double chebyshev_u(double x, double n);
double chebyshev_v(double x, double n);
double chebyshev_w(double x, double n);
double hermite_h(double x, double n);
double hermite_he(double x, double n);
double laguerre_l(double x, double n);
double legendre_p(double x, double n);

}  // namespace lilith::ops::series
