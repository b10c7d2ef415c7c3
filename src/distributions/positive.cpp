#include <limits>
#include <tuple>

#include "distributions/parameters.h"
#include "lilith/loops.h"
#include "lilith/more_distributions.h"
#include "lilith/ops/special.h"
#include "lilith/transforms.h"

// Distributions of positive numbers, and of angles.
namespace lilith::distributions {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kPi = std::numbers::pi;

detail::Pair positive_pair(const char* what, const char* first, const char* second, const Arg& a,
                           const Arg& b) {
  const LocScope scope(a.loc(), what);
  positive_parameter(what, first, a);
  return detail::Pair(what, second, a, b);
}

Tensor log_beta(const Tensor& a, const Tensor& b) { return lgamma(a) + lgamma(b) - lgamma(a + b); }

}  // namespace

HalfCauchy::HalfCauchy(const Arg& s)
    : Distribution("HalfCauchy", s.tensor().shape()), scale([&] {
        const LocScope scope(s.loc(), "HalfCauchy");
        return positive_parameter("HalfCauchy", "scale", s);
      }()) {}
Tensor HalfCauchy::draw(const Shape& shape) const {
  return (scale * tan(uniform_like(extended(shape), scale) * (kPi / 2))).to(scale.dtype());
}
Tensor HalfCauchy::log_density(const Tensor& x) const {
  return where(x >= 0, std::log(2 / kPi) - log(scale) - log1p(square(x / scale)), -kInf);
}
Tensor HalfCauchy::entropy_of() const { return log(scale) + std::log(2 * kPi); }
Tensor HalfCauchy::mean_of() const { return full_like(scale, kInf); }
Tensor HalfCauchy::variance_of() const { return full_like(scale, kInf); }
Tensor HalfCauchy::distribution_function(const Tensor& x) const {
  return clamp_min(atan(x / scale) * (2 / kPi), 0);
}

InverseGamma::InverseGamma(const Arg& a, const Arg& b)
    : InverseGamma(positive_pair("InverseGamma", "concentration", "rate", a, b)) {}
InverseGamma::InverseGamma(const detail::Pair& p)
    : Distribution("InverseGamma", p.a.shape()), concentration(p.a), rate(p.b) {}
Tensor InverseGamma::draw(const Shape& shape) const {
  return rate / standard_gamma(expand(concentration, extended(shape)));
}
Tensor InverseGamma::log_density(const Tensor& x) const {
  return concentration * log(rate) - (concentration + 1) * log(x) - rate / x -
         lgamma(concentration);
}
Tensor InverseGamma::entropy_of() const {
  return concentration + log(rate) + lgamma(concentration) -
         (1 + concentration) * digamma(concentration);
}
Tensor InverseGamma::mean_of() const {
  return where(concentration > 1, rate / (concentration - 1), kInf);
}
Tensor InverseGamma::variance_of() const {
  const Tensor a = concentration;
  return where(a > 2, square(rate) / (square(a - 1) * (a - 2)), kInf);
}

Kumaraswamy::Kumaraswamy(const Arg& a, const Arg& b)
    : Kumaraswamy(positive_pair("Kumaraswamy", "concentration1", "concentration0", a, b)) {}
Kumaraswamy::Kumaraswamy(const detail::Pair& p)
    : Distribution("Kumaraswamy", p.a.shape()), concentration1(p.a), concentration0(p.b) {}
Tensor Kumaraswamy::draw(const Shape& shape) const {
  const Tensor u = uniform_like(extended(shape), concentration1);
  return pow(1 - pow(u, 1 / concentration0), 1 / concentration1).to(concentration1.dtype());
}
Tensor Kumaraswamy::log_density(const Tensor& x) const {
  const Tensor &a = concentration1, &b = concentration0;
  return log(a) + log(b) + xlogy(a - 1, x) + xlog1py(b - 1, -pow(x, a));
}
Tensor Kumaraswamy::mean_of() const {
  return concentration0 * exp(log_beta(1 + 1 / concentration1, concentration0));
}
Tensor Kumaraswamy::variance_of() const {
  return concentration0 * exp(log_beta(1 + 2 / concentration1, concentration0)) - square(mean_of());
}
Tensor Kumaraswamy::distribution_function(const Tensor& x) const {
  return 1 - pow(1 - pow(clamp(x, 0, 1), concentration1), concentration0);
}

