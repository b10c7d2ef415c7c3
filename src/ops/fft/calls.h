#pragma once
#include "lilith/tensor.h"

// The nodes that run Fourier transforms along the last dimension (of complex values, the one before
// the pair), not divided by the length. f32 or f64, with elements.
namespace lilith::ops {

/// [..., n, 2] -> [..., n, 2].
Tensor call_fft(const Tensor& x, bool inverse);
/// [..., n] -> [..., n / 2 + 1, 2].
Tensor call_rfft(const Tensor& x);
/// [..., n / 2 + 1, 2] -> [..., n].
Tensor call_irfft(const Tensor& x, std::int64_t n);
/// x, which has to be away from 0: Error where it is not (the envelope of an istft).
Tensor call_covered(const Tensor& x);

}  // namespace lilith::ops
