#pragma once
#include "lilith/distributions.h"
#include "lilith/ops/index.h"
#include "lilith/ops/shape.h"

// The less common distributions of torch.distributions, and what is made of others. Errors of all
// constructors: parameters that do not broadcast or are not floating, numbers outside of their
// range.
namespace lilith::distributions {

#include "lilith/detail/density.inc"

/// The magnitude of a Cauchy around 0. Its mean is inf, as PyTorch has it, and so is its variance.
class HalfCauchy : public Distribution {
 public:
  explicit HalfCauchy(const Arg& scale);
  Tensor scale;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
  LILITH_CDF();
};
/// Of 1 / x for x of Gamma(concentration, rate). Moments that are not there are inf.
class InverseGamma : public Distribution {
 public:
  InverseGamma(const Arg& concentration, const Arg& rate);
  Tensor concentration, rate;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();

 private:
  explicit InverseGamma(const detail::Pair& p);
};
/// Of density a b x^(a - 1) (1 - x^a)^(b - 1) in (0, 1); a is concentration1. It has no entropy
/// here.
class Kumaraswamy : public Distribution {
 public:
  Kumaraswamy(const Arg& concentration1, const Arg& concentration0);
  Tensor concentration1, concentration0;

 protected:
  LILITH_DENSITY();
  LILITH_CDF();

 private:
  explicit Kumaraswamy(const detail::Pair& p);
};
/// Of density alpha scale^alpha / x^(alpha + 1), from scale on. Moments that are not there are inf.
class Pareto : public Distribution {
 public:
  Pareto(const Arg& scale, const Arg& alpha);
  Tensor scale, alpha;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
  LILITH_CDF();

 private:
  explicit Pareto(const detail::Pair& p);
};
/// scale times an Exponential's root of degree concentration.
class Weibull : public Distribution {
 public:
  Weibull(const Arg& scale, const Arg& concentration);
  Tensor scale, concentration;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
  LILITH_CDF();

 private:
  explicit Weibull(const detail::Pair& p);
};
/// Of the quotient of Chi2(df1) / df1 and Chi2(df2) / df2: Fisher's and Snedecor's F. It has no
/// entropy here. Moments that are not there are NaN, as PyTorch has them.
class FisherSnedecor : public Distribution {
 public:
  FisherSnedecor(const Arg& df1, const Arg& df2);
  Tensor df1, df2;

 protected:
  LILITH_DENSITY();

 private:
  explicit FisherSnedecor(const detail::Pair& p);
};
/// Angles in [-pi, pi) of density in proportion to e^(concentration cos(x - loc)). variance is the
/// circular one, 1 - I1 / I0. Draws are without a gradient, by Best and Fisher's rejection (1979).
/// It has no entropy here.
class VonMises : public Distribution {
 public:
  VonMises(const Arg& loc, const Arg& concentration);
  Tensor loc, concentration;

 protected:
  LILITH_DENSITY();

 private:
  explicit VonMises(const detail::Pair& p);
};

/// How often each class of a Categorical comes in total_count draws: [..., n].
class Multinomial : public Distribution {
 public:
  Multinomial(Int total_count, const Arg& probs);
  Multinomial(Int total_count, const ProbsOrLogits& options,
              SourceLocation loc = SourceLocation::current());
  std::int64_t total_count;
  Tensor probs, logits;  // normalised

 protected:
  LILITH_DENSITY();

 private:
  Multinomial(Int total_count, const Categorical& c);
};
/// How often a Bernoulli is 1 before it is 0 for the total_count-th time. total_count: any positive
/// number. It has no entropy.
class NegativeBinomial : public Distribution {
 public:
  NegativeBinomial(const Arg& total_count, const Arg& probs);
  NegativeBinomial(const Arg& total_count, const ProbsOrLogits& options,
                   SourceLocation loc = SourceLocation::current());
  Tensor total_count, probs, logits;

 protected:
  LILITH_DENSITY();

 private:
  NegativeBinomial(const Arg& total_count, const Bernoulli& b);
};
/// OneHotCategorical whose draws have the gradient of its probabilities (rsample). Bengio et al.,
/// arXiv:1308.3432.
class OneHotCategoricalStraightThrough : public Distribution {
 public:
  explicit OneHotCategoricalStraightThrough(const Arg& probs);
  explicit OneHotCategoricalStraightThrough(const ProbsOrLogits& options,
                                            SourceLocation loc = SourceLocation::current());
  Tensor probs, logits;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();

