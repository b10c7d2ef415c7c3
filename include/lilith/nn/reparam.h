#pragma once
#include <optional>
#include <utility>

#include "lilith/ops/int_list.h"
#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

// Layers whose weight is computed from other parameters at each call, under torch.nn.utils' names.

namespace detail {
/// g v / |v|, the norm over all dimensions but `dim` (none: over all), which g keeps.
Tensor weight_of_norm(const Tensor& g, const Tensor& v, const std::optional<std::int64_t>& dim);
/// |v| as weight_of_norm takes it.
Tensor norm_except(const Tensor& v, const std::optional<std::int64_t>& dim);
/// The vectors that estimate the largest singular value of weight, read as a matrix whose rows are
/// dimension `dim`: drawn, or after steps of power iteration.
struct Singular {
  Tensor u, v;
};
Singular start_singular(const Tensor& weight, std::int64_t dim, double eps);
Singular power_iteration(const Tensor& weight, const Singular& s, std::int64_t dim,
                         std::int64_t steps, double eps);
/// weight / (u^T W v), u and v being constants.
Tensor weight_of_spectrum(const Tensor& weight, const Singular& s, std::int64_t dim);
}  // namespace detail

struct WeightNormOptions {
  std::optional<Dim> dim = 0;  // none: one norm for the whole weight
};

/// A layer with weight = weight_g weight_v / |weight_v|; it is called as the layer is. Its
/// state_dict has the layer's names, weight_g and weight_v in place of weight. Ref:
/// torch.nn.utils.weight_norm, arXiv:1602.07868.
template <class Layer>
class WeightNorm {
 public:
  explicit WeightNorm(Layer from, const WeightNormOptions& options = {},
                      SourceLocation loc = SourceLocation::current())
      : layer(std::move(from)) {
    LocScope scope(loc, "weight_norm");
    if (options.dim) dim = wrapped(*options.dim, layer.weight.ndim());
    weight_g = detail::norm_except(layer.weight, dim);
    weight_v = std::move(layer.weight);
    layer.weight = Tensor();
  }
  /// The layer with the weight that it has now.
  Layer plain() const {
    Layer out = layer;
    out.weight = detail::weight_of_norm(weight_g, weight_v, dim);
    return out;
  }
  template <class... A>
  auto operator()(const A&... args) const {
    return plain()(args...);
  }

  Layer layer;  // without its weight
  Tensor weight_g, weight_v;
  std::optional<std::int64_t> dim;
  LILITH_CLASS
  void visit_fields(Visitor& v) {
    v.begin(reflect::type_info<WeightNorm>);
    reflect::BaseVisitor inner(v);
    reflect::walk(layer, inner);
    constexpr std::string_view kNames[] = {"weight_g", "weight_v", "dim"};
    reflect::walk_fields(v, kNames, weight_g, weight_v, dim);
    v.end();
  }

 private:
  static std::int64_t wrapped(std::int64_t d, int rank) {
    LILITH_CHECK(d >= -rank && d < rank, "weight_norm: dim is {}; need {} <= dim < {}", d, -rank,
                 rank);
    return d < 0 ? d + rank : d;
  }
};
/// nn::utils::weight_norm(Linear{20, 40}). Errors: dim out of range.
template <class Layer>
WeightNorm<Layer> weight_norm(Layer layer, const WeightNormOptions& options = {},
                              SourceLocation loc = SourceLocation::current()) {
  return WeightNorm<Layer>(std::move(layer), options, loc);
}
/// The layer itself, with the weight that it has now. Ref: torch.nn.utils.remove_weight_norm.
template <class Layer>
Layer remove_weight_norm(const WeightNorm<Layer>& layer) {
  return layer.plain();
}

struct SpectralNormOptions {
  Int n_power_iterations = 1;  // of each call in training
  Real eps = 1e-12;
  Dim dim = 0;  // the outputs' dimension of weight: 1 of a transposed convolution
};

/// A layer with weight = weight_orig / sigma, sigma being its largest singular value, which power
/// iteration follows. Its state_dict has the layer's names, weight_orig, weight_u and weight_v in
/// place of weight. Ref: torch.nn.utils.spectral_norm, arXiv:1802.05957.
template <class Layer>
class SpectralNorm {
 public:
  explicit SpectralNorm(Layer from, const SpectralNormOptions& options = {},
                        SourceLocation loc = SourceLocation::current())
      : layer(std::move(from)),
        dim(options.dim),
        n_power_iterations(options.n_power_iterations),
        eps(options.eps) {
    LocScope scope(loc, "spectral_norm");
    const int rank = layer.weight.ndim();
    LILITH_CHECK(dim >= -rank && dim < rank && n_power_iterations >= 1,
                 "spectral_norm: dim is {}, n_power_iterations {}; need {} <= dim < {} and at "
                 "least 1",
                 dim, n_power_iterations, -rank, rank);
    if (dim < 0) dim += rank;
    const detail::Singular s = detail::start_singular(layer.weight, dim, eps);
    weight_u = s.u;
    weight_v = s.v;
    weight_orig = std::move(layer.weight);
    layer.weight = Tensor();
  }
  /// The layer with the weight that it has now.
  Layer plain() const {
    Layer out = layer;
    out.weight = detail::weight_of_spectrum(weight_orig, {weight_u, weight_v}, dim);
    return out;
  }
  template <class... A>
  auto operator()(const A&... args) {
    if (training) {
      const detail::Singular s =
          detail::power_iteration(weight_orig, {weight_u, weight_v}, dim, n_power_iterations, eps);
      weight_u = s.u;
      weight_v = s.v;
    }
    return plain()(args...);
  }

  Layer layer;  // without its weight
  Tensor weight_orig;
  Buffer weight_u, weight_v;
  std::int64_t dim, n_power_iterations;
  double eps;
  bool training = true;
  LILITH_CLASS
  void visit_fields(Visitor& v) {
    v.begin(reflect::type_info<SpectralNorm>);
    reflect::BaseVisitor inner(v);
    reflect::walk(layer, inner);
    constexpr std::string_view kNames[] = {"weight_orig",        "weight_u", "weight_v", "dim",
                                           "n_power_iterations", "eps",      "training"};
    reflect::walk_fields(v, kNames, weight_orig, weight_u, weight_v, dim, n_power_iterations, eps,
                         training);
    v.end();
  }
};
/// nn::utils::spectral_norm(Linear{20, 40}). Errors: dim out of range.
template <class Layer>
SpectralNorm<Layer> spectral_norm(Layer layer, const SpectralNormOptions& options = {},
                                  SourceLocation loc = SourceLocation::current()) {
  return SpectralNorm<Layer>(std::move(layer), options, loc);
}
/// The layer itself, with the weight that it has now. Ref: torch.nn.utils.remove_spectral_norm.
template <class Layer>
Layer remove_spectral_norm(const SpectralNorm<Layer>& layer) {
  return layer.plain();
}

}  // namespace lilith
