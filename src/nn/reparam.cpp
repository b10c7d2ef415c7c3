#include "lilith/nn/reparam.h"

#include "lilith/ops/elementwise.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/random.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/half.h"

namespace lilith::detail {

using ops::narrowed, ops::widened;

Tensor norm_except(const Tensor& v, const std::optional<std::int64_t>& dim) {
  const Tensor wide = widened(v);
  if (!dim) return narrowed(norm(wide), v.dtype());
  std::vector<std::int64_t> others;
  for (int d = 0; d < v.ndim(); ++d)
    if (d != *dim) others.push_back(d);
  return narrowed(others.empty() ? abs(wide) : norm(wide, 2, others, true), v.dtype());
}
Tensor weight_of_norm(const Tensor& g, const Tensor& v, const std::optional<std::int64_t>& dim) {
  const Tensor wide = widened(v);
  return narrowed(wide * (widened(g) / norm_except(wide, dim)), v.dtype());
}

namespace {

Tensor as_matrix(const Tensor& weight, std::int64_t dim) {
  const Tensor front = movedim(weight, dim, 0);
  return reshape(front, {front.size(0), -1});
}

}  // namespace

Singular start_singular(const Tensor& weight, std::int64_t dim, double eps) {
  const Tensor m = as_matrix(weight, dim);
  const auto unit = [&](std::int64_t n) {
    return normalize(randn({n}, {.dtype = weight.dtype(), .device = weight.device()}), 2, 0, eps);
  };
  return {unit(m.size(0)), unit(m.size(1))};
}
Singular power_iteration(const Tensor& weight, const Singular& s, std::int64_t dim,
                         std::int64_t steps, double eps) {
  const Tensor m = stop_gradient(as_matrix(weight, dim));
  Singular out = s;
  for (std::int64_t i = 0; i < steps; ++i) {
    out.v = normalize(mv(transpose(m, 0, 1), out.u), 2, 0, eps);
    out.u = normalize(mv(m, out.v), 2, 0, eps);
  }
  return out;
}
Tensor weight_of_spectrum(const Tensor& weight, const Singular& s, std::int64_t dim) {
  const Tensor m = as_matrix(weight, dim);
  return weight / dot(stop_gradient(s.u), mv(m, stop_gradient(s.v)));
}

}  // namespace lilith::detail
