#pragma once
#include <optional>

#include "lilith/detail/choice.h"
#include "lilith/tensor.h"

namespace lilith {

// torch.nn.functional's activations. x: floating (relu and relu6: any number) -> the same shape.

/// max(x, 0). Gradient 0 at 0.
Tensor relu(const Arg& x);
Tensor leaky_relu(const Arg& x, Real negative_slope = 0.01);
/// weight: 0-d, [1] or [C] for dimension 1 of x.
Tensor prelu(const Arg& x, const Tensor& weight);
Tensor elu(const Arg& x, Real alpha = 1.0);
Tensor selu(const Arg& x);
Tensor celu(const Arg& x, Real alpha = 1.0);
namespace detail {
struct GeluNames {
  enum class Kind : std::uint8_t { None, Tanh };
  static constexpr Kind None = Kind::None, Tanh = Kind::Tanh;
  static constexpr const char* what = "approximate";
  static constexpr std::string_view words[] = {"none", "tanh"};
};
}  // namespace detail
/// GeluApproximation::Tanh, or "tanh".
using GeluApproximation = detail::Choice<detail::GeluNames>;
/// x Phi(x). Hendrycks and Gimpel, arXiv:1606.08415.
Tensor gelu(const Arg& x, GeluApproximation approximate = GeluApproximation::None);
/// x sigmoid(x).
Tensor silu(const Arg& x);
/// x tanh(softplus(x)). Misra, arXiv:1908.08681.
Tensor mish(const Arg& x);
/// log(1 + exp(beta x)) / beta; x itself where beta x > threshold.
Tensor softplus(const Arg& x, Real beta = 1, Real threshold = 20);
/// x / (1 + |x|).
Tensor softsign(const Arg& x);
Tensor hardtanh(const Arg& x, Real min_val = -1, Real max_val = 1);
Tensor relu6(const Arg& x);
/// x relu6(x + 3) / 6.
Tensor hardswish(const Arg& x);
Tensor hardsigmoid(const Arg& x);
Tensor hardshrink(const Arg& x, Real lambd = 0.5);
Tensor softshrink(const Arg& x, Real lambd = 0.5);
Tensor logsigmoid(const Arg& x);
/// x - tanh(x).
Tensor tanhshrink(const Arg& x);
/// x where x > threshold, else value.
Tensor threshold(const Arg& x, Real threshold, Real value);
/// The first half of `dim` times the sigmoid of the second. Errors: an odd size.
Tensor glu(const Arg& x, Dim dim = -1);
/// exp(x - max) / sum over dim.
Tensor softmax(const Arg& x, Dim dim, std::optional<DType> dtype = {});
Tensor softmin(const Arg& x, Dim dim, std::optional<DType> dtype = {});
Tensor log_softmax(const Arg& x, Dim dim, std::optional<DType> dtype = {});

}  // namespace lilith
