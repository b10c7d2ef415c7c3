#pragma once
#include <optional>

#include "lilith/generator.h"
#include "lilith/tensor.h"

// Draws from distributions; lilith/distributions.h has them with densities and gradients.
namespace lilith {

/// num_samples indices of each row of x [n] or [m, n], with probabilities in proportion to x -> i64
/// [num_samples] or [m, num_samples]. Without replacement: the largest of log x + Gumbel noise
/// (Efraimidis and Spirakis, 2006). Errors: more samples than n without replacement; x not
/// floating. Weights are not looked at: where they are all 0, or too few of them are not for draws
/// without replacement, classes of probability 0 are drawn. Ref: torch.multinomial
Tensor multinomial(const Arg& x, Int num_samples, bool replacement = false,
                   const std::optional<RandomGenerator>& generator = {});
/// Poisson numbers of these rates, in their dtype: by multiplying uniform numbers below 10 (Knuth),
/// by transformed rejection from there on (Hormann, 1993); NaN for rates that are negative or not
/// finite. Errors: x not floating.
/// Ref: torch.poisson
Tensor poisson(const Arg& rate, const std::optional<RandomGenerator>& generator = {});

// Of x's shape and dtype, as x.exponential_() and its like draw them. Errors: x not floating, a
// parameter.
Tensor exponential_like(const Arg& x, Real lambd = 1,
                        const std::optional<RandomGenerator>& generator = {});
Tensor geometric_like(const Arg& x, Real p, const std::optional<RandomGenerator>& generator = {});
Tensor log_normal_like(const Arg& x, Real mean = 1, Real std = 2,
                       const std::optional<RandomGenerator>& generator = {});
Tensor cauchy_like(const Arg& x, Real median = 0, Real sigma = 1,
                   const std::optional<RandomGenerator>& generator = {});

}  // namespace lilith
