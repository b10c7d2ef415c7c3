#include <limits>
#include <tuple>

#include "distributions/parameters.h"
#include "lilith/loops.h"
#include "lilith/transforms.h"
#include "ops/primitives.h"

// Standard gamma numbers: Marsaglia and Tsang, "A simple method for generating gamma variables"
// (2000), and their implicit gradient, -(dP/da) / p of the distribution function P(a, z) (Figurnov
// et al., arXiv:1805.08498).
namespace lilith::distributions {
namespace {

using Pair = std::tuple<Tensor, Tensor>;

// Below 1 by way of concentration + 1. NaN of what is no concentration.
Tensor drawn(const Tensor& a) {
  const Tensor is_small = a < 1, d = where(is_small, a + 1, a) - 1.0 / 3, c = rsqrt(9 * d);
  const Tensor is_valid = logical_and(a > 0, a < std::numeric_limits<double>::infinity());
  const Tensor start = where(is_valid, ones_like(a), std::numeric_limits<double>::quiet_NaN());
  const auto [v, done] = while_loop(
      [](const Pair& s) { return any(logical_not(std::get<1>(s))); },
      [&](const Pair& s) {
        const Tensor x = randn(a.shape(), {.dtype = a.dtype(), .device = a.device()});
        const Tensor root = 1 + c * x, cube = root * root * root;
        const Tensor bound = 0.5 * x * x + d - d * cube + d * log(where(root > 0, cube, 1.0));
        const Tensor accepted = logical_and(root > 0, log(uniform_like(a.shape(), a)) < bound);
        const Tensor& was_done = std::get<1>(s);
        return Pair(where(was_done, std::get<0>(s), cube), logical_or(was_done, accepted));
      },
      Pair(start, logical_not(is_valid)));
  const Tensor power = log(uniform_like(a.shape(), a)) / a;
  return d * v * where(is_small, exp(where(is_small, power, 0.0)), 1.0);
}

// P's power series, divided by the density: (z / a) sum_n c_n (log z - digamma(a + n + 1)) with c_n
// = z^n / ((a + 1) … (a + n)).
Tensor near_slope(const Tensor& a, const Tensor& z) {
  using State = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>;
  const Tensor log_z = log(z);
  const auto state = while_loop(
      [](const State& s) { return any(std::get<0>(s) > 1e-17 * std::get<1>(s)); },
      [&](const State& s) {
        const auto& [c, total, sum, psi, at] = s;
        const Tensor next = at + 1;
        return State(c * z / next, total + c, sum + c * (log_z - psi), psi + 1 / next, next);
      },
      State(ones_like(z), zeros_like(z), zeros_like(z), digamma(a + 1), a));
  return -z / a * std::get<2>(state);
}

// Far out Q = 1 - P is the density times S = sum_k (a - 1) … (a - k) / z^k.
Tensor far_slope(const Tensor& a, const Tensor& z) {
  Tensor term = ones_like(z), slope = zeros_like(z), sum = term, sum_slope = slope;
  for (int k = 1; k <= 15; ++k) {
    slope = (slope * (a - k) + term) / z;
    term = term * (a - k) / z;
    sum = sum + term;
    sum_slope = sum_slope + slope;
  }
  return (log(z) - digamma(a)) * sum + sum_slope;
}

Tensor implicit_slope(const Tensor& concentration, const Tensor& draw) {
  const Tensor a = concentration.to(kFloat64), z = draw.to(kFloat64);
  const Tensor far = z > a + 6 * sqrt(a) + 16;
  const Tensor slope =
      where(far, far_slope(a, where(far, z, a + 50)), near_slope(a, where(far, a, z)));
  return slope.to(draw.dtype());
}

}  // namespace

Tensor standard_gamma(const Tensor& concentration) {
  const auto with_slope = custom_vjp(
      [](const Tensor& a) {
        const Tensor tiny = full_like(a, a.dtype() == kFloat64 ? 0x1p-1022 : 0x1p-126);
        return maximum(drawn(stop_gradient(a)), tiny);
      },
      [](const std::vector<Tensor>& in, const Tensor& out, const Tensor& ct) {
        return std::vector{ct * implicit_slope(stop_gradient(in[0]), stop_gradient(out))};
      });
  if (concentration.dtype() == kFloat64 || concentration.dtype() == kFloat32)
    return with_slope(concentration);
  return with_slope(concentration.to(kFloat32)).to(concentration.dtype());
}

}  // namespace lilith::distributions
