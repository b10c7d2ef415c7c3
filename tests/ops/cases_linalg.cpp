#include <cmath>

#include "core/compute_dtype.h"
#include "lilith/op_def.h"
#include "lilith/ops/spectra.h"
#include "ops/cases.h"

// Linear algebra, Fourier transforms and special functions.
namespace lilith::testing {
namespace {

using Ts = std::vector<Tensor>;

// Rows are made of several ops, which would round halves between them.
Tensor wide(const Tensor& x) { return is_half(x.dtype()) ? x.to(kFloat64) : x; }
Tensor one_like(const Tensor& x) {
  return eye(x.size(-1), {}, {.dtype = x.dtype(), .device = x.device()});
}
// Matrices that are far from singular, with singular values that lie apart.
Tensor apart(const Tensor& x) {
  const Tensor t = wide(x);
  const bool is_wide = t.size(-2) <= t.size(-1);
  const TensorOptions like{.dtype = t.dtype(), .device = t.device()};
  const Tensor steps = arange(1, t.size(is_wide ? -2 : -1) + 1, like) * 2;
  return t * 0.3 + eye(t.size(-2), t.size(-1), like) * (is_wide ? steps.unsqueeze(1) : steps);
}
Tensor positive_definite(const Tensor& x) {
  return matmul(wide(x), transpose(wide(x), -2, -1)) + one_like(wide(x));
}
Tensor symmetric(const Tensor& x) { return apart(x) + transpose(apart(x), 0, 1); }
Tensor total(const Tensor& x) { return (x * x).sum(); }

const Operand kMatrix{{3, 3}}, kBatch{{2, 3, 3}}, kWide{{3, 4}}, kTall{{4, 3}};

std::vector<Case> system_cases() {
  return {
      {"inverse", {kBatch}, [](const Ts& x) { return inverse(apart(x[0])); }},
      {"solve",
       {kMatrix, {{2, 3, 2}}},
       [](const Ts& x) { return linalg::solve(apart(x[0]), wide(x[1])); }},
      {"solve",
       {kMatrix, {{2, 3}}},
       [](const Ts& x) { return linalg::solve(apart(x[0]), wide(x[1]), false); }},
      {"solve_triangular",
       {kMatrix, {{3, 2}}},
       [](const Ts& x) { return linalg::solve_triangular(apart(x[0]), wide(x[1]), true); }},
      {"solve_triangular",
       {kMatrix, {{2, 3}}},
       [](const Ts& x) {
         return linalg::solve_triangular(apart(x[0]), wide(x[1]), false, false, true);
       }},
      {"det", {kBatch}, [](const Ts& x) { return det(wide(x[0])); }},
      {"cofactors", {kMatrix}, [](const Ts& x) { return apply("cofactors", {apart(x[0])}); }},
      {"slogdet",
       {kBatch},
       [](const Ts& x) {
         const auto [sign, log_of] = slogdet(apart(x[0]));
         return sign * log_of;
       }},
      {"lstsq",
       {kTall, {{4, 2}}},
       [](const Ts& x) { return linalg::lstsq(apart(x[0]), wide(x[1])).solution; }},
      {"pinv", {kTall}, [](const Ts& x) { return linalg::pinv(apart(x[0])); }},
      {"pinv", {kWide}, [](const Ts& x) { return pinverse(apart(x[0])); }},
      {"polar", {kMatrix}, [](const Ts& x) { return linalg::polar(apart(x[0])).U; }},
      {"polar", {kTall}, [](const Ts& x) { return linalg::polar(apart(x[0])).U; }},
      {"polar",
       {kTall},
       [](const Ts& x) {
         const auto [U, H] = linalg::polar(apart(x[0]));
         return cat({U * 2, H}, 0);
       }},
      {"matrix_exp", {kBatch}, [](const Ts& x) { return matrix_exp(wide(x[0])); }},
      {"matrix_exp", {kMatrix}, [](const Ts& x) { return matrix_exp(wide(x[0]) * 4) * 1e-3; }},
  };
}

std::vector<Case> factor_cases() {
  return {
      {"cholesky", {kBatch}, [](const Ts& x) { return cholesky(positive_definite(x[0])); }},
      {"cholesky", {kMatrix}, [](const Ts& x) { return cholesky(positive_definite(x[0]), true); }},
      {"cholesky_solve",
       {kMatrix, {{3, 2}}},
       [](const Ts& x) { return cholesky_solve(wide(x[1]), tril(apart(x[0]))); }},
      {"cholesky_solve",
       {kMatrix},
       [](const Ts& x) { return cholesky_inverse(triu(apart(x[0])), true); }},
      {"lu_factor", {kBatch}, [](const Ts& x) { return lu(apart(x[0])).LU; }},
      {"lu_factor", {kWide}, [](const Ts& x) { return lu(apart(x[0])).LU; }},
      {"lu_factor", {kTall}, [](const Ts& x) { return lu(apart(x[0])).LU; }},
      {"lu_permutation",
       {kMatrix},
       [](const Ts& x) {
         const auto [p, l, u] = linalg::lu(flip(apart(x[0]), {0}));
         return matmul(p, u + l * 2);
       }},
      {"qr",
       {kTall},
       [](const Ts& x) {
         const auto [q, r] = linalg::qr(apart(x[0]));
         return cat({q, r * r});
       }},
      {"qr",
       {kWide},
       [](const Ts& x) {
         const auto [q, r] = qr(apart(x[0]), false);
         return cat({q, r * r}, 1);
       }},
      {"geqrf", {kMatrix}, [](const Ts& x) { return pow(triu(geqrf(apart(x[0])).a), 2) > 0.5; }},
      {"svd",
       {kTall},
       [](const Ts& x) {
         const auto [u, s, vh] = linalg::svd(apart(x[0]), false);
         return total(u * u * s) + total(vh * vh + s);
       }},
      {"svd",
       {kWide},
       [](const Ts& x) {
         const auto [u, s, v] = svd(apart(x[0]));
         return total(matmul(v * (s * s), transpose(u, 0, 1))) + total(v * v);
       }},
      {"eigh",
       {kMatrix},
       [](const Ts& x) {
         const Tensor a = apart(x[0]);
         const auto [w, v] = linalg::eigh(a + transpose(a, 0, 1));
         return total(v * v * w) + total(w * w * w) * 1e-4;
       }},
      {"eig",
       {kMatrix},
       [](const Ts& x) {
         const auto [w, v] = linalg::eig(apart(x[0]));
         return total((v * v).sum(-1) * (w * w).sum(-1)) * 1e-2;
       }},
      {"ldl_factor",
       {kMatrix},
       [](const Ts& x) {
         const Tensor a = symmetric(x[0]), one = one_like(a);
         const auto [LD, pivots] = linalg::ldl_factor(a);
         return isclose(matmul(a, linalg::ldl_solve(LD, pivots, one)), one, 1e-3, 1e-3);
       }},
      {"ldl_solve",
       {kMatrix, {{3, 2}}},
       [](const Ts& x) {
         const Tensor a = symmetric(x[0]), b = wide(x[1]);
         const auto [LD, pivots] = linalg::ldl_factor(a);
         return isclose(matmul(a, linalg::ldl_solve(LD, pivots, b)), b, 1e-3, 1e-3);
       }},
  };
}

std::vector<Case> transform_cases() {
  return {
      {"fft", {{{3, 5, 2}}}, [](const Ts& x) { return fft::fft(wide(x[0])); }},
      {"fft", {{{6, 3, 2}}}, [](const Ts& x) { return fft::ifft(wide(x[0]), 11, 0, "ortho"); }},
      {"rfft", {{{3, 7}}}, [](const Ts& x) { return fft::rfft2(wide(x[0])); }},
      {"rfft", {{{8}}}, [](const Ts& x) { return fft::ihfft(wide(x[0])); }},
      {"irfft", {{{3, 5, 2}}}, [](const Ts& x) { return fft::irfft(wide(x[0])); }},
      {"irfft", {{{3, 4, 2}}}, [](const Ts& x) { return fft::hfft(wide(x[0]), 7); }},
      {"stft", {{{40}}}, [](const Ts& x) { return stft(wide(x[0]), 10); }},
      {"istft_envelope",
       {{{5, 6, 2}}, {{8}, 0.5, 1}},
       [](const Ts& x) { return istft(wide(x[0]), 8, {.hop_length = 3, .window = wide(x[1])}); }},
  };
}

std::vector<Case> special_cases() {
  const auto unary = [](const char* name, Tensor (*f)(const Arg&), double (*value)(double),
                        double lo, double hi) {
    return Case{name,
                {{{3, 4}, lo, hi}},
                [f](const Ts& x) { return f(x[0]); },
                [value](const double* x) { return value(*x); }};
  };
  return {
      unary(
          "i0", i0, [](double x) { return std::cyl_bessel_i(0, std::fabs(x)); }, -9, 9),
      unary(
          "i0e", special::i0e, [](double x) { return std::cyl_bessel_i(0, x) * std::exp(-x); }, 0.1,
          12),
      unary(
          "i1", special::i1, [](double x) { return std::cyl_bessel_i(1, x); }, 0.1, 9),
      unary(
          "i1e", special::i1e, [](double x) { return -std::cyl_bessel_i(1, -x) * std::exp(x); },
          -12, -0.1),
      unary(
          "erfcx", special::erfcx, [](double x) { return std::exp(x * x) * std::erfc(x); }, -2, 4),
      {"ndtri", {{{3, 4}, 0.001, 0.999}}, [](const Ts& x) { return special::ndtri(x[0]); }},
      {"ndtri",
       {{{3, 4}, -4, 1}},
       [](const Ts& x) { return special::ndtri(special::ndtr(wide(x[0]))); },
       [](const double* x) { return *x; }},
      {"log_ndtr", {{{3, 4}, -8, 4}}, [](const Ts& x) { return special::log_ndtr(x[0]); }},
      unary(
          "entr", special::entr, [](double x) { return -x * std::log(x); }, 0.1, 3),
      {"special_unary", {{{3, 4}, 0.5, 4}}, [](const Ts& x) { return special::bessel_j0(x[0]); }},
      {"special_unary", {{{3, 4}, 0.5, 4}}, [](const Ts& x) { return special::bessel_y1(x[0]); }},
      {"special_binary", {{{3, 4}, 0.2, 3}}, [](const Ts& x) { return igamma(1.5, wide(x[0])); }},
      {"special_binary", {{{3, 4}, 0.2, 3}}, [](const Ts& x) { return igammac(2.5, wide(x[0])); }},
      {"nextafter",
       {{{3, 4}, -2, -1}, {{3, 4}, 1, 2}},
       [](const Ts& x) { return nextafter(wide(x[0]), wide(x[1])); }},
      {"frexp",
       {{{3, 4}, 1.1, 1.9}},
       [](const Ts& x) {
         const auto [mantissa, exponent] = frexp(x[0]);
         return mantissa;
       }},
  };
}

}  // namespace

std::vector<Case> linalg_cases() {
  std::vector<Case> out = system_cases();
  for (auto& family : {factor_cases(), transform_cases(), special_cases()})
    out.insert(out.end(), family.begin(), family.end());
  return out;
}

}  // namespace lilith::testing
