#include <cmath>
#include <limits>

#include "distributions/parameters.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Distributions whose draws are a function of a uniform or normal number.
namespace lilith::distributions {
namespace {

Tensor where_inside(const Tensor& inside, const Tensor& log_density) {
  return where(inside, log_density, -std::numeric_limits<double>::infinity());
}
Tensor gaussian(const Shape& shape, const Tensor& like) {
  return randn(shape, {.dtype = like.dtype(), .device = like.device()});
}

}  // namespace

Normal::Normal(const Arg& mean, const Arg& deviation)
    : Normal(detail::Pair("Normal", "scale", mean, deviation)) {}
Normal::Normal(const detail::Pair& p) : Distribution("Normal", p.a.shape()), loc(p.a), scale(p.b) {}
Tensor Normal::draw(const Shape& shape) const {
  return loc + scale * gaussian(extended(shape), loc);
}
Tensor Normal::log_density(const Tensor& x) const {
  return -square((x - loc) / scale) / 2 - log(scale) - kLogRoot2Pi;
}
Tensor Normal::entropy_of() const { return log(scale) + (0.5 + kLogRoot2Pi); }
Tensor Normal::mean_of() const { return loc; }
Tensor Normal::variance_of() const { return square(scale); }
Tensor Normal::distribution_function(const Tensor& x) const {
  return erfc((loc - x) / (scale * std::numbers::sqrt2)) / 2;
}
Tensor Normal::icdf(const Arg& probability) const {
  const LocScope scope(probability.loc(), name());
  return loc + scale * std::numbers::sqrt2 * erfinv(2 * probability.tensor() - 1);
}

LogNormal::LogNormal(const Arg& mean, const Arg& deviation)
    : LogNormal(detail::Pair("LogNormal", "scale", mean, deviation)) {}
LogNormal::LogNormal(const detail::Pair& p)
    : Distribution("LogNormal", p.a.shape()), loc(p.a), scale(p.b) {}
Tensor LogNormal::draw(const Shape& shape) const {
  return exp(loc + scale * gaussian(extended(shape), loc));
}
Tensor LogNormal::log_density(const Tensor& x) const {
  const Tensor l = log(x);
  return -square((l - loc) / scale) / 2 - log(scale) - kLogRoot2Pi - l;
}
Tensor LogNormal::entropy_of() const { return loc + log(scale) + (0.5 + kLogRoot2Pi); }
Tensor LogNormal::mean_of() const { return exp(loc + square(scale) / 2); }
Tensor LogNormal::variance_of() const {
  return expm1(square(scale)) * exp(2 * loc + square(scale));
}
Tensor LogNormal::distribution_function(const Tensor& x) const {
  return erfc((loc - log(x)) / (scale * std::numbers::sqrt2)) / 2;
}

Uniform::Uniform(const Arg& from, const Arg& to)
    : Uniform([&] {
        const LocScope scope(from.loc(), "Uniform");
        const auto a = ops::constant_value(from), b = ops::constant_value(to);
        LILITH_CHECK(!a || !b || *a < *b, "Uniform: [{}, {}); need low < high", *a, *b);
        return detail::Pair("Uniform", nullptr, from, to);
      }()) {}
Uniform::Uniform(const detail::Pair& p)
    : Distribution("Uniform", p.a.shape()), low(p.a), high(p.b) {}
Tensor Uniform::draw(const Shape& shape) const {
  const Tensor u = rand(extended(shape), {.dtype = low.dtype(), .device = low.device()});
  return low + (high - low) * u;
}
Tensor Uniform::log_density(const Tensor& x) const {
  return where_inside(logical_and(x >= low, x < high), -log(high - low));
}
Tensor Uniform::entropy_of() const { return log(high - low); }
Tensor Uniform::mean_of() const { return (low + high) / 2; }
Tensor Uniform::variance_of() const { return square(high - low) / 12; }
Tensor Uniform::distribution_function(const Tensor& x) const {
  return clamp((x - low) / (high - low), 0, 1);
}

Laplace::Laplace(const Arg& median, const Arg& spread)
    : Laplace(detail::Pair("Laplace", "scale", median, spread)) {}
Laplace::Laplace(const detail::Pair& p)
    : Distribution("Laplace", p.a.shape()), loc(p.a), scale(p.b) {}
Tensor Laplace::draw(const Shape& shape) const {
  const Tensor u = uniform_like(extended(shape), loc) - 0.5;
  return (loc - scale * sign(u) * log1p(-2 * abs(u))).to(loc.dtype());
}
Tensor Laplace::log_density(const Tensor& x) const {
  return -log(2 * scale) - abs(x - loc) / scale;
}
Tensor Laplace::entropy_of() const { return 1 + log(2 * scale); }
Tensor Laplace::mean_of() const { return loc; }
Tensor Laplace::variance_of() const { return 2 * square(scale); }
Tensor Laplace::distribution_function(const Tensor& x) const {
  const Tensor d = x - loc;
  return 0.5 - 0.5 * sign(d) * expm1(-abs(d) / scale);
}

Cauchy::Cauchy(const Arg& median, const Arg& spread)
    : Cauchy(detail::Pair("Cauchy", "scale", median, spread)) {}
Cauchy::Cauchy(const detail::Pair& p) : Distribution("Cauchy", p.a.shape()), loc(p.a), scale(p.b) {}
Tensor Cauchy::draw(const Shape& shape) const {
  const Tensor u = uniform_like(extended(shape), loc);
  return (loc + scale * tan(std::numbers::pi * (u - 0.5))).to(loc.dtype());
}
Tensor Cauchy::log_density(const Tensor& x) const {
  return -std::log(std::numbers::pi) - log(scale) - log1p(square((x - loc) / scale));
}
Tensor Cauchy::entropy_of() const { return log(scale) + std::log(4 * std::numbers::pi); }
Tensor Cauchy::mean_of() const { return full_like(loc, std::numeric_limits<double>::quiet_NaN()); }
Tensor Cauchy::variance_of() const { return mean_of(); }
Tensor Cauchy::distribution_function(const Tensor& x) const {
  return atan((x - loc) / scale) / std::numbers::pi + 0.5;
}

HalfNormal::HalfNormal(const Arg& s)
    : Distribution("HalfNormal", s.tensor().shape()), scale([&] {
        const LocScope scope(s.loc(), "HalfNormal");
        return positive_parameter("HalfNormal", "scale", s);
      }()) {}
Tensor HalfNormal::draw(const Shape& shape) const {
  return abs(scale * gaussian(extended(shape), scale));
}
Tensor HalfNormal::log_density(const Tensor& x) const {
  return where_inside(x >= 0,
                      -square(x / scale) / 2 - log(scale) + (std::numbers::ln2 - kLogRoot2Pi));
}
Tensor HalfNormal::entropy_of() const {
  return log(scale) + (0.5 + kLogRoot2Pi - std::numbers::ln2);
}
Tensor HalfNormal::mean_of() const { return scale * std::sqrt(2 / std::numbers::pi); }
Tensor HalfNormal::variance_of() const { return square(scale) * (1 - 2 / std::numbers::pi); }
Tensor HalfNormal::distribution_function(const Tensor& x) const {
  return erf(maximum(x, 0) / (scale * std::numbers::sqrt2));
}

Gumbel::Gumbel(const Arg& mode, const Arg& spread)
    : Gumbel(detail::Pair("Gumbel", "scale", mode, spread)) {}
Gumbel::Gumbel(const detail::Pair& p) : Distribution("Gumbel", p.a.shape()), loc(p.a), scale(p.b) {}
Tensor Gumbel::draw(const Shape& shape) const {
  return (loc - scale * log(-log(uniform_like(extended(shape), loc)))).to(loc.dtype());
}
Tensor Gumbel::log_density(const Tensor& x) const {
  const Tensor y = (loc - x) / scale;
  return y - exp(y) - log(scale);
}
Tensor Gumbel::entropy_of() const { return log(scale) + (1 + std::numbers::egamma); }
Tensor Gumbel::mean_of() const { return loc + scale * std::numbers::egamma; }
Tensor Gumbel::variance_of() const {
  return square(scale) * (std::numbers::pi * std::numbers::pi / 6);
}
Tensor Gumbel::distribution_function(const Tensor& x) const { return exp(-exp((loc - x) / scale)); }

Exponential::Exponential(const Arg& r)
    : Distribution("Exponential", r.tensor().shape()), rate([&] {
        const LocScope scope(r.loc(), "Exponential");
        return positive_parameter("Exponential", "rate", r);
      }()) {}
Tensor Exponential::draw(const Shape& shape) const {
  return (-log(uniform_like(extended(shape), rate)) / rate).to(rate.dtype());
}
Tensor Exponential::log_density(const Tensor& x) const {
  return where_inside(x >= 0, log(rate) - rate * x);
}
Tensor Exponential::entropy_of() const { return 1 - log(rate); }
Tensor Exponential::mean_of() const { return 1 / rate; }
Tensor Exponential::variance_of() const { return 1 / square(rate); }
Tensor Exponential::distribution_function(const Tensor& x) const {
  return -expm1(-rate * maximum(x, 0));
}

}  // namespace lilith::distributions
