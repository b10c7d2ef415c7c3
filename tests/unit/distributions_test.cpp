#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "lilith/lilith.h"
#include "support/expect_error.h"

// Densities against integrals over a grid, draws against moments.
namespace lilith::distributions {
namespace {

double number(const Tensor& t) { return t.to(kFloat64).item<double>(); }
Tensor f64(double v) { return full({}, v, {.dtype = kFloat64}); }

struct Grid {
  Tensor x;
  double step;
};
// Midpoints of [from, to].
Grid grid(double from, double to, std::int64_t n = 400000) {
  const double step = (to - from) / static_cast<double>(n);
  return {(arange(n, {.dtype = kFloat64}) + 0.5) * step + from, step};
}
Grid whole(std::int64_t last) { return {arange(last + 1, {.dtype = kFloat64}), 1}; }

/// Of a distribution over numbers: its density adds up to 1 and has its moments and entropy.
void check(const Distribution& d, const Grid& g, double tolerance = 1e-5, bool has_entropy = true) {
  SCOPED_TRACE(d.name());
  const Tensor log_p = d.log_prob(g.x), p = exp(log_p) * g.step;
  const double mean = number(sum(p * g.x));
  EXPECT_NEAR(number(sum(p)), 1, tolerance);
  EXPECT_NEAR(mean, number(d.mean()), tolerance * std::fmax(1, std::abs(mean)));
  const double variance = number(sum(p * square(g.x - mean)));
  EXPECT_NEAR(variance, number(d.variance()), tolerance * std::fmax(1, variance));
  if (has_entropy) {
    EXPECT_NEAR(number(-sum(where(p > 0, p * log_p, 0.0))), number(d.entropy()), tolerance);
  }
  const Tensor draws = d.sample({20000});
  EXPECT_NEAR(number(lilith::mean(draws)), number(d.mean()),
              5 * std::sqrt(variance / 20000) + 1e-3);
}

/// The divergence of two against the sum over the grid.
template <class D>
void check_kl(const D& p, const D& q, const Grid& g, double tolerance = 1e-5) {
  const Tensor log_p = p.log_prob(g.x), log_q = q.log_prob(g.x);
  const Tensor terms = exp(log_p) * (log_p - log_q) * g.step;
  EXPECT_NEAR(number(sum(where(log_p > -700, terms, 0.0))), number(kl_divergence(p, q)), tolerance)
      << p.name();
}

TEST(Distributions, Continuous) {
  manual_seed(1);
  check(Normal(f64(0.5), 1.5), grid(-15, 15));
  check(LogNormal(f64(0.2), 0.4), grid(1e-6, 30));
  check(Uniform(f64(-1), 2.0), grid(-2, 3));
  check(Laplace(f64(1), 0.7), grid(-20, 22));
  check(Exponential(f64(1.5)), grid(0, 30));
  check(HalfNormal(f64(1.5)), grid(0, 15));
  check(Gumbel(f64(0.5), 1.2), grid(-8, 60));
  check(Chi2(f64(5)), grid(0, 120));
  const Grid far = grid(-2000, 2000, 4000000);
  EXPECT_NEAR(number(sum(exp(Cauchy(f64(0.5), 1.5).log_prob(far.x)) * far.step)), 1, 1e-3);
  check(Gamma(f64(2.5), 1.5), grid(0, 40));
  check(Gamma(f64(0.7), 2.0), grid(0, 30), 2e-3);
  check(Beta(f64(2), 3.5), grid(0, 1));
  check(StudentT(f64(8), 0.5, 2.0), grid(-400, 400, 4000000), 1e-4);
}

TEST(Distributions, Discrete) {
  manual_seed(2);
  check(Bernoulli(f64(0.3)), whole(1));
  check(Geometric(f64(0.3)), whole(200));
  check(Binomial(6, f64(0.3)), whole(6));
  check(Poisson(f64(3.5)), whole(60), 1e-5, false);
  const Categorical c(tensor({1.0, 3.0, 4.0}));
  EXPECT_NEAR(number(c.log_prob(1)), std::log(3.0 / 8), 1e-6);
  EXPECT_NEAR(number(c.entropy()),
              0.125 * std::log(8) + 0.375 * std::log(8.0 / 3) + 0.5 * std::log(2), 1e-6);
  const Tensor draws = c.sample({8000});
  EXPECT_EQ(draws.dtype(), kInt64);
  EXPECT_NEAR(number(lilith::mean((draws == 2).to(kFloat))), 0.5, 0.03);
  EXPECT_EQ(Categorical(rand({2, 3, 5})).sample({4}).shape(), (Shape{4, 2, 3}));
}

TEST(Distributions, Divergences) {
  check_kl(Normal(f64(0.5), 1.5), Normal(f64(0), 1.0), grid(-15, 15));
  check_kl(LogNormal(f64(0.5), 0.5), LogNormal(f64(0), 1.0), grid(1e-6, 80));
  check_kl(Uniform(f64(0), 1.0), Uniform(f64(-1), 2.0), grid(0, 1));
  check_kl(Laplace(f64(1), 0.7), Laplace(f64(0), 1.2), grid(-20, 22));
  check_kl(Exponential(f64(1.5)), Exponential(f64(0.5)), grid(0, 30));
  check_kl(HalfNormal(f64(1.5)), HalfNormal(f64(0.8)), grid(0, 15));
  check_kl(Gumbel(f64(0.5), 1.2), Gumbel(f64(0), 0.9), grid(-6, 60));
  check_kl(Gamma(f64(2.5), 1.5), Gamma(f64(1.5), 0.7), grid(0, 40));
  check_kl(Beta(f64(2), 3.5), Beta(f64(1.5), 2.0), grid(0, 1));
  check_kl(Bernoulli(f64(0.3)), Bernoulli(f64(0.6)), whole(1));
  check_kl(Geometric(f64(0.3)), Geometric(f64(0.6)), whole(200));
  check_kl(Binomial(6, f64(0.3)), Binomial(6, f64(0.6)), whole(6));
  check_kl(Poisson(f64(3.5)), Poisson(f64(2)), whole(60));
  const Categorical p(tensor({0.5, 0.5})), q(tensor({0.25, 0.75}));
  EXPECT_NEAR(number(kl_divergence(p, q)), 0.5 * std::log(2) + 0.5 * std::log(2.0 / 3), 1e-6);
}

// The mean of the draws' gradients is the gradient of the mean.
TEST(Distributions, GradientsOfDraws) {
  manual_seed(3);
  const auto slope = [](auto f, double at) {
    return number(std::get<1>(grad(f, full({20000}, at, {.dtype = kFloat64}))).sum());
  };
  EXPECT_NEAR(slope([](Tensor a) { return Gamma(a, 2.0).rsample().mean(); }, 3.0), 0.5, 0.02);
  EXPECT_NEAR(slope([](Tensor a) { return Gamma(a, 1.0).rsample().square().mean(); }, 0.5), 2.0,
              0.2);
  EXPECT_NEAR(slope([](Tensor a) { return Gamma(a, 1.0).rsample().mean(); }, 60.0), 1.0, 0.02);
  EXPECT_NEAR(slope([](Tensor a) { return Beta(a, 3.0).rsample().mean(); }, 2.0), 3.0 / 25, 0.01);
  EXPECT_NEAR(slope([](Tensor s) { return Normal(1.0, s).rsample().square().mean(); }, 1.5), 3.0,
              0.2);
  EXPECT_NEAR(slope([](Tensor r) { return Exponential(r).rsample().mean(); }, 2.0), -0.25, 0.02);
  const Tensor parts = Dirichlet(tensor({1.0, 2.0, 3.0})).rsample({5000});
  EXPECT_NEAR(number(lilith::mean(parts, 0)[2]), 0.5, 0.02);
  EXPECT_NEAR(number(lilith::sum(parts[7])), 1, 1e-5);
}

TEST(Distributions, DirichletAndFriends) {
  const Dirichlet d(tensor({2.0, 3.5}));
  const Beta b(f64(2), 3.5);
  const Tensor x = tensor({0.3, 0.7});
  EXPECT_NEAR(number(d.log_prob(x)), number(b.log_prob(0.3)), 1e-5);
  EXPECT_NEAR(number(d.entropy()), number(b.entropy()), 1e-5);
  EXPECT_NEAR(number(kl_divergence(d, Dirichlet(tensor({1.5, 2.0})))),
              number(kl_divergence(b, Beta(f64(1.5), 2.0))), 1e-5);
  EXPECT_NEAR(number(Normal(f64(1), 2.0).cdf(2)), 0.691462461, 1e-8);
  EXPECT_NEAR(number(Normal(f64(1), 2.0).icdf(0.691462461)), 2, 1e-6);
}

TEST(Distributions, PartsOfEvents) {
  const Normal each(zeros({2, 3}), 2.0);
  const Independent<Normal> rows(each, 1);
  EXPECT_EQ(rows.batch_shape(), (Shape{2}));
  EXPECT_EQ(rows.event_shape(), (Shape{3}));
  EXPECT_EQ(rows.rsample({4}).shape(), (Shape{4, 2, 3}));
  const Tensor x = ones({2, 3});
  EXPECT_TRUE(allclose(rows.log_prob(x), each.log_prob(x).sum(1)));
  EXPECT_TRUE(allclose(kl_divergence(rows, Independent<Normal>(Normal(x, 1.0), 1)),
                       kl_divergence(each, Normal(x, 1.0)).sum(1)));
  const OneHotCategorical c(tensor({1.0, 3.0}));
  EXPECT_EQ(c.sample({5}).sum(-1).to_vector<float>(), std::vector<float>(5, 1));
  EXPECT_NEAR(number(c.log_prob(tensor({0.f, 1.f}))), std::log(0.75), 1e-6);
}

TEST(Distributions, Vectors) {
  manual_seed(4);
  const Tensor loc = tensor({1.0, -1.0}, {.dtype = kFloat64}),
               covariance = tensor({{2.0, 0.5}, {0.5, 1.0}}, {.dtype = kFloat64}),
               x = tensor({0.5, 0.25}, {.dtype = kFloat64});
  const MultivariateNormal d(loc, covariance);
  // d^T inverse(covariance) d with d = (-0.5, 1.25), the determinant 1.75.
  const double quadratic = (1 * 0.25 - 2 * 0.5 * -0.625 + 2 * 1.5625) / 1.75;
  EXPECT_NEAR(number(d.log_prob(x)),
              -quadratic / 2 - std::log(2 * std::numbers::pi) - std::log(1.75) / 2, 1e-9);
  EXPECT_NEAR(number(d.entropy()), 1 + std::log(2 * std::numbers::pi) + std::log(1.75) / 2, 1e-9);
  const MultivariateNormal same(loc, {.scale_tril = d.scale_tril}),
      by_precision(loc, {.precision_matrix =
                             tensor({{1.0, -0.5}, {-0.5, 2.0}}, {.dtype = kFloat64}) / 1.75});
  EXPECT_NEAR(number(same.log_prob(x)), number(d.log_prob(x)), 1e-9);
  EXPECT_NEAR(number(by_precision.log_prob(x)), number(d.log_prob(x)), 1e-9);
  EXPECT_NEAR(number(kl_divergence(d, by_precision)), 0, 1e-9);
  const MultivariateNormal apart(zeros({2}, {.dtype = kFloat64}), eye(2).to(kFloat64));
  const Normal rows(tensor({1.0, -1.0}, {.dtype = kFloat64}), 1.0);
  EXPECT_NEAR(number(kl_divergence(MultivariateNormal(loc, eye(2).to(kFloat64)), apart)),
              number(kl_divergence(rows, Normal(f64(0), 1.0)).sum()), 1e-9);
  const Tensor draws = d.rsample({20000});
  EXPECT_TRUE(allclose(cov(draws.t()), covariance, 0.1, 0.05));
  EXPECT_EQ(MultivariateNormal(zeros({3, 1, 2}), eye(2)).log_prob(zeros({5, 3, 4, 2})).shape(),
            (Shape{5, 3, 4}));
  const auto [value, slope] =
      grad([&](Tensor c) { return MultivariateNormal(loc, c).log_prob(x); }, covariance);
  EXPECT_TRUE(isfinite(slope).all().item<bool>());
}

TEST(Distributions, CompiledPolicyStep) {
  const auto loss = [](Tensor logits) {
    const Categorical c({.logits = logits});
    const Tensor action = c.sample();
    return -(c.log_prob(action) * 2).sum();
  };
  const Tensor logits = randn({4, 3});
  const auto [l, g] = compile([&](Tensor x) { return grad(loss, x); })(logits);
  EXPECT_EQ(g.shape(), logits.shape());
  EXPECT_TRUE(std::isfinite(number(l)));
}

// Where a probability is 0 or 1 nothing is NaN, gradients included.
TEST(Distributions, CertainOutcomes) {
  const double inf = std::numeric_limits<double>::infinity();
  const auto finite = [](const Tensor& t) { return isfinite(t).all().item<bool>(); };
  const auto slope = [](auto f, const Tensor& at) { return std::get<1>(grad(f, at)); };
  const Tensor masked = tensor({0.5, -inf, 1.0}), other = tensor({0.0, -inf, 0.0}),
               no_second = tensor({0.25, 0.0, 0.75});
  const auto entropy = [](Tensor l) { return Categorical({.logits = l}).entropy(); };
  const auto divergence = [&](Tensor l) {
    return kl_divergence(Categorical({.logits = l}), Categorical({.logits = other}));
  };
  const auto by_probs = [](Tensor p) { return Categorical(p).entropy(); };
  const auto one_hot = [](Tensor l) {
    return OneHotCategorical({.logits = l}).log_prob(tensor({1.f, 0.f, 0.f}));
  };
  EXPECT_TRUE(finite(slope(entropy, masked)));
  EXPECT_TRUE(finite(slope(divergence, masked)));
  EXPECT_TRUE(finite(slope(by_probs, no_second)));
  EXPECT_TRUE(finite(slope(one_hot, masked)));
  const Tensor certain = tensor({0.0, 1.0, 0.5}), half = full({3}, 0.5);
  const auto all = [&](Tensor p) {
    return (Bernoulli(p).entropy() + Binomial(3, p).entropy() +
            kl_divergence(Bernoulli(p), Bernoulli(half)) +
            kl_divergence(Binomial(3, p), Binomial(3, half)))
        .sum();
  };
  EXPECT_TRUE(finite(all(certain)));
  EXPECT_TRUE(finite(slope(all, certain)));
  EXPECT_NEAR(number(Bernoulli(certain).entropy().sum()), std::numbers::ln2, 1e-6);
  EXPECT_EQ(number(Geometric(ones({})).entropy()), 0);
  EXPECT_NEAR(number(kl_divergence(Geometric(ones({})), Geometric(full({}, 0.5)))),
              std::numbers::ln2, 1e-6);
  EXPECT_EQ(number(Bernoulli(certain).log_prob(certain)[1]), 0);
  EXPECT_NEAR(number(Beta(f64(2), 1.0).log_prob(f64(1))), std::log(2), 1e-12);
}

// Parameters that are none draw NaN, in a loop that ends.
TEST(Distributions, ParametersThatAreNone) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const std::vector<bool> is_nan{true, true, true, false};
  const Tensor x = tensor({nan, -1.0, inf, 2.0});
  EXPECT_EQ(isnan(Gamma(x, 1.0).sample()).to_vector<bool>(), is_nan);
  EXPECT_EQ(isnan(poisson(x)).to_vector<bool>(), is_nan);
}

// Where the density falls off: no angle is drawn more often than it says, at any concentration.
TEST(Distributions, VonMisesDraws) {
  manual_seed(8);
  for (const double k : {1e-6, 0.3, 2.0, 50.0, 1e6}) {
    const VonMises d(f64(0.5), k);
    const Tensor turned = d.sample({40000}) - 0.5;
    const double resultant = 1 - number(d.variance()), n = 40000;
    EXPECT_TRUE((abs(turned + 0.5) <= std::numbers::pi).all().item<bool>());
    const Tensor c = cos(turned), s = sin(turned);
    EXPECT_NEAR(number(lilith::mean(c)), resultant, 5 * number(c.std()) / std::sqrt(n) + 1e-12)
        << k;
    EXPECT_NEAR(number(lilith::mean(s)), 0, 5 * number(s.std()) / std::sqrt(n)) << k;
    // The second moment too: E cos 2x = 1 - 2 (I1 / I0) / k.
    const double second = k < 1e-3 ? 0 : 1 - 2 * resultant / k;
    EXPECT_NEAR(number(lilith::mean(cos(2 * turned))), second,
                5 * number(cos(2 * turned).std()) / std::sqrt(n) + 1e-12)
        << k;
  }
  // Narrower than 1 - cos can tell: of standard deviation 1 / sqrt(k).
  const Tensor narrow = VonMises(f64(0), 1e16).sample({20000}) * 1e8;
  EXPECT_NEAR(number(lilith::mean(square(narrow))), 1, 0.06);
  EXPECT_EQ(isnan(VonMises(0.0, tensor({std::nan(""), -1.0, 2.0})).sample()).to_vector<bool>(),
            (std::vector<bool>{true, true, false}));
  EXPECT_EQ(
      compile([](const Tensor& k) { return VonMises(0.0, k).sample({3}); })(ones({2})).shape(),
      (Shape{3, 2}));
}

// PyTorch's formulas, of batches that broadcast and of events.
TEST(Distributions, MixturesOfBatches) {
  manual_seed(9);
  const Tensor weight = tensor({0.2, 0.3, 0.5}), mean = randn({2, 3}), scale = rand({2, 3}) + 0.5;
  const Tensor x = randn({4, 2});
  const auto by_hand = [](const Tensor& w, const Tensor& log_p) {
    return log(sum(w * exp(log_p), -1));
  };
  const auto same = [](const Tensor& a, const Tensor& b) { return allclose(a, b, 1e-4, 1e-5); };
  const Normal parts(mean, scale);
  const MixtureSameFamily one(Categorical(weight), parts);
  EXPECT_EQ(one.batch_shape(), (Shape{2}));
  const Tensor log_p = parts.log_prob(x.unsqueeze(-1));
  EXPECT_TRUE(same(one.log_prob(x), by_hand(weight, log_p)));
  EXPECT_TRUE(same(one.cdf(x), sum(parts.cdf(x.unsqueeze(-1)) * weight, -1)));
  EXPECT_TRUE(same(one.mean(), sum(weight * mean, -1)));
  const Tensor second = sum(weight * (square(mean) + square(scale)), -1);
  EXPECT_TRUE(same(one.variance(), second - square(one.mean())));
  const Tensor draws = one.sample({20000});
  EXPECT_EQ(draws.shape(), (Shape{20000, 2}));
  EXPECT_TRUE(allclose(lilith::mean(draws, 0), one.mean(), 0, 0.06));
  // Each mixture of the batch chooses for itself.
  const MixtureSameFamily apart(Categorical(tensor({0.5, 0.5})),
                                Normal(tensor({{-9.0, 9.0}, {-9.0, 9.0}}), 0.1));
  const Tensor signs = sign(apart.sample({4000}));
  EXPECT_NEAR(number(lilith::mean(signs.select(1, 0) * signs.select(1, 1))), 0, 0.1);
  // Of vectors: K components of event shape [2].
  const Tensor centres = randn({5, 3, 2});
  const Independent<Normal> vectors(Normal(centres, 1.0), 1);
  const MixtureSameFamily of_vectors(Categorical(rand({5, 3})), vectors);
  EXPECT_EQ(of_vectors.batch_shape(), (Shape{5}));
  EXPECT_EQ(of_vectors.event_shape(), (Shape{2}));
  EXPECT_EQ(of_vectors.sample({7}).shape(), (Shape{7, 5, 2}));
  EXPECT_EQ(of_vectors.log_prob(zeros({5, 2})).shape(), (Shape{5}));
  EXPECT_TRUE(same(of_vectors.mean(), sum(of_vectors.mixture.probs.unsqueeze(-1) * centres, 1)));
  EXPECT_EQ(of_vectors.variance().shape(), (Shape{5, 2}));
}

TEST(Distributions, MultinomialOfNoDraws) {
  const Multinomial none(0, rand({2, 3}));
  EXPECT_EQ(none.sample({4}).to_vector<float>(), std::vector<float>(24, 0));
  EXPECT_EQ(none.sample({4}).shape(), (Shape{4, 2, 3}));
  EXPECT_EQ(none.log_prob(zeros({2, 3})).to_vector<float>(), (std::vector<float>{0, 0}));
  EXPECT_EQ(none.mean().to_vector<float>(), std::vector<float>(6, 0));
}

TEST(Distributions, DrawsOfHalvesAreFinite) {
  manual_seed(5);
  for (const DType dtype : {kBFloat16, kFloat16}) {
    const Tensor at = full({8000}, 0.5, {.dtype = dtype});
    for (const Tensor& x :
         {Laplace(at, 1.0).sample(), Gumbel(at, 1.0).sample(), Cauchy(at, 1.0).sample(),
          Exponential(at).sample(), Geometric(at).sample()}) {
      EXPECT_EQ(x.dtype(), dtype);
      EXPECT_TRUE(isfinite(x).all().item<bool>());
    }
  }
}

TEST(Distributions, Errors) {
  EXPECT_ERROR_HERE(Normal(0, -1), "Normal: scale is -1; need scale > 0");
  EXPECT_ERROR_HERE(Bernoulli(0.5).rsample(),
                    "Bernoulli: has no rsample: its values are discrete; use sample and log_prob");
  EXPECT_ERROR_HERE(Poisson(2.0).entropy(), "Poisson: has no entropy in closed form");
  EXPECT_ERROR_HERE(Uniform(2, 1), "Uniform: [2, 1); need low < high");
  EXPECT_ERROR_HERE(Bernoulli(ProbsOrLogits{}),
                    "Bernoulli: got neither of probs and logits; need one of them");
  EXPECT_ERROR_HERE(Binomial(-1, 0.5), "Binomial: total_count is -1; need total_count >= 0");
  EXPECT_ERROR_HERE(Binomial(-1, {.probs = f64(0.5)}),
                    "Binomial: total_count is -1; need total_count >= 0");
  EXPECT_ERROR_HERE(Categorical(ProbsOrLogits{}),
                    "Categorical: got neither of probs and logits; need one of them");
  const char* classes =
      "Categorical: parameters are {}; need at least 1 dimension, the classes, and 1 class";
  EXPECT_ERROR_HERE(Categorical(0.5), fmt::format(fmt::runtime(classes), "f32[]"));
  EXPECT_ERROR_HERE(Categorical(zeros({2, 0})), fmt::format(fmt::runtime(classes), "f32[2,0]"));
  EXPECT_ERROR_HERE(Multinomial(-1, ones({2})),
                    "Multinomial: total_count is -1; need total_count >= 0");
  const Normal each(zeros({2, 3}), 1.0);
  EXPECT_ERROR_HERE(MixtureSameFamily(Categorical(ones({2})), each),
                    "MixtureSameFamily: the components' batch shape is [2,3], the mixture chooses "
                    "of 2; need a last dimension of as many");
  EXPECT_ERROR_HERE(MixtureSameFamily(Categorical(ones({3})), Normal(0, 1)),
                    "MixtureSameFamily: the components' batch shape is [], the mixture chooses of "
                    "3; need a last dimension of as many");
  EXPECT_ERROR_HERE(MixtureSameFamily(Categorical(ones({4, 3})), each),
                    "MixtureSameFamily: the mixture's batch shape is [4], the components' [2,3]; "
                    "need one that broadcasts to [2]");
  EXPECT_ERROR_HERE(Independent<Normal>(each, -1),
                    "Independent: -1 dimensions of the base's batch shape [2,3]; need from 0 to 2");
  EXPECT_ERROR_HERE(Independent<Normal>(each, 3),
                    "Independent: 3 dimensions of the base's batch shape [2,3]; need from 0 to 2");
}

}  // namespace
}  // namespace lilith::distributions
