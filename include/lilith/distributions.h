#pragma once
#include <optional>

#include "lilith/ops/random.h"
#include "lilith/shape.h"
#include "lilith/tensor.h"

// torch.distributions: distributions of batches of parameters, which broadcast. A value has the
// shape sample_shape + batch_shape + event_shape. Draws follow manual_seed and a GeneratorScope as
// other draws do; everything but sample is differentiable where the mathematics is.
// Ref: https://pytorch.org/docs/stable/distributions.html
namespace lilith::distributions {

class Distribution {
 public:
  virtual ~Distribution();

  /// Draws without a gradient.
  Tensor sample(const Shape& sample_shape = {},
                SourceLocation loc = SourceLocation::current()) const;
  /// Draws that the gradient flows through to the parameters: by the inverse of the distribution
  /// function or a location and a scale, of Gamma and what is made of it implicitly (Figurnov et
  /// al., arXiv:1805.08498). Error: the values are discrete.
  Tensor rsample(const Shape& sample_shape = {},
                 SourceLocation loc = SourceLocation::current()) const;
  /// The logarithm of the density, or of the probability, of values: [..., batch_shape]. Outside of
  /// the support it is -inf, or what the formula gives.
  Tensor log_prob(const Arg& value) const;
  /// The distribution function. Error: of these there is none in closed form.
  Tensor cdf(const Arg& value) const;
  /// In nats. Error: there is none in closed form, as of Poisson's.
  Tensor entropy(SourceLocation loc = SourceLocation::current()) const;
  /// Of [batch_shape, event_shape]. Error: classes have none (Categorical).
  Tensor mean(SourceLocation loc = SourceLocation::current()) const;
  Tensor variance(SourceLocation loc = SourceLocation::current()) const;
  Tensor stddev(SourceLocation loc = SourceLocation::current()) const;

  const Shape& batch_shape() const { return batch_shape_; }
  const Shape& event_shape() const { return event_shape_; }
  const char* name() const { return name_; }
  bool has_rsample() const { return has_rsample_; }

 protected:
  Distribution(const char* name, Shape batch_shape, Shape event_shape = {}, bool has_rsample = true)
      : name_(name),
        batch_shape_(std::move(batch_shape)),
        event_shape_(std::move(event_shape)),
        has_rsample_(has_rsample) {}
  Distribution(const Distribution&) = default;
  Distribution& operator=(const Distribution&) = default;

  /// sample_shape + batch_shape + event_shape.
  Shape extended(const Shape& sample_shape) const;
  virtual Tensor draw(const Shape& sample_shape) const = 0;
  virtual Tensor log_density(const Tensor& value) const = 0;
  virtual Tensor distribution_function(const Tensor& value) const;
  virtual Tensor entropy_of() const;
  virtual Tensor mean_of() const = 0;
  virtual Tensor variance_of() const = 0;
  [[noreturn]] void has_no(const char* what) const;

 private:
  const char* name_;
  Shape batch_shape_, event_shape_;
  bool has_rsample_;
};

#include "lilith/detail/density.inc"

namespace detail {
/// Two parameters of one shape and floating dtype.
struct Pair {
  Pair(const char* what, const char* positive, const Arg& a, const Arg& b);
  Tensor a, b;
};
}  // namespace detail

/// Of mean loc and standard deviation scale. Errors of all constructors: parameters that do not
/// broadcast or are not floating, numbers among them outside of their range.
class Normal : public Distribution {
 public:
  Normal(const Arg& loc, const Arg& scale);
  Tensor loc, scale;
  /// The value below which that part of the values lies.
  Tensor icdf(const Arg& probability) const;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
  LILITH_CDF();

 private:
  explicit Normal(const detail::Pair& p);
};
/// exp of a Normal.
class LogNormal : public Distribution {
 public:
  LogNormal(const Arg& loc, const Arg& scale);
  Tensor loc, scale;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
  LILITH_CDF();

 private:
  explicit LogNormal(const detail::Pair& p);
};
/// Uniform in [low, high).
class Uniform : public Distribution {
 public:
  Uniform(const Arg& low, const Arg& high);
  Tensor low, high;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
  LILITH_CDF();

 private:
  explicit Uniform(const detail::Pair& p);
};
/// Of density e^(-|x - loc| / scale) / (2 scale).
class Laplace : public Distribution {
 public:
  Laplace(const Arg& loc, const Arg& scale);
  Tensor loc, scale;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
  LILITH_CDF();

