#pragma once
#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "lilith/detail/sizes.h"
#include "lilith/tensor.h"

namespace lilith {

/// Restarts the process's generator. Draws are Philox: they depend on the seed and on the order of
/// the calls, never on threads; element i of a draw depends on its row-major index alone.
void manual_seed(std::uint64_t seed);
RngState rng_state();
void set_rng_state(const RngState& state);
/// PyTorch's names for the state, and the seed that manual_seed was last given. Ref:
/// torch.get_rng_state, torch.initial_seed
RngState get_rng_state();
std::uint64_t initial_seed();
namespace pytorch {
/// Restarts the process's generator with a seed by chance, which it returns. Ref: torch.seed
std::uint64_t seed();
}  // namespace pytorch

/// Options of the functions that give whole numbers: as TensorOptions, with another default.
struct IntTensorOptions {
  DType dtype = DType::I64;
  Device device = {};
  std::optional<RandomGenerator> generator = {};
};

/// Uniform in [0, 1).
Tensor rand(const Shape& shape, const TensorOptions& options = {},
            SourceLocation loc = SourceLocation::current());
/// Normal, mean 0 and variance 1.
Tensor randn(const Shape& shape, const TensorOptions& options = {},
             SourceLocation loc = SourceLocation::current());
/// The same with sizes one after the other: rand(2, 3), randn(2, 3, {.dtype = kFloat64}).
LILITH_OF_SIZES(rand)
LILITH_OF_SIZES(randn)
LILITH_PLACED(rand)
LILITH_PLACED(randn)
/// Integers in [low, high). Errors: low >= high, numbers that the dtype does not hold.
Tensor randint(Int low, Int high, const Shape& shape, const IntTensorOptions& options = {},
               SourceLocation loc = SourceLocation::current());
Tensor randint(Int high, const Shape& shape, const IntTensorOptions& options = {},
               SourceLocation loc = SourceLocation::current());
template <detail::Placement P>
  requires(!std::same_as<P, TensorOptions>)
Tensor randint(Int low, Int high, const Shape& shape, P dtype_or_device,
               std::optional<Device> device = {}, SourceLocation loc = SourceLocation::current()) {
  const TensorOptions o = detail::placed(kInt64, dtype_or_device, device, loc);
  return randint(low, high, shape, IntTensorOptions{o.dtype, o.device, o.generator}, loc);
}
template <detail::Placement P>
  requires(!std::same_as<P, TensorOptions>)
Tensor randint(Int high, const Shape& shape, P dtype_or_device, std::optional<Device> device = {},
               SourceLocation loc = SourceLocation::current()) {
  return randint(0, high, shape, dtype_or_device, device, loc);
}
/// Says that the size is missing.
template <std::integral A, std::integral B>
Tensor randint(A, B) {
  static_assert(std::is_void_v<A>,
                "lilith: randint takes a shape after its bounds: randint(0, 10, {2, 3}), "
                "randint(10, {2, 3})");
  return {};
}
/// A random order of 0 … n - 1.
Tensor randperm(Int n, const IntTensorOptions& options = {},
                SourceLocation loc = SourceLocation::current());
/// The same with named TensorOptions.
template <std::same_as<TensorOptions> O>
Tensor randint(Int low, Int high, const Shape& shape, const O& o,
               SourceLocation loc = SourceLocation::current()) {
  return randint(low, high, shape, IntTensorOptions{o.dtype, o.device, o.generator}, loc);
}
template <std::same_as<TensorOptions> O>
Tensor randint(Int high, const Shape& shape, const O& o,
               SourceLocation loc = SourceLocation::current()) {
  return randint(high, shape, IntTensorOptions{o.dtype, o.device, o.generator}, loc);
}
template <std::same_as<TensorOptions> O>
Tensor randperm(Int n, const O& o, SourceLocation loc = SourceLocation::current()) {
  return randperm(n, IntTensorOptions{o.dtype, o.device, o.generator}, loc);
}
/// With the shape, device and (unless given) dtype of x.
Tensor rand_like(const Arg& x, std::optional<DType> dtype = {});
Tensor randn_like(const Arg& x, std::optional<DType> dtype = {});
/// Integers in [low, high), or [0, high), of x's shape and dtype. Errors: low >= high.
Tensor randint_like(const Arg& x, Int low, Int high);
Tensor randint_like(const Arg& x, Int high);
/// 1 with probability p (elementwise), else 0; in p's dtype.
Tensor bernoulli(const Arg& p, const std::optional<RandomGenerator>& generator = {});
/// Of x's shape and dtype with one probability. Ref: torch.bernoulli
Tensor bernoulli(const Arg& x, Real p, const std::optional<RandomGenerator>& generator = {});
/// Normal with these means and standard deviations, which broadcast.
Tensor normal(const Arg& mean, const Arg& std,
              const std::optional<RandomGenerator>& generator = {});
/// Of these means, with standard deviation 1.
Tensor normal(const Arg& mean);
/// Of that shape, with one mean and one standard deviation.
Tensor normal(Real mean, Real std, const Shape& size, const TensorOptions& options = {},
              SourceLocation loc = SourceLocation::current());
/// Samples of softmax((logits + Gumbel noise) / tau) along dim; hard: one-hot, with the gradient of
/// the soft ones. Jang et al., arXiv:1611.01144. Ref: torch.nn.functional.gumbel_softmax
Tensor gumbel_softmax(const Arg& logits, Real tau = 1, bool hard = false, Dim dim = -1);
/// In training: zeros with probability p, the others divided by 1 - p; else x. Errors: p outside
/// [0, 1].
Tensor dropout(const Arg& x, Real p = 0.5, bool training = true);
/// dropout of whole channels: of the first two dimensions [N, C].
Tensor feature_dropout(const Arg& x, Real p = 0.5, bool training = true);
/// feature_dropout of x [N, C, L] or [C, L]; [N, C, H, W] or [C, H, W]; [N, C, D, H, W] or
/// [C, D, H, W]. Ref: torch.nn.functional.dropout2d
Tensor dropout1d(const Arg& x, Real p = 0.5, bool training = true);
Tensor dropout2d(const Arg& x, Real p = 0.5, bool training = true);
Tensor dropout3d(const Arg& x, Real p = 0.5, bool training = true);
/// In training: SELU's saturation with probability p, then scaled and shifted so that mean 0 and
/// variance 1 stay. Klambauer et al., arXiv:1706.02515. Ref: torch.nn.functional.alpha_dropout
Tensor alpha_dropout(const Arg& x, Real p = 0.5, bool training = false);
/// alpha_dropout of whole channels: of the first two dimensions [N, C]. Ref:
/// torch.nn.functional.feature_alpha_dropout
Tensor feature_alpha_dropout(const Arg& x, Real p = 0.5, bool training = false);
/// x where x > 0, else a x: in training a is uniform in [lower, upper) for each element, else their
/// mean. Errors: lower > upper. Xu et al., arXiv:1505.00853. Ref: torch.nn.functional.rrelu
Tensor rrelu(const Arg& x, Real lower = 1.0 / 8, Real upper = 1.0 / 3, bool training = false);

}  // namespace lilith
