#pragma once
#include <optional>
#include <string_view>

#include "lilith/tensor.h"

namespace lilith::init {

// torch.nn.init. Each function replaces the value of `t`, keeping shape, dtype and device; random
// values come from `generator`, or from the process's, and are drawn when they are needed. Errors
// name the function.
//
// Where `t` is tied to other fields of its model, grad, update, for_each_parameter, state_dict,
// save and all else that goes over the model take the new value for all of them. A tied field that
// is read by itself (`m.dec.weight`, or by `m(x)`) shows it once one of these that may change the
// model has run: for_each_parameter(m, [](auto&, Tensor& t) { init::normal_(t); }) has it at once.

/// The factor by which a nonlinearity's layer scales its weights: "linear", "conv2d" …, "sigmoid",
/// "tanh", "relu", "leaky_relu" (param: the slope, 0.01), "selu".
double calculate_gain(std::string_view nonlinearity, Real param = 0.01);

void uniform_(Tensor& t, Real a = 0, Real b = 1,
              const std::optional<RandomGenerator>& generator = {},
              SourceLocation loc = SourceLocation::current());
void normal_(Tensor& t, Real mean = 0, Real std = 1,
             const std::optional<RandomGenerator>& generator = {},
             SourceLocation loc = SourceLocation::current());
/// Normal, redrawn outside [a, b].
void trunc_normal_(Tensor& t, Real mean = 0, Real std = 1, Real a = -2, Real b = 2,
                   const std::optional<RandomGenerator>& generator = {},
                   SourceLocation loc = SourceLocation::current());
void constant_(Tensor& t, Real value, SourceLocation loc = SourceLocation::current());
void ones_(Tensor& t, SourceLocation loc = SourceLocation::current());
void zeros_(Tensor& t, SourceLocation loc = SourceLocation::current());
/// The identity matrix. t: rank 2.
void eye_(Tensor& t, SourceLocation loc = SourceLocation::current());
/// A convolution's weight (rank 3 to 5) that passes channels through.
void dirac_(Tensor& t, Int groups = 1, SourceLocation loc = SourceLocation::current());
/// Uniform in ±gain sqrt(6 / (fan_in + fan_out)). Glorot and Bengio 2010.
void xavier_uniform_(Tensor& t, Real gain = 1, const std::optional<RandomGenerator>& generator = {},
                     SourceLocation loc = SourceLocation::current());
/// Normal with std gain sqrt(2 / (fan_in + fan_out)).
void xavier_normal_(Tensor& t, Real gain = 1, const std::optional<RandomGenerator>& generator = {},
                    SourceLocation loc = SourceLocation::current());

struct KaimingOptions {
  Real a = 0;                        // the slope, with leaky_relu
  std::string_view mode = "fan_in";  // or "fan_out"
  std::string_view nonlinearity = "leaky_relu";
  std::optional<RandomGenerator> generator = {};
};
/// Uniform in ±gain sqrt(3 / fan). He et al., arXiv:1502.01852.
void kaiming_uniform_(Tensor& t, const KaimingOptions& options = {},
                      SourceLocation loc = SourceLocation::current());
/// Normal with std gain / sqrt(fan).
void kaiming_normal_(Tensor& t, const KaimingOptions& options = {},
                     SourceLocation loc = SourceLocation::current());

/// A (semi-)orthogonal matrix of the first dimension and the product of the others, times gain.
/// Rank at least 2. Saxe et al., arXiv:1312.6120. Computed in float64 at once.
void orthogonal_(Tensor& t, Real gain = 1, const std::optional<RandomGenerator>& generator = {},
                 SourceLocation loc = SourceLocation::current());
/// Normal, with the fraction `sparsity` of each column set to zero. t: rank 2.
void sparse_(Tensor& t, Real sparsity, Real std = 0.01,
             const std::optional<RandomGenerator>& generator = {},
             SourceLocation loc = SourceLocation::current());

// Keyword arguments: normal_(t, {.mean = 0, .std = 0.02}), xavier_uniform_(t, {.gain = 2}); and
// PyTorch's order of kaiming's: kaiming_uniform_(t, std::sqrt(5)).
struct UniformKeywords {
  detail::Named named = {};
  Real a = 0, b = 1;
};
struct NormalKeywords {
  detail::Named named = {};
  Real mean = 0, std = 1;
};
struct TruncNormalKeywords {
  detail::Named named = {};
  Real mean = 0, std = 1, a = -2, b = 2;
};
struct GainKeyword {
  detail::Named named = {};
  Real gain = 1;
};
#define LILITH_INIT(name, Keywords, ...)                                                           \
  inline void name(Tensor& t, const Keywords& k, SourceLocation loc = SourceLocation::current()) { \
    name(t, __VA_ARGS__, {}, loc);                                                                 \
  }
LILITH_INIT(uniform_, UniformKeywords, k.a, k.b)
LILITH_INIT(normal_, NormalKeywords, k.mean, k.std)
LILITH_INIT(trunc_normal_, TruncNormalKeywords, k.mean, k.std, k.a, k.b)
LILITH_INIT(xavier_uniform_, GainKeyword, k.gain)
LILITH_INIT(xavier_normal_, GainKeyword, k.gain)
LILITH_INIT(orthogonal_, GainKeyword, k.gain)
#undef LILITH_INIT
template <detail::AnyNumber N>
void kaiming_uniform_(Tensor& t, N a, std::string_view mode = "fan_in",
                      std::string_view nonlinearity = "leaky_relu",
                      SourceLocation loc = SourceLocation::current()) {
  kaiming_uniform_(t, KaimingOptions{.a = a, .mode = mode, .nonlinearity = nonlinearity}, loc);
}
template <detail::AnyNumber N>
void kaiming_normal_(Tensor& t, N a, std::string_view mode = "fan_in",
                     std::string_view nonlinearity = "leaky_relu",
                     SourceLocation loc = SourceLocation::current()) {
  kaiming_normal_(t, KaimingOptions{.a = a, .mode = mode, .nonlinearity = nonlinearity}, loc);
}

}  // namespace lilith::init