Pareto::Pareto(const Arg& s, const Arg& a)
    : Pareto(positive_pair("Pareto", "scale", "alpha", s, a)) {}
Pareto::Pareto(const detail::Pair& p)
    : Distribution("Pareto", p.a.shape()), scale(p.a), alpha(p.b) {}
Tensor Pareto::draw(const Shape& shape) const {
  return (scale * exp(-log(uniform_like(extended(shape), scale)) / alpha)).to(scale.dtype());
}
Tensor Pareto::log_density(const Tensor& x) const {
  return where(x >= scale, log(alpha) + alpha * log(scale) - (alpha + 1) * log(x), -kInf);
}
Tensor Pareto::entropy_of() const { return log(scale / alpha) + (1 + 1 / alpha); }
Tensor Pareto::mean_of() const { return where(alpha > 1, alpha * scale / (alpha - 1), kInf); }
Tensor Pareto::variance_of() const {
  return where(alpha > 2, square(scale) * alpha / (square(alpha - 1) * (alpha - 2)), kInf);
}
Tensor Pareto::distribution_function(const Tensor& x) const {
  return where(x >= scale, 1 - pow(scale / x, alpha), 0.0);
}

Weibull::Weibull(const Arg& s, const Arg& c)
    : Weibull(positive_pair("Weibull", "scale", "concentration", s, c)) {}
Weibull::Weibull(const detail::Pair& p)
    : Distribution("Weibull", p.a.shape()), scale(p.a), concentration(p.b) {}
Tensor Weibull::draw(const Shape& shape) const {
  const Tensor e = -log(uniform_like(extended(shape), scale));
  return (scale * pow(e, 1 / concentration)).to(scale.dtype());
}
Tensor Weibull::log_density(const Tensor& x) const {
  const Tensor &k = concentration, z = x / scale;
  return log(k / scale) + xlogy(k - 1, z) - pow(z, k);
}
Tensor Weibull::entropy_of() const {
  return std::numbers::egamma * (1 - 1 / concentration) + log(scale / concentration) + 1;
}
Tensor Weibull::mean_of() const { return scale * exp(lgamma(1 + 1 / concentration)); }
Tensor Weibull::variance_of() const {
  return square(scale) *
         (exp(lgamma(1 + 2 / concentration)) - exp(2 * lgamma(1 + 1 / concentration)));
}
Tensor Weibull::distribution_function(const Tensor& x) const {
  return -expm1(-pow(clamp_min(x, 0) / scale, concentration));
}

FisherSnedecor::FisherSnedecor(const Arg& a, const Arg& b)
    : FisherSnedecor(positive_pair("FisherSnedecor", "df1", "df2", a, b)) {}
FisherSnedecor::FisherSnedecor(const detail::Pair& p)
    : Distribution("FisherSnedecor", p.a.shape()), df1(p.a), df2(p.b) {}
Tensor FisherSnedecor::draw(const Shape& shape) const {
  const Tensor a = standard_gamma(expand(df1 / 2, extended(shape))) / (df1 / 2),
               b = standard_gamma(expand(df2 / 2, extended(shape))) / (df2 / 2);
  return a / b;
}
Tensor FisherSnedecor::log_density(const Tensor& x) const {
  const Tensor a = df1 / 2, b = df2 / 2, ratio = df1 / df2;
  return xlogy(a, ratio) + xlogy(a - 1, x) - (a + b) * log1p(ratio * x) - log_beta(a, b);
}
Tensor FisherSnedecor::mean_of() const { return where(df2 > 2, df2 / (df2 - 2), kNan); }
Tensor FisherSnedecor::variance_of() const {
  return where(df2 > 4, 2 * square(df2) * (df1 + df2 - 2) / (df1 * square(df2 - 2) * (df2 - 4)),
               kNan);
}

VonMises::VonMises(const Arg& m, const Arg& k)
    : VonMises(detail::Pair("VonMises", "concentration", m, k)) {}
