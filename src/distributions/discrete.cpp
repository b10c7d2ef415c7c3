#include <limits>

#include "distributions/parameters.h"
#include "lilith/ops/sampling.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Distributions of whole numbers. Two outcomes are told by logits, which keep small probabilities.
namespace lilith::distributions {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// Probabilities of an outcome and its logits, one from the other.
struct Odds {
  Tensor probs, logits;
};

Shape shape_of(const char* name, const ProbsOrLogits& o, SourceLocation loc) {
  const LocScope scope(loc, name);
  return one_of(name, o).shape();
}

Odds odds_of_probs(const char* name, const Arg& probs) {
  const LocScope scope(probs.loc(), name);
  if (const auto number = ops::constant_value(probs))
    LILITH_CHECK(*number >= 0 && *number <= 1, "{}: probs is {}; need 0 <= probs <= 1", name,
                 *number);
  const Tensor p = floating_parameter(name, "probs", probs);
  // At 0 and 1 without a gradient, which would be NaN.
  const Tensor inner = where(logical_or(p == 0, p == 1), 0.5, p);
  const Tensor logits = log(inner) - log1p(-inner);
  return {p, where(p == 0, -kInf, where(p == 1, kInf, logits))};
}
Odds odds_of(const char* name, const ProbsOrLogits& o, SourceLocation loc) {
  const LocScope scope(loc, name);
  one_of(name, o);
  if (o.probs.defined()) return odds_of_probs(name, o.probs);
  const Tensor l = floating_parameter(name, "logits", o.logits);
  return {sigmoid(l), l};
}

// log p and log (1 - p).
Tensor log_of_one(const Tensor& logits) { return logsigmoid(logits); }
Tensor log_of_zero(const Tensor& logits) { return logsigmoid(-logits); }

Tensor entropy_of_odds(const Tensor& probs, const Tensor& logits) {
  return -(times_log(probs, log_of_one(logits)) + times_log(1 - probs, log_of_zero(logits)));
}

}  // namespace

Bernoulli::Bernoulli(const Arg& p) : Distribution("Bernoulli", p.tensor().shape(), {}, false) {
  const Odds o = odds_of_probs("Bernoulli", p);
  probs = o.probs, logits = o.logits;
}
Bernoulli::Bernoulli(const ProbsOrLogits& o, SourceLocation loc)
    : Distribution("Bernoulli", shape_of("Bernoulli", o, loc), {}, false) {
  const Odds odds = odds_of("Bernoulli", o, loc);
  probs = odds.probs, logits = odds.logits;
}
Tensor Bernoulli::draw(const Shape& shape) const {
  return bernoulli(expand(probs, extended(shape)));
}
Tensor Bernoulli::log_density(const Tensor& x) const {
  return times_log(x, log_of_one(logits)) + times_log(1 - x, log_of_zero(logits));
}
Tensor Bernoulli::entropy_of() const { return entropy_of_odds(probs, logits); }
Tensor Bernoulli::mean_of() const { return probs; }
Tensor Bernoulli::variance_of() const { return probs * (1 - probs); }

Geometric::Geometric(const Arg& p) : Distribution("Geometric", p.tensor().shape(), {}, false) {
  const Odds o = odds_of_probs("Geometric", p);
  probs = o.probs, logits = o.logits;
}
Geometric::Geometric(const ProbsOrLogits& o, SourceLocation loc)
    : Distribution("Geometric", shape_of("Geometric", o, loc), {}, false) {
  const Odds odds = odds_of("Geometric", o, loc);
  probs = odds.probs, logits = odds.logits;
}
Tensor Geometric::draw(const Shape& shape) const {
  return floor(log(uniform_like(extended(shape), probs)) / log1p(-probs)).to(probs.dtype());
}
Tensor Geometric::log_density(const Tensor& x) const {
  return times_log(x, log_of_zero(logits)) + log_of_one(logits);
}
Tensor Geometric::entropy_of() const { return entropy_of_odds(probs, logits) / probs; }
Tensor Geometric::mean_of() const { return 1 / probs - 1; }
Tensor Geometric::variance_of() const { return (1 / probs - 1) / probs; }

Binomial::Binomial(Int count, const Arg& p)
    : Distribution("Binomial", p.tensor().shape(), {}, false), total_count(count) {
  const LocScope scope(p.loc(), "Binomial");
  const Odds o = odds_of_probs("Binomial", p);
  LILITH_CHECK(count >= 0, "Binomial: total_count is {}; need total_count >= 0", count);
  probs = o.probs, logits = o.logits;
}
Binomial::Binomial(Int count, const ProbsOrLogits& o, SourceLocation loc)
    : Distribution("Binomial", shape_of("Binomial", o, loc), {}, false), total_count(count) {
  const LocScope scope(loc, "Binomial");
  const Odds odds = odds_of("Binomial", o, loc);
  LILITH_CHECK(count >= 0, "Binomial: total_count is {}; need total_count >= 0", count);
  probs = odds.probs, logits = odds.logits;
}
Tensor Binomial::draw(const Shape& shape) const {
  Shape each{total_count};
  for (const std::int64_t n : extended(shape)) each.push_back(n);
  return sum(bernoulli(expand(probs, each)), 0);
}
Tensor Binomial::log_density(const Tensor& x) const {
  const auto n = static_cast<double>(total_count);
  const Tensor ways = lgamma(full_like(x, n + 1)) - lgamma(x + 1) - lgamma(n + 1 - x);
  return ways + times_log(x, log_of_one(logits)) + times_log(n - x, log_of_zero(logits));
}
Tensor Binomial::entropy_of() const {
  Shape shape{total_count + 1};
  for (std::size_t d = 0; d < batch_shape().size(); ++d) shape.push_back(1);
  const Tensor number =
      reshape(arange(total_count + 1, {.dtype = probs.dtype(), .device = probs.device()}), shape);
  const Tensor log_p = log_density(number);
  return -sum(times_log(exp(log_p), log_p), 0);
}
Tensor Binomial::mean_of() const { return probs * total_count; }
Tensor Binomial::variance_of() const { return probs * (1 - probs) * total_count; }

