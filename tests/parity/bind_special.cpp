#include "lilith/ops.h"
#include "parity/bind.h"

// Special functions.
namespace lilith::parity {
namespace {

void bind_of_one(Table& t) {
  const std::pair<const char*, Unary> all[] = {
      {"i0", i0},
      {"special.i0", special::i0},
      {"special.i0e", special::i0e},
      {"special.i1", special::i1},
      {"special.i1e", special::i1e},
      {"special.entr", special::entr},
      {"special.erfcx", special::erfcx},
      {"special.ndtr", special::ndtr},
      {"special.log_ndtr", special::log_ndtr},
      {"special.ndtri", special::ndtri},
      {"special.bessel_j0", special::bessel_j0},
      {"special.bessel_j1", special::bessel_j1},
      {"special.bessel_y0", special::bessel_y0},
      {"special.bessel_y1", special::bessel_y1},
      {"special.modified_bessel_i0", special::modified_bessel_i0},
      {"special.modified_bessel_i1", special::modified_bessel_i1},
      {"special.modified_bessel_k0", special::modified_bessel_k0},
      {"special.modified_bessel_k1", special::modified_bessel_k1},
      {"special.scaled_modified_bessel_k0", special::scaled_modified_bessel_k0},
      {"special.scaled_modified_bessel_k1", special::scaled_modified_bessel_k1},
      {"special.spherical_bessel_j0", special::spherical_bessel_j0},
      {"special.airy_ai", special::airy_ai},
      {"special.digamma", special::digamma},
      {"special.erf", special::erf},
      {"special.erfc", special::erfc},
      {"special.erfinv", special::erfinv},
      {"special.exp2", special::exp2},
      {"special.expit", special::expit},
      {"special.expm1", special::expm1},
      {"special.gammaln", special::gammaln},
      {"special.log1p", special::log1p},
      {"special.psi", special::psi},
      {"special.sinc", special::sinc}};
  for (const auto& [name, f] : all) unary(t, name, f);
}

void bind_of_two(Table& t) {
  const std::pair<const char*, Binary> all[] = {
      {"igamma", igamma},
      {"igammac", igammac},
      {"special.gammainc", special::gammainc},
      {"special.gammaincc", special::gammaincc},
      {"nextafter", nextafter},
      {"special.zeta", special::zeta},
      {"special.xlogy", special::xlogy},
      {"special.xlog1py", special::xlog1py},
      {"special.chebyshev_polynomial_t", special::chebyshev_polynomial_t},
      {"special.chebyshev_polynomial_u", special::chebyshev_polynomial_u},
      {"special.chebyshev_polynomial_v", special::chebyshev_polynomial_v},
      {"special.chebyshev_polynomial_w", special::chebyshev_polynomial_w},
      {"special.shifted_chebyshev_polynomial_t", special::shifted_chebyshev_polynomial_t},
      {"special.shifted_chebyshev_polynomial_u", special::shifted_chebyshev_polynomial_u},
      {"special.shifted_chebyshev_polynomial_v", special::shifted_chebyshev_polynomial_v},
      {"special.shifted_chebyshev_polynomial_w", special::shifted_chebyshev_polynomial_w},
      {"special.hermite_polynomial_h", special::hermite_polynomial_h},
      {"special.hermite_polynomial_he", special::hermite_polynomial_he},
      {"special.laguerre_polynomial_l", special::laguerre_polynomial_l},
      {"special.legendre_polynomial_p", special::legendre_polynomial_p}};
  for (const auto& [name, f] : all) binary(t, name, f);
}

}  // namespace

void bind_special(Table& t) {
  bind_of_one(t);
  bind_of_two(t);
  t["frexp"] = [](const Call& c) -> std::vector<Tensor> {
    const auto [mantissa, exponent] = frexp(c.operand(0));
    return {mantissa, exponent};
  };
  t["special.logit"] = [](const Call& c) {
    std::optional<Real> eps;
    if (c.has(1, "eps")) eps = c.real(1, "eps", 0);
    return one(special::logit(c.operand(0), eps));
  };
  t["special.multigammaln"] = [](const Call& c) {
    return one(special::multigammaln(c.operand(0), c.integer(1, "p")));
  };
}

}  // namespace lilith::parity
