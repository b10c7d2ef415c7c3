#include "distributions/parameters.h"
#include "lilith/more_distributions.h"
#include "lilith/ops/random.h"
#include "lilith/ops/sampling.h"

// Counts of several outcomes, and draws of outcomes that a gradient flows through.
namespace lilith::distributions {
namespace {

Tensor positive(const char* name, const char* parameter, const Arg& x) {
  const LocScope scope(x.loc(), name);
  return positive_parameter(name, parameter, x);
}
Shape together(const Tensor& a, const Tensor& b) { return broadcast_shapes(a.shape(), b.shape()); }

}  // namespace

namespace {
Int checked_count(Int count, Loc loc) {
  const LocScope scope(loc, nullptr);
  LILITH_CHECK(count >= 0, "Multinomial: total_count is {}; need total_count >= 0", count);
  return count;
}
}  // namespace

Multinomial::Multinomial(Int count, const Arg& p)
    : Multinomial(checked_count(count, p.loc()), Categorical(p)) {}
Multinomial::Multinomial(Int count, const ProbsOrLogits& o, SourceLocation loc)
    : Multinomial(checked_count(count, loc), Categorical(o, loc)) {}
Multinomial::Multinomial(Int count, const Categorical& c)
    : Distribution("Multinomial", c.batch_shape(), {c.probs.size(-1)}, false),
      total_count(count),
      probs(c.probs),
      logits(c.logits) {}
Tensor Multinomial::draw(const Shape& shape) const {
  if (total_count == 0) return probs.new_zeros(extended(shape));
  Shape each{total_count};
  for (const std::int64_t n : shape) each.push_back(n);
  const Tensor classes = Categorical({.probs = probs}).sample(each);
  return sum(one_hot(classes, probs.size(-1)), 0).to(probs.dtype());
}
Tensor Multinomial::log_density(const Tensor& x) const {
  return lgamma(sum(x, -1) + 1) - sum(lgamma(x + 1), -1) + sum(times_log(x, logits), -1);
}
Tensor Multinomial::mean_of() const { return probs * static_cast<double>(total_count); }
Tensor Multinomial::variance_of() const {
  return probs * (1 - probs) * static_cast<double>(total_count);
}

NegativeBinomial::NegativeBinomial(const Arg& count, const Arg& p)
    : NegativeBinomial(count, Bernoulli(p)) {}
NegativeBinomial::NegativeBinomial(const Arg& count, const ProbsOrLogits& o, SourceLocation loc)
    : NegativeBinomial(count, Bernoulli(o, loc)) {}
NegativeBinomial::NegativeBinomial(const Arg& count, const Bernoulli& b)
    : Distribution("NegativeBinomial", together(count.tensor(), b.probs), {}, false),
      total_count(positive("NegativeBinomial", "total_count", count).to(b.probs.dtype())),
      probs(b.probs),
      logits(b.logits) {}
Tensor NegativeBinomial::draw(const Shape& shape) const {
  return poisson(standard_gamma(expand(total_count, extended(shape))) * exp(logits));
}
Tensor NegativeBinomial::log_density(const Tensor& x) const {
  return total_count * logsigmoid(-logits) + times_log(x, logsigmoid(logits)) +
         lgamma(total_count + x) - lgamma(1 + x) - lgamma(total_count);
}
Tensor NegativeBinomial::mean_of() const { return total_count * exp(logits); }
Tensor NegativeBinomial::variance_of() const { return mean_of() / sigmoid(-logits); }

using OneHotST = OneHotCategoricalStraightThrough;
OneHotST::OneHotCategoricalStraightThrough(const Arg& p)
    : OneHotCategoricalStraightThrough(OneHotCategorical(p)) {}
OneHotST::OneHotCategoricalStraightThrough(const ProbsOrLogits& o, SourceLocation loc)
    : OneHotCategoricalStraightThrough(OneHotCategorical(o, loc)) {}
OneHotST::OneHotCategoricalStraightThrough(const OneHotCategorical& b)
    : Distribution("OneHotCategoricalStraightThrough", b.batch_shape(), b.event_shape()),
      probs(b.probs),
      logits(b.logits) {}
Tensor OneHotST::draw(const Shape& shape) const {
  const Tensor hard = OneHotCategorical({.probs = probs.detach()}).sample(shape);
  return hard + (probs - probs.detach());
}
Tensor OneHotST::log_density(const Tensor& x) const { return sum(times_log(x, logits), -1); }
Tensor OneHotST::entropy_of() const { return -sum(times_log(probs, logits), -1); }
Tensor OneHotST::mean_of() const { return probs; }
Tensor OneHotST::variance_of() const { return probs * (1 - probs); }

RelaxedBernoulli::RelaxedBernoulli(const Arg& t, const Arg& p)
    : RelaxedBernoulli(t, Bernoulli(p)) {}
RelaxedBernoulli::RelaxedBernoulli(const Arg& t, const ProbsOrLogits& o, SourceLocation loc)
    : RelaxedBernoulli(t, Bernoulli(o, loc)) {}
RelaxedBernoulli::RelaxedBernoulli(const Arg& t, const Bernoulli& b)
    : Distribution("RelaxedBernoulli", together(t.tensor(), b.probs)),
      temperature(positive("RelaxedBernoulli", "temperature", t).to(b.probs.dtype())),
      probs(b.probs),
      logits(b.logits) {}
Tensor RelaxedBernoulli::draw(const Shape& shape) const {
  const Tensor u = uniform_like(extended(shape), probs);
  return sigmoid((log(u) - log1p(-u) + logits) / temperature).to(probs.dtype());
}
Tensor RelaxedBernoulli::log_density(const Tensor& x) const {
  const Tensor odds = log(x) - log1p(-x), difference = logits - odds * temperature;
  return log(temperature) + difference - 2 * softplus(difference) - log(x) - log1p(-x);
}
Tensor RelaxedBernoulli::mean_of() const { has_no("mean"); }
Tensor RelaxedBernoulli::variance_of() const { has_no("variance"); }

RelaxedOneHotCategorical::RelaxedOneHotCategorical(const Arg& t, const Arg& p)
    : RelaxedOneHotCategorical(t, OneHotCategorical(p)) {}
RelaxedOneHotCategorical::RelaxedOneHotCategorical(const Arg& t, const ProbsOrLogits& o,
                                                   SourceLocation loc)
    : RelaxedOneHotCategorical(t, OneHotCategorical(o, loc)) {}
RelaxedOneHotCategorical::RelaxedOneHotCategorical(const Arg& t, const OneHotCategorical& c)
    : Distribution("RelaxedOneHotCategorical", c.batch_shape(), c.event_shape()),
      temperature(positive("RelaxedOneHotCategorical", "temperature", t).to(c.probs.dtype())),
      probs(c.probs),
      logits(c.logits) {}
Tensor RelaxedOneHotCategorical::draw(const Shape& shape) const {
  const Tensor noise = -log(-log(uniform_like(extended(shape), logits)));
  return softmax((logits + noise) / temperature, -1).to(logits.dtype());
}
Tensor RelaxedOneHotCategorical::log_density(const Tensor& x) const {
  const auto n = static_cast<double>(logits.size(-1));
  const Tensor score = logits - log(x) * temperature;
  return sum(score - logsumexp(score, -1, true), -1) + std::lgamma(n) + (n - 1) * log(temperature) -
         sum(log(x), -1);
}
Tensor RelaxedOneHotCategorical::mean_of() const { has_no("mean"); }
Tensor RelaxedOneHotCategorical::variance_of() const { has_no("variance"); }

}  // namespace lilith::distributions
