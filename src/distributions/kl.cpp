#include <limits>

#include "distributions/parameters.h"

// Divergences in closed form.
namespace lilith::distributions {
namespace {

Tensor squared_ratio(const Tensor& difference, const Tensor& scale) {
  return square(difference / scale);
}

Tensor of_normals(const Tensor& mp, const Tensor& sp, const Tensor& mq, const Tensor& sq) {
  return log(sq / sp) + (square(sp / sq) + squared_ratio(mp - mq, sq)) / 2 - 0.5;
}

// Of two outcomes with these logits.
Tensor of_odds(const Tensor& probs, const Tensor& p, const Tensor& q) {
  return times_log(probs, logsigmoid(p) - logsigmoid(q)) +
         times_log(1 - probs, logsigmoid(-p) - logsigmoid(-q));
}

Tensor of_dirichlets(const Tensor& p, const Tensor& q) {
  const Tensor total_p = sum(p, -1), total_q = sum(q, -1);
  return lgamma(total_p) - lgamma(total_q) + sum(lgamma(q) - lgamma(p), -1) +
         sum((p - q) * (digamma(p) - unsqueeze(digamma(total_p), -1)), -1);
}

Tensor pair_of(const Beta& b) { return stack({b.concentration1, b.concentration0}, -1); }

}  // namespace

Tensor kl_divergence(const Normal& p, const Normal& q, SourceLocation loc) {
  const LocScope scope(loc);
  return of_normals(p.loc, p.scale, q.loc, q.scale);
}
Tensor kl_divergence(const LogNormal& p, const LogNormal& q, SourceLocation loc) {
  const LocScope scope(loc);
  return of_normals(p.loc, p.scale, q.loc, q.scale);
}
Tensor kl_divergence(const Uniform& p, const Uniform& q, SourceLocation loc) {
  const LocScope scope(loc);
  const Tensor covered = logical_and(q.low <= p.low, p.high <= q.high);
  return where(covered, log((q.high - q.low) / (p.high - p.low)),
               std::numeric_limits<double>::infinity());
}
Tensor kl_divergence(const Laplace& p, const Laplace& q, SourceLocation loc) {
  const LocScope scope(loc);
  const Tensor d = abs(p.loc - q.loc);
  return log(q.scale / p.scale) + d / q.scale + p.scale / q.scale * exp(-d / p.scale) - 1;
}
Tensor kl_divergence(const Exponential& p, const Exponential& q, SourceLocation loc) {
  const LocScope scope(loc);
  return log(p.rate / q.rate) + q.rate / p.rate - 1;
}
Tensor kl_divergence(const Gamma& p, const Gamma& q, SourceLocation loc) {
  const LocScope scope(loc);
  const Tensor &a = p.concentration, &b = q.concentration;
  return (a - b) * digamma(a) - lgamma(a) + lgamma(b) + b * log(p.rate / q.rate) +
         a * (q.rate / p.rate - 1);
}
Tensor kl_divergence(const Beta& p, const Beta& q, SourceLocation loc) {
  const LocScope scope(loc);
  return of_dirichlets(pair_of(p), pair_of(q));
}
Tensor kl_divergence(const Dirichlet& p, const Dirichlet& q, SourceLocation loc) {
  const LocScope scope(loc);
  return of_dirichlets(p.concentration, q.concentration);
}
Tensor kl_divergence(const Bernoulli& p, const Bernoulli& q, SourceLocation loc) {
  const LocScope scope(loc);
  return of_odds(p.probs, p.logits, q.logits);
}
Tensor kl_divergence(const Geometric& p, const Geometric& q, SourceLocation loc) {
  const LocScope scope(loc);
  return of_odds(p.probs, p.logits, q.logits) / p.probs;
}
Tensor kl_divergence(const Binomial& p, const Binomial& q, SourceLocation loc) {
  const LocScope scope(loc);
  LILITH_CHECK(p.total_count == q.total_count,
               "kl_divergence: binomials of {} and {} draws; need as many", p.total_count,
               q.total_count);
  return of_odds(p.probs, p.logits, q.logits) * p.total_count;
}
Tensor kl_divergence(const Categorical& p, const Categorical& q, SourceLocation loc) {
  const LocScope scope(loc);
  return sum(times_log(p.probs, p.logits - q.logits), -1);
}
Tensor kl_divergence(const Poisson& p, const Poisson& q, SourceLocation loc) {
  const LocScope scope(loc);
  return p.rate * log(p.rate / q.rate) - (p.rate - q.rate);
}

Tensor kl_divergence(const HalfNormal& p, const HalfNormal& q, SourceLocation loc) {
  const LocScope scope(loc);
  return log(q.scale / p.scale) + square(p.scale / q.scale) / 2 - 0.5;
}
Tensor kl_divergence(const Gumbel& p, const Gumbel& q, SourceLocation loc) {
  const LocScope scope(loc);
  const Tensor ratio = p.scale / q.scale, shift = (p.loc - q.loc) / q.scale;
  return log(q.scale / p.scale) + std::numbers::egamma * (ratio - 1) + shift +
         exp(lgamma(ratio + 1) - shift) - 1;
}
Tensor kl_divergence(const OneHotCategorical& p, const OneHotCategorical& q, SourceLocation loc) {
  const LocScope scope(loc);
  return sum(times_log(p.probs, p.logits - q.logits), -1);
}

}  // namespace lilith::distributions