VonMises::VonMises(const detail::Pair& p)
    : Distribution("VonMises", p.a.shape(), {}, false), loc(p.a), concentration(p.b) {}

namespace {

// Best and Fisher's rejection (1979), until every element has its angle: its cosine.
Tensor von_mises_cosine(const Tensor& k, const Tensor& is_valid) {
  using State = std::tuple<Tensor, Tensor>;
  const Tensor tau = 1 + sqrt(1 + 4 * square(k)), rho = (tau - sqrt(2 * tau)) / (2 * k);
  // Near 0 the formula cancels: its first terms.
  const Tensor r = where(k < 1e-5, 1 / k + k, (1 + square(rho)) / (2 * rho));
  const auto [cosine, done] = while_loop(
      [](const State& s) { return any(logical_not(std::get<1>(s))); },
      [&](const State& s) {
        const auto& [chosen, is_done] = s;
        const Tensor z = cos(uniform_like(k.shape(), k) * kPi), f = (1 + r * z) / (r + z);
        const Tensor c = k * (r - f), u = uniform_like(k.shape(), k);
        const Tensor taken = logical_or(c * (2 - c) - u > 0, log(c / u) + 1 - c >= 0);
        return State(where(is_done, chosen, f), logical_or(is_done, taken));
      },
      State(where(is_valid, ones_like(k), kNan), logical_not(is_valid)));
  return clamp(cosine, -1, 1);
}

}  // namespace

Tensor VonMises::draw(const Shape& shape) const {
  const Tensor given = expand(stop_gradient(concentration).to(kDouble), extended(shape));
  const Tensor is_valid = logical_and(given > 0, given < kInf);
  // Of angles this narrow 1 - cos has no digits left; they are normal to a part in 10^8.
  constexpr double kNarrow = 1e8;
  const Tensor k = clamp(where(is_valid, given, 1.0), 1e-300, kNarrow);
  const Tensor normal = abs(randn(k.shape(), {.dtype = kDouble, .device = k.device()}));
  const Tensor angle =
      where(given > kNarrow, normal / sqrt(given), acos(von_mises_cosine(k, is_valid)));
  const Tensor sign = where(uniform_like(k.shape(), k) < 0.5, -1.0, 1.0);
  const Tensor x = remainder(sign * angle + loc + kPi, 2 * kPi) - kPi;
  return x.to(loc.dtype());
}
Tensor VonMises::log_density(const Tensor& x) const {
  // log I0(k) = log(i0e(k)) + k.
  const Tensor& k = concentration;
  return k * (cos(x - loc) - 1) - std::log(2 * kPi) - log(special::i0e(k));
}
Tensor VonMises::mean_of() const { return loc; }
Tensor VonMises::variance_of() const {
  return 1 - special::i1e(concentration) / special::i0e(concentration);
}

Tensor kl_divergence(const Cauchy& p, const Cauchy& q, SourceLocation loc) {
  const LocScope scope(loc);
  return log((square(p.scale + q.scale) + square(p.loc - q.loc)) / (4 * p.scale * q.scale));
}
Tensor kl_divergence(const Pareto& p, const Pareto& q, SourceLocation loc) {
  const LocScope scope(loc);
  const Tensor ratio = p.scale / q.scale, t = q.alpha / p.alpha;
  return where(p.scale < q.scale, kInf, q.alpha * log(ratio) - log(t) + t - 1);
}
Tensor kl_divergence(const Uniform& p, const Normal& q, SourceLocation loc) {
  const LocScope scope(loc);
  const Tensor width = p.high - p.low, middle = (p.high + p.low - 2 * q.loc) / 2;
  return kLogRoot2Pi + log(q.scale / width) +
         (square(width) / 12 + square(middle)) / (2 * square(q.scale));
}
Tensor kl_divergence(const Laplace& p, const Normal& q, SourceLocation loc) {
  const LocScope scope(loc);
  const Tensor ratio = square(p.scale / q.scale);
  return kLogRoot2Pi - 1 - std::log(2.0) + log(q.scale / p.scale) + ratio +
         square((p.loc - q.loc) / q.scale) / 2;
}

}  // namespace lilith::distributions
