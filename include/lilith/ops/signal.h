#pragma once
#include <vector>

#include "lilith/ops/create.h"

/// torch.signal.windows (pytorch::signal::windows: beside <csignal> there is no room for a
/// namespace signal): n points, symmetric; sym = false: the first n of n + 1, as a periodic signal
/// wants them. One point is 1. Errors: n below 0, a dtype that is not floating.
namespace lilith::windows {

/// 1 - |2 k / (n - 1) - 1|.
Tensor bartlett(Int n, bool sym = true, const TensorOptions& options = {},
                SourceLocation loc = SourceLocation::current());
Tensor blackman(Int n, bool sym = true, const TensorOptions& options = {},
                SourceLocation loc = SourceLocation::current());
/// sin(pi (k + 1/2) / n).
Tensor cosine(Int n, bool sym = true, const TensorOptions& options = {},
              SourceLocation loc = SourceLocation::current());
/// exp(-|k - (n - 1) / 2| / tau). Error unless tau > 0.
Tensor exponential(Int n, Real tau = 1, bool sym = true, const TensorOptions& options = {},
                   SourceLocation loc = SourceLocation::current());
/// exp(-(k - (n - 1) / 2)^2 / (2 std^2)). Error unless std > 0.
Tensor gaussian(Int n, Real std = 1, bool sym = true, const TensorOptions& options = {},
                SourceLocation loc = SourceLocation::current());
/// a_0 - a_1 cos(t) + a_2 cos(2 t) - …, t a whole turn over the window.
Tensor general_cosine(Int n, const std::vector<double>& a, bool sym = true,
                      const TensorOptions& options = {},
                      SourceLocation loc = SourceLocation::current());
/// alpha - (1 - alpha) cos(t).
Tensor general_hamming(Int n, Real alpha = 0.54, bool sym = true, const TensorOptions& options = {},
                       SourceLocation loc = SourceLocation::current());
Tensor hamming(Int n, bool sym = true, const TensorOptions& options = {},
               SourceLocation loc = SourceLocation::current());
Tensor hann(Int n, bool sym = true, const TensorOptions& options = {},
            SourceLocation loc = SourceLocation::current());
/// I_0(beta sqrt(1 - x^2)) / I_0(beta), x from -1 to 1. Error unless beta >= 0.
Tensor kaiser(Int n, Real beta = 12, bool sym = true, const TensorOptions& options = {},
              SourceLocation loc = SourceLocation::current());
Tensor nuttall(Int n, bool sym = true, const TensorOptions& options = {},
               SourceLocation loc = SourceLocation::current());

}  // namespace lilith::windows

namespace lilith::pytorch::signal {
namespace windows = ::lilith::windows;
}