 private:
  explicit OneHotCategoricalStraightThrough(const OneHotCategorical& base);
};
/// Softened Bernoulli numbers in (0, 1): the nearer to 0 and 1 the lower the temperature. Maddison
/// et al., arXiv:1611.00712. It has no moments here.
class RelaxedBernoulli : public Distribution {
 public:
  RelaxedBernoulli(const Arg& temperature, const Arg& probs);
  RelaxedBernoulli(const Arg& temperature, const ProbsOrLogits& options,
                   SourceLocation loc = SourceLocation::current());
  Tensor temperature, probs, logits;

 protected:
  LILITH_DENSITY();

 private:
  RelaxedBernoulli(const Arg& temperature, const Bernoulli& b);
};
/// Softened one-hot vectors: gumbel_softmax. Jang et al., arXiv:1611.01144. It has no moments here.
class RelaxedOneHotCategorical : public Distribution {
 public:
  RelaxedOneHotCategorical(const Arg& temperature, const Arg& probs);
  RelaxedOneHotCategorical(const Arg& temperature, const ProbsOrLogits& options,
                           SourceLocation loc = SourceLocation::current());
  Tensor temperature, probs, logits;

 protected:
  LILITH_DENSITY();

 private:
  RelaxedOneHotCategorical(const Arg& temperature, const OneHotCategorical& c);
};

#undef LILITH_DENSITY
#undef LILITH_ENTROPY
#undef LILITH_CDF

namespace detail {
/// The batch shape of a mixture: the components' without the last. Error where that is not of
/// `classes` components, or the Categorical's does not broadcast to the rest.
Shape mixture_shape(const Shape& chooser, std::int64_t classes, const Shape& components,
                    SourceLocation loc);
}  // namespace detail

/// Of a component that a Categorical chooses: components of batch shape [..., K], of which each [K]
/// is one mixture; the Categorical's batch shape broadcasts to [...]. Draws are without a gradient.
/// Error: other batch shapes. Ref: torch.distributions.MixtureSameFamily
template <class D>
class MixtureSameFamily : public Distribution {
 public:
  MixtureSameFamily(const Categorical& mixture, const D& components,
                    SourceLocation loc = SourceLocation::current())
      : Distribution("MixtureSameFamily",
                     detail::mixture_shape(mixture.batch_shape(), mixture.probs.size(-1),
                                           components.batch_shape(), loc),
                     components.event_shape(), false),
        mixture(mixture),
        components(components) {}
  Categorical mixture;
  D components;

 protected:
  Tensor draw(const Shape& shape) const override {
    const Tensor all = components.sample(shape);
    // Each mixture of the batch chooses for itself.
    const Categorical each(ProbsOrLogits{.logits = expand(mixture.logits, components_shape())});
    Tensor chosen = unsqueeze(each.sample(shape), -1);
    for (std::size_t d = 0; d < event_shape().size(); ++d) chosen = unsqueeze(chosen, -1);
    Shape one = all.shape();
    const int at = axis();
    one[one.rank() + at] = 1;
    return squeeze(gather(all, at, expand(chosen, one)), at);
  }
  Tensor log_density(const Tensor& x) const override {
    return logsumexp(components.log_prob(unsqueeze(x, axis())) + mixture.logits, -1);
  }
  Tensor distribution_function(const Tensor& x) const override {
    return sum(components.cdf(unsqueeze(x, axis())) * mixture.probs, -1);
  }
  Tensor mean_of() const override { return sum(weights() * components.mean(), axis()); }
  Tensor variance_of() const override {
    const Tensor of_means = square(components.mean() - unsqueeze(mean_of(), axis()));
    return sum(weights() * (components.variance() + of_means), axis());
  }

 private:
  const Shape& components_shape() const { return components.batch_shape(); }
  int axis() const { return -1 - static_cast<int>(event_shape().size()); }
  Tensor weights() const {
    Tensor w = mixture.probs;
    for (std::size_t d = 0; d < event_shape().size(); ++d) w = unsqueeze(w, -1);
    return w;
  }
};

Tensor kl_divergence(const Cauchy& p, const Cauchy& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Pareto& p, const Pareto& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Uniform& p, const Normal& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Laplace& p, const Normal& q,
                     SourceLocation loc = SourceLocation::current());

}  // namespace lilith::distributions