 private:
  explicit Laplace(const detail::Pair& p);
};
/// Has neither mean nor variance: they are NaN.
class Cauchy : public Distribution {
 public:
  Cauchy(const Arg& loc, const Arg& scale);
  Tensor loc, scale;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
  LILITH_CDF();

 private:
  explicit Cauchy(const detail::Pair& p);
};
/// The magnitude of a Normal around 0.
class HalfNormal : public Distribution {
 public:
  explicit HalfNormal(const Arg& scale);
  Tensor scale;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
  LILITH_CDF();
};
/// loc - scale log(E) of an Exponential E of rate 1.
class Gumbel : public Distribution {
 public:
  Gumbel(const Arg& loc, const Arg& scale);
  Tensor loc, scale;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
  LILITH_CDF();

 private:
  explicit Gumbel(const detail::Pair& p);
};
/// Of density rate e^(-rate x), from 0 on.
class Exponential : public Distribution {
 public:
  explicit Exponential(const Arg& rate);
  Tensor rate;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
  LILITH_CDF();
};
/// concentration and rate (the inverse of the scale). Draws: Marsaglia and Tsang (2000).
class Gamma : public Distribution {
 public:
  Gamma(const Arg& concentration, const Arg& rate);
  Tensor concentration, rate;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();

 private:
  explicit Gamma(const detail::Pair& p);
};
/// concentration1 is the power of x, concentration0 that of 1 - x.
class Beta : public Distribution {
 public:
  Beta(const Arg& concentration1, const Arg& concentration0);
  Tensor concentration1, concentration0;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();

 private:
  explicit Beta(const detail::Pair& p);
};
/// concentration [..., k]: an event is a vector of k parts that add up to 1.
class Dirichlet : public Distribution {
 public:
  explicit Dirichlet(const Arg& concentration);
  Tensor concentration;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
};
/// Of sums of df squares of normal numbers: Gamma(df / 2, 1 / 2).
class Chi2 : public Gamma {
 public:
  explicit Chi2(const Arg& df);
  Tensor df() const;
};
/// loc + scale times a normal number over the root of Chi2(df) / df.
class StudentT : public Distribution {
 public:
  explicit StudentT(const Arg& df, const Arg& loc = 0.0, const Arg& scale = 1.0);
  Tensor df, loc, scale;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();

 private:
  StudentT(const detail::Pair& df_and_scale, const Tensor& loc);
};

/// Probabilities, or their logarithms up to a constant (of two outcomes: log p / (1 - p)).
struct ProbsOrLogits {
  lilith::detail::Named named = {};
  Tensor probs = {}, logits = {};
};
/// 1 with probability `probs`, else 0.
class Bernoulli : public Distribution {
 public:
  explicit Bernoulli(const Arg& probs);
  explicit Bernoulli(const ProbsOrLogits& options, SourceLocation loc = SourceLocation::current());
  Tensor probs, logits;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
};
/// How often a Bernoulli is 0 before it is 1.
class Geometric : public Distribution {
 public:
  explicit Geometric(const Arg& probs);
  explicit Geometric(const ProbsOrLogits& options, SourceLocation loc = SourceLocation::current());
  Tensor probs, logits;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
};
/// How often a Bernoulli is 1 in total_count draws.
class Binomial : public Distribution {
 public:
  Binomial(Int total_count, const Arg& probs);
  Binomial(Int total_count, const ProbsOrLogits& options,
           SourceLocation loc = SourceLocation::current());
  std::int64_t total_count;
  Tensor probs, logits;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
};
/// probs or logits [..., n] -> i64 classes in [0, n). probs need not add up to 1.
class Categorical : public Distribution {
 public:
  explicit Categorical(const Arg& probs);
  explicit Categorical(const ProbsOrLogits& options,
                       SourceLocation loc = SourceLocation::current());
  Tensor probs, logits;  // normalised

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();
};
/// One-hot vectors of a Categorical's classes.
class OneHotCategorical : public Distribution {
 public:
  explicit OneHotCategorical(const Arg& probs);
  explicit OneHotCategorical(const ProbsOrLogits& options,
                             SourceLocation loc = SourceLocation::current());
  Tensor probs, logits;  // normalised

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();

