#include <limits>

#include "distributions/parameters.h"
#include "ops/primitives.h"

// Gamma and the distributions whose draws are made of gamma numbers.
namespace lilith::distributions {
namespace {

// log B(a) of the last dimension.
Tensor log_beta(const Tensor& a) { return sum(lgamma(a), -1) - lgamma(sum(a, -1)); }
Tensor log_beta(const Tensor& a, const Tensor& b) { return lgamma(a) + lgamma(b) - lgamma(a + b); }

}  // namespace

Gamma::Gamma(const Arg& a, const Arg& r)
    : Gamma([&] {
        const LocScope scope(a.loc(), "Gamma");
        positive_parameter("Gamma", "concentration", a);
        return detail::Pair("Gamma", "rate", a, r);
      }()) {}
Gamma::Gamma(const detail::Pair& p)
    : Distribution("Gamma", p.a.shape()), concentration(p.a), rate(p.b) {}
Tensor Gamma::draw(const Shape& shape) const {
  return standard_gamma(expand(concentration, extended(shape))) / rate;
}
Tensor Gamma::log_density(const Tensor& x) const {
  return concentration * log(rate) + xlogy(concentration - 1, x) - rate * x - lgamma(concentration);
}
Tensor Gamma::entropy_of() const {
  return concentration - log(rate) + lgamma(concentration) +
         (1 - concentration) * digamma(concentration);
}
Tensor Gamma::mean_of() const { return concentration / rate; }
Tensor Gamma::variance_of() const { return concentration / square(rate); }

Chi2::Chi2(const Arg& freedom)
    : Gamma(
          [&] {
            const LocScope scope(freedom.loc(), "Chi2");
            return positive_parameter("Chi2", "df", freedom) / 2;
          }(),
          0.5) {}
Tensor Chi2::df() const { return concentration * 2; }

Beta::Beta(const Arg& one, const Arg& zero)
    : Beta([&] {
        const LocScope scope(one.loc(), "Beta");
        positive_parameter("Beta", "concentration1", one);
        return detail::Pair("Beta", "concentration0", one, zero);
      }()) {}
Beta::Beta(const detail::Pair& p)
    : Distribution("Beta", p.a.shape()), concentration1(p.a), concentration0(p.b) {}
Tensor Beta::draw(const Shape& shape) const {
  const Tensor a = standard_gamma(expand(concentration1, extended(shape))),
               b = standard_gamma(expand(concentration0, extended(shape)));
  return a / (a + b);
}
Tensor Beta::log_density(const Tensor& x) const {
  return xlogy(concentration1 - 1, x) + xlog1py(concentration0 - 1, -x) -
         log_beta(concentration1, concentration0);
}
Tensor Beta::entropy_of() const {
  const Tensor &a = concentration1, &b = concentration0;
  return log_beta(a, b) - (a - 1) * digamma(a) - (b - 1) * digamma(b) +
         (a + b - 2) * digamma(a + b);
}
Tensor Beta::mean_of() const { return concentration1 / (concentration1 + concentration0); }
Tensor Beta::variance_of() const {
  const Tensor total = concentration1 + concentration0;
  return concentration1 * concentration0 / (square(total) * (total + 1));
}

namespace {

Tensor rows_checked(const Arg& concentration) {
  const LocScope scope(concentration.loc(), "Dirichlet");
  const Tensor a = floating_parameter("Dirichlet", "concentration", concentration);
  LILITH_CHECK(a.ndim() >= 1, "Dirichlet: concentration is {}; need at least 1 dimension",
               a.aval().str());
  return a;
}

}  // namespace

Dirichlet::Dirichlet(const Arg& a)
    : Distribution("Dirichlet",
                   Shape(rows_checked(a).shape().begin(), rows_checked(a).shape().size() - 1),
                   {rows_checked(a).size(-1)}),
      concentration(rows_checked(a)) {}
Tensor Dirichlet::draw(const Shape& shape) const {
  const Tensor parts = standard_gamma(expand(concentration, extended(shape)));
  return parts / sum(parts, -1, true);
}
Tensor Dirichlet::log_density(const Tensor& x) const {
  return sum(xlogy(concentration - 1, x), -1) - log_beta(concentration);
}
Tensor Dirichlet::entropy_of() const {
  const Tensor total = sum(concentration, -1);
  const auto parts = static_cast<double>(concentration.size(-1));
  return log_beta(concentration) + (total - parts) * digamma(total) -
         sum((concentration - 1) * digamma(concentration), -1);
}
Tensor Dirichlet::mean_of() const { return concentration / sum(concentration, -1, true); }
Tensor Dirichlet::variance_of() const {
  const Tensor total = sum(concentration, -1, true), mean = concentration / total;
  return mean * (1 - mean) / (total + 1);
}

StudentT::StudentT(const Arg& freedom, const Arg& middle, const Arg& spread)
    : StudentT(
          [&] {
            const LocScope scope(freedom.loc(), "StudentT");
            positive_parameter("StudentT", "df", freedom);
            return detail::Pair("StudentT", "scale", freedom, spread);
          }(),
          middle.tensor(kFloat32)) {}
StudentT::StudentT(const detail::Pair& p, const Tensor& middle)
    : Distribution("StudentT", (p.a + middle).shape()),
      df(p.a + 0 * middle),
      loc(0 * p.a + middle),
      scale(p.b + 0 * middle) {}
Tensor StudentT::draw(const Shape& shape) const {
  const Tensor half = expand(df / 2, extended(shape)), chi2 = 2 * standard_gamma(half);
  const Tensor z = randn(extended(shape), {.dtype = df.dtype(), .device = df.device()});
  return loc + scale * z * rsqrt(chi2 / df);
}
Tensor StudentT::log_density(const Tensor& x) const {
  const Tensor y = (x - loc) / scale;
  return lgamma((df + 1) / 2) - lgamma(df / 2) - log(df * std::numbers::pi) / 2 - log(scale) -
         (df + 1) / 2 * log1p(square(y) / df);
}
Tensor StudentT::entropy_of() const {
  const Tensor half = df / 2;
  return (half + 0.5) * (digamma(half + 0.5) - digamma(half)) + log(df) / 2 +
         log_beta(half, full_like(half, 0.5)) + log(scale);
}
Tensor StudentT::mean_of() const {
  return where(df > 1, loc, std::numeric_limits<double>::quiet_NaN());
}
Tensor StudentT::variance_of() const {
  const Tensor finite = square(scale) * df / where(df > 2, df - 2, 1.0);
  const Tensor heavy = where(df > 1, full_like(df, std::numeric_limits<double>::infinity()),
                             std::numeric_limits<double>::quiet_NaN());
  return where(df > 2, finite, heavy);
}

}  // namespace lilith::distributions
