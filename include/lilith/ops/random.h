#pragma once
#include <concepts>
#include <cstdint>
#include <optional>
#include <utility>

#include "lilith/tensor.h"

namespace lilith {

/// Restarts the process's generator. Draws are Philox: they depend on the seed and on the order of
/// the calls, never on threads; element i of a draw depends on its row-major index alone.
void manual_seed(std::uint64_t seed);
RngState rng_state();
void set_rng_state(const RngState& state);

/// Options of the functions that give whole numbers: as TensorOptions, with another default.
struct IntTensorOptions {
  DType dtype = DType::I64;
  Device device = {};
  std::optional<Generator> generator = {};
};

/// Uniform in [0, 1).
Tensor rand(const Shape& shape, const TensorOptions& options = {},
            SourceLocation loc = SourceLocation::current());
/// Normal, mean 0 and variance 1.
Tensor randn(const Shape& shape, const TensorOptions& options = {},
             SourceLocation loc = SourceLocation::current());
/// Integers in [low, high). Errors: low >= high.
Tensor randint(Int low, Int high, const Shape& shape, const IntTensorOptions& options = {},
               SourceLocation loc = SourceLocation::current());
Tensor randint(Int high, const Shape& shape, const IntTensorOptions& options = {},
               SourceLocation loc = SourceLocation::current());
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
Tensor rand_like(const Arg& x);
Tensor randn_like(const Arg& x);
/// Integers in [low, high), or [0, high), of x's shape and dtype. Errors: low >= high.
Tensor randint_like(const Arg& x, Int low, Int high);
Tensor randint_like(const Arg& x, Int high);
/// 1 with probability p (elementwise), else 0; in p's dtype.
Tensor bernoulli(const Arg& p, const std::optional<Generator>& generator = {});
/// Normal with these means and standard deviations, which broadcast.
Tensor normal(const Arg& mean, const Arg& std, const std::optional<Generator>& generator = {});
/// In training: zeros with probability p, the others divided by 1 - p; else x. Errors: p outside
/// [0, 1].
Tensor dropout(const Arg& x, Real p = 0.5, bool training = true);
/// dropout of whole channels: of the first two dimensions [N, C].
Tensor feature_dropout(const Arg& x, Real p = 0.5, bool training = true);

}  // namespace lilith