namespace {

Shape rows_of(const Tensor& t) {
  LILITH_CHECK(
      t.ndim() >= 1 && t.size(-1) >= 1,
      "Categorical: parameters are {}; need at least 1 dimension, the classes, and 1 class",
      t.aval().str());
  return Shape(t.shape().begin(), t.shape().size() - 1);
}
Shape rows_of(const Arg& probs) {
  const LocScope scope(probs.loc(), "Categorical");
  return rows_of(probs.tensor());
}
Shape rows_of(const ProbsOrLogits& o, SourceLocation loc) {
  const LocScope scope(loc, "Categorical");
  return rows_of(one_of("Categorical", o));
}

Odds classes_of_probs(const Arg& probs) {
  const LocScope scope(probs.loc(), "Categorical");
  const Tensor given = floating_parameter("Categorical", "probs", probs);
  const Tensor p = given / sum(given, -1, true);
  // At 0 without a gradient, which would be NaN.
  return {p, where(p == 0, -kInf, log(where(p == 0, 1.0, p)))};
}
Odds classes_of(const ProbsOrLogits& o, SourceLocation loc) {
  const LocScope scope(loc, "Categorical");
  if (o.probs.defined()) return classes_of_probs(o.probs);
  const Tensor l = log_softmax(floating_parameter("Categorical", "logits", o.logits), -1);
  return {exp(l), l};
}

}  // namespace

Categorical::Categorical(const Arg& p) : Distribution("Categorical", rows_of(p), {}, false) {
  const Odds o = classes_of_probs(p);
  probs = o.probs, logits = o.logits;
}
Categorical::Categorical(const ProbsOrLogits& o, SourceLocation loc)
    : Distribution("Categorical", rows_of(o, loc), {}, false) {
  const Odds odds = classes_of(o, loc);
  probs = odds.probs, logits = odds.logits;
}
Tensor Categorical::draw(const Shape& shape) const {
  const std::int64_t classes = probs.size(-1), rows = probs.numel() / classes,
                     draws = shape.numel();
  const Tensor flat = multinomial(reshape(probs, {rows, classes}), draws, true);
  return reshape(transpose(flat, 0, 1), extended(shape));
}
Tensor Categorical::log_density(const Tensor& x) const {
  const Tensor like[] = {x, sum(logits, -1)};
  Shape shape = ops::broadcast_shapes("Categorical", like);
  const Tensor at = unsqueeze(expand(x, shape), -1);
  shape.push_back(logits.size(-1));
  return squeeze(gather(expand(logits, shape), -1, at.to(kInt64)), -1);
}
Tensor Categorical::entropy_of() const { return -sum(times_log(probs, logits), -1); }
Tensor Categorical::mean_of() const { has_no("mean: classes are not numbers"); }
Tensor Categorical::variance_of() const { has_no("variance: classes are not numbers"); }

OneHotCategorical::OneHotCategorical(const Arg& p) : OneHotCategorical(Categorical(p)) {}
OneHotCategorical::OneHotCategorical(const ProbsOrLogits& o, SourceLocation loc)
    : OneHotCategorical(Categorical(o, loc)) {}
OneHotCategorical::OneHotCategorical(const Categorical& c)
    : Distribution("OneHotCategorical", c.batch_shape(), {c.probs.size(-1)}, false),
      probs(c.probs),
      logits(c.logits) {}
Tensor OneHotCategorical::draw(const Shape& shape) const {
  return one_hot(Categorical({.probs = probs}).sample(shape), probs.size(-1)).to(probs.dtype());
}
Tensor OneHotCategorical::log_density(const Tensor& x) const {
  return sum(times_log(x, logits), -1);
}
Tensor OneHotCategorical::entropy_of() const { return -sum(times_log(probs, logits), -1); }
Tensor OneHotCategorical::mean_of() const { return probs; }
Tensor OneHotCategorical::variance_of() const { return probs * (1 - probs); }

Poisson::Poisson(const Arg& r)
    : Distribution("Poisson", r.tensor().shape(), {}, false), rate([&] {
        const LocScope scope(r.loc(), "Poisson");
        return positive_parameter("Poisson", "rate", r);
      }()) {}
Tensor Poisson::draw(const Shape& shape) const { return poisson(expand(rate, extended(shape))); }
Tensor Poisson::log_density(const Tensor& x) const {
  return times_log(x, log(rate)) - rate - lgamma(x + 1);
}
Tensor Poisson::mean_of() const { return rate; }
Tensor Poisson::variance_of() const { return rate; }

}  // namespace lilith::distributions
