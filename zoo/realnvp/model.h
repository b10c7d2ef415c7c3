#pragma once
#include <lilith/nn.h>
#include <lilith/ops.h>

#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

namespace lilith::zoo {

/// Leaves the masked coordinates as they are, and scales and moves the others by what networks make
/// of those: y = b x + (1 - b) (x exp(s(b x)) + t(b x)).
struct Coupling {
  Buffer mask;  // b: f32 [D] of 0 and 1
  Sequential scale, shift;

  Coupling(Tensor b, std::int64_t hidden)
      : mask(b), scale(network(b.size(0), hidden)), shift(network(b.size(0), hidden)) {}

  /// x [N,D] -> y [N,D] and log |det dy/dx| [N].
  std::pair<Tensor, Tensor> operator()(const Tensor& x) const {
    const auto [s, t] = factors(x);
    return {x * exp(s) + t, s.sum(1)};
  }
  /// The x that gives y.
  Tensor inverse(const Tensor& y) const {
    const auto [s, t] = factors(y);
    return (y - t) * exp(-s);
  }
  LILITH_FIELDS(mask, scale, shift)

 private:
  static Sequential network(std::int64_t size, std::int64_t hidden) {
    return {Linear(size, hidden), LeakyReLU(), Linear(hidden, hidden), LeakyReLU(),
            Linear(hidden, size)};
  }
  // s and t, 0 where the mask is 1.
  std::pair<Tensor, Tensor> factors(const Tensor& x) const {
    const Tensor kept = x * mask, changed = 1 - mask;
    return {tanh(scale(kept)) * changed, shift(kept) * changed};
  }
};

/// A density of points in the plane: couplings between them and a standard normal. Dinh et al.,
/// arXiv:1605.08803.
struct RealNvp {
  std::vector<Coupling> couplings;

  explicit RealNvp(std::int64_t number = 6, std::int64_t hidden = 64) {
    for (std::int64_t i = 0; i < number; ++i)
      couplings.emplace_back(i % 2 == 0 ? tensor({0.f, 1.f}) : tensor({1.f, 0.f}), hidden);
  }

  /// x [N,2] -> z [N,2] and log |det dz/dx| [N].
  std::pair<Tensor, Tensor> operator()(Tensor x) const {
    Tensor log_det = zeros({x.size(0)}, {.device = x.device()});
    for (const Coupling& coupling : couplings) {
      const auto [y, change] = coupling(x);
      x = y;
      log_det = log_det + change;
    }
    return {x, log_det};
  }
  Tensor inverse(Tensor z) const {
    for (auto c = couplings.rbegin(); c != couplings.rend(); ++c) z = c->inverse(z);
    return z;
  }
  /// The logarithm of the density at x [N,2] -> [N].
  Tensor log_prob(const Tensor& x) const {
    const auto [z, log_det] = (*this)(x);
    return -0.5 * z.square().sum(1) - std::log(2 * std::numbers::pi) + log_det;
  }
  LILITH_FIELDS(couplings)
};

}  // namespace lilith::zoo
