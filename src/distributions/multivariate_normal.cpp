#include "core/autocast_state.h"
#include "distributions/parameters.h"
#include "lilith/ops/decompositions.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// The normal distribution of vectors, by the Cholesky factor of its covariance.
namespace lilith::distributions {
namespace {

Tensor column(const Tensor& x) { return unsqueeze(x, -1); }

Shape matrices_of(const Shape& vectors) {
  Shape out = vectors;
  out.push_back(vectors[vectors.rank() - 1]);
  return out;
}

// |L^-1 x|^2 of vectors x [..., k], which have all of the batch's dimensions.
Tensor squared_length(const Tensor& scale_tril, const Tensor& x) {
  const Tensor factor = expand(scale_tril, matrices_of(x.shape()));
  return sum(square(linalg::solve_triangular(factor, column(x), false)), {-2, -1});
}

Tensor half_log_det(const Tensor& scale_tril) {
  return sum(log(diagonal(scale_tril, 0, -2, -1)), -1);
}

}  // namespace

MultivariateNormal::Parts MultivariateNormal::parts(const Arg& middle,
                                                    const MultivariateNormalOptions& o) {
  const LocScope scope(middle.loc(), "MultivariateNormal");
  const int given =
      o.covariance_matrix.defined() + o.precision_matrix.defined() + o.scale_tril.defined();
  LILITH_CHECK(given == 1,
               "MultivariateNormal: got {} of covariance_matrix, precision_matrix and scale_tril; "
               "need one of them",
               given);
  const Tensor m = floating_parameter("MultivariateNormal", "loc", middle);
  const Tensor& matrix = o.covariance_matrix.defined()  ? o.covariance_matrix
                         : o.precision_matrix.defined() ? o.precision_matrix
                                                        : o.scale_tril;
  LILITH_CHECK(m.ndim() >= 1 && matrix.ndim() >= 2 && matrix.size(-1) == m.size(-1) &&
                   matrix.size(-2) == m.size(-1),
               "MultivariateNormal: loc {} and a matrix {}; need [..., k] and [..., k, k]",
               m.aval().str(), matrix.aval().str());
  Tensor factor = matrix;
  if (o.precision_matrix.defined()) factor = linalg::inv(factor);
  if (!o.scale_tril.defined()) factor = linalg::cholesky(factor);
  // Of one batch shape.
  const Tensor like[] = {m, select(factor, -1, 0)};
  const Shape shape = ops::broadcast_shapes("MultivariateNormal", like);
  return {expand(m, shape), expand(factor, matrices_of(shape))};
}

MultivariateNormal::MultivariateNormal(const Arg& middle, const Tensor& covariance)
    : MultivariateNormal(parts(middle, {.covariance_matrix = covariance})) {}
MultivariateNormal::MultivariateNormal(const Arg& middle, const MultivariateNormalOptions& o)
    : MultivariateNormal(parts(middle, o)) {}
MultivariateNormal::MultivariateNormal(const Parts& p)
    : Distribution("MultivariateNormal", Shape(p.loc.shape().begin(), p.loc.shape().size() - 1),
                   {p.loc.size(-1)}),
      loc(p.loc),
      scale_tril(p.scale_tril) {}

Tensor MultivariateNormal::covariance_matrix() const {
  const AutocastOff inside;
  return matmul(scale_tril, transpose(scale_tril, -2, -1));
}
Tensor MultivariateNormal::draw(const Shape& shape) const {
  const AutocastOff inside;
  const Tensor z = randn(extended(shape), {.dtype = loc.dtype(), .device = loc.device()});
  return loc + squeeze(matmul(scale_tril, column(z)), -1);
}
Tensor MultivariateNormal::log_density(const Tensor& x) const {
  const Tensor difference = x - loc;
  const auto k = static_cast<double>(loc.size(-1));
  return -squared_length(scale_tril, difference) / 2 - k * kLogRoot2Pi - half_log_det(scale_tril);
}
Tensor MultivariateNormal::entropy_of() const {
  const auto k = static_cast<double>(loc.size(-1));
  return half_log_det(scale_tril) + k * (0.5 + kLogRoot2Pi);
}
Tensor MultivariateNormal::mean_of() const { return loc; }
Tensor MultivariateNormal::variance_of() const { return sum(square(scale_tril), -1); }

Tensor kl_divergence(const MultivariateNormal& p, const MultivariateNormal& q, SourceLocation loc) {
  const LocScope scope(loc);
  const Tensor difference = p.loc - q.loc;
  const Shape matrices = matrices_of(difference.shape());
  const Tensor ratio = linalg::solve_triangular(expand(q.scale_tril, matrices),
                                                expand(p.scale_tril, matrices), false);
  const auto k = static_cast<double>(p.loc.size(-1));
  return half_log_det(q.scale_tril) - half_log_det(p.scale_tril) +
         (sum(square(ratio), {-2, -1}) + squared_length(q.scale_tril, difference) - k) / 2;
}

}  // namespace lilith::distributions