 private:
  explicit OneHotCategorical(const Categorical& c);
};
/// Counts of mean rate. It has no entropy.
class Poisson : public Distribution {
 public:
  explicit Poisson(const Arg& rate);
  Tensor rate;

 protected:
  LILITH_DENSITY();
};

struct MultivariateNormalOptions {
  lilith::detail::Named named = {};
  Tensor covariance_matrix = {}, precision_matrix = {}, scale_tril = {};  // one of them
};
/// loc [..., k] and a matrix [..., k, k]: the covariance, its inverse, or the lower triangular L
/// with L L^T the covariance. Error where a matrix is not positive-definite, when it runs.
class MultivariateNormal : public Distribution {
 public:
  MultivariateNormal(const Arg& loc, const Tensor& covariance_matrix);
  MultivariateNormal(const Arg& loc, const MultivariateNormalOptions& options);
  Tensor loc, scale_tril;
  Tensor covariance_matrix() const;

 protected:
  LILITH_DENSITY();
  LILITH_ENTROPY();

 private:
  struct Parts {
    Tensor loc, scale_tril;
  };
  explicit MultivariateNormal(const Parts& p);
  static Parts parts(const Arg& loc, const MultivariateNormalOptions& options);
};

#undef LILITH_DENSITY
#undef LILITH_ENTROPY
#undef LILITH_CDF

namespace detail {
/// Over so many of the last dimensions.
Tensor sum_of_last(const Tensor& x, std::int64_t dims);
/// So many dimensions. Error: there are fewer.
Shape first_of(const Shape& shape, std::int64_t count, SourceLocation loc);
/// The event's dimensions behind so many of the batch's.
Shape last_of(const Distribution& base, std::int64_t count);
}  // namespace detail

/// A distribution whose last batch dimensions are part of the event: its densities multiply.
/// Error: more dimensions than the base has. Ref: torch.distributions.Independent
template <class D>
class Independent : public Distribution {
 public:
  Independent(const D& distribution, Int reinterpreted_batch_ndims,
              SourceLocation loc = SourceLocation::current())
      : Distribution("Independent",
                     detail::first_of(distribution.batch_shape(),
                                      static_cast<std::int64_t>(distribution.batch_shape().size()) -
                                          reinterpreted_batch_ndims,
                                      loc),
                     detail::last_of(distribution, reinterpreted_batch_ndims),
                     distribution.has_rsample()),
        base(distribution),
        dims_(reinterpreted_batch_ndims) {}
  D base;

 protected:
  Tensor draw(const Shape& shape) const override {
    return base.has_rsample() ? base.rsample(shape) : base.sample(shape);
  }
  Tensor log_density(const Tensor& x) const override {
    return detail::sum_of_last(base.log_prob(x), dims_);
  }
  Tensor entropy_of() const override { return detail::sum_of_last(base.entropy(), dims_); }
  Tensor mean_of() const override { return base.mean(); }
  Tensor variance_of() const override { return base.variance(); }

 private:
  std::int64_t dims_;
};

/// The expectation of log p - log q under p, of two of one family, in closed form: [batch_shape].
/// Ref: torch.distributions.kl_divergence
Tensor kl_divergence(const Normal& p, const Normal& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const LogNormal& p, const LogNormal& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Uniform& p, const Uniform& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Laplace& p, const Laplace& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Exponential& p, const Exponential& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Gamma& p, const Gamma& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Beta& p, const Beta& q, SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Dirichlet& p, const Dirichlet& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Bernoulli& p, const Bernoulli& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Geometric& p, const Geometric& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Binomial& p, const Binomial& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Categorical& p, const Categorical& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Poisson& p, const Poisson& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const HalfNormal& p, const HalfNormal& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const Gumbel& p, const Gumbel& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const OneHotCategorical& p, const OneHotCategorical& q,
                     SourceLocation loc = SourceLocation::current());
Tensor kl_divergence(const MultivariateNormal& p, const MultivariateNormal& q,
                     SourceLocation loc = SourceLocation::current());
template <class D>
Tensor kl_divergence(const Independent<D>& p, const Independent<D>& q,
                     SourceLocation loc = SourceLocation::current()) {
  return detail::sum_of_last(kl_divergence(p.base, q.base, loc),
                             static_cast<std::int64_t>(p.base.batch_shape().size()) -
                                 static_cast<std::int64_t>(p.batch_shape().size()));
}

}  // namespace lilith::distributions
