#pragma once
#include <optional>
#include <vector>

#include "lilith/detail/choice.h"
#include "lilith/ops/int_list.h"
#include "lilith/ops/shape.h"
#include "lilith/tensor.h"

// Fourier transforms. There are no complex dtypes: complex values have a last dimension of 2, the
// real and the imaginary part, as torch.view_as_real shows them, which `dim` does not count: dim
// -1 of f32[8, 5, 2] is the one of size 5. f32 and f64, halves in f32; any length: by factors 2 to
// 7, others by Bluestein's algorithm. They run on the host: operands on other devices are copied.
// Every transform has its gradient, to any order.
namespace lilith {

/// What the forward transform (the inverse: the other way round) divides by: "backward" nothing
/// (n), "ortho" sqrt(n), "forward" n (nothing).
struct FftNormNames {
  enum class Kind : std::uint8_t { Backward, Ortho, Forward };
  using enum Kind;
  static constexpr char what[] = "norm";
  static constexpr std::string_view words[] = {"backward", "ortho", "forward"};
};
using FftNorm = detail::Choice<FftNormNames>;

/// torch.fft. n, s: the length of the signal, which is cut or padded with zeros to it; of irfft and
/// hfft the length of the result, 2 (m - 1) where it is not given. Errors: a length below 1, a
/// complex operand whose last dimension is not 2.
namespace fft {

/// Complex to complex: f32[..., n, 2].
Tensor fft(const Arg& x, std::optional<Int> n = {}, Dim dim = -1, FftNorm norm = {});
Tensor ifft(const Arg& x, std::optional<Int> n = {}, Dim dim = -1, FftNorm norm = {});
/// Real [..., n] to complex [..., n / 2 + 1, 2], and back. The imaginary parts of the first (and of
/// an even length's last) element are not read.
Tensor rfft(const Arg& x, std::optional<Int> n = {}, Dim dim = -1, FftNorm norm = {});
Tensor irfft(const Arg& x, std::optional<Int> n = {}, Dim dim = -1, FftNorm norm = {});
/// Of a signal that is symmetric in time, so that its spectrum is real, and back.
Tensor hfft(const Arg& x, std::optional<Int> n = {}, Dim dim = -1, FftNorm norm = {});
Tensor ihfft(const Arg& x, std::optional<Int> n = {}, Dim dim = -1, FftNorm norm = {});

/// Over several dimensions: the last ones of s, or all. The one that is half as long is the last
/// of `dim`.
Tensor fftn(const Arg& x, const IntList& s = {}, const IntList& dim = {}, FftNorm norm = {});
Tensor ifftn(const Arg& x, const IntList& s = {}, const IntList& dim = {}, FftNorm norm = {});
Tensor rfftn(const Arg& x, const IntList& s = {}, const IntList& dim = {}, FftNorm norm = {});
Tensor irfftn(const Arg& x, const IntList& s = {}, const IntList& dim = {}, FftNorm norm = {});
Tensor hfftn(const Arg& x, const IntList& s = {}, const IntList& dim = {}, FftNorm norm = {});
Tensor ihfftn(const Arg& x, const IntList& s = {}, const IntList& dim = {}, FftNorm norm = {});
Tensor fft2(const Arg& x, const IntList& s = {}, const IntList& dim = {-2, -1}, FftNorm norm = {});
Tensor ifft2(const Arg& x, const IntList& s = {}, const IntList& dim = {-2, -1}, FftNorm norm = {});
Tensor rfft2(const Arg& x, const IntList& s = {}, const IntList& dim = {-2, -1}, FftNorm norm = {});
Tensor irfft2(const Arg& x, const IntList& s = {}, const IntList& dim = {-2, -1},
              FftNorm norm = {});
Tensor hfft2(const Arg& x, const IntList& s = {}, const IntList& dim = {-2, -1}, FftNorm norm = {});
Tensor ihfft2(const Arg& x, const IntList& s = {}, const IntList& dim = {-2, -1},
              FftNorm norm = {});

/// Keyword arguments: fft::rfft(x, {.dim = 0}), fft::fft2(x, {.norm = "ortho"}).
struct FftKeywords {
  detail::Named named = {};
  std::optional<Int> n = {};
  Dim dim = -1;
  FftNorm norm = {};
};
struct FftnKeywords {
  detail::Named named = {};
  IntList s = {}, dim = {};  // of fft2 and its like dim is {-2, -1} where it is not given
  FftNorm norm = {};
};
#define LILITH_FFT_KEYWORDS(name)                      \
  Tensor name(const Arg& x, const FftKeywords& k);     \
  Tensor name##n(const Arg& x, const FftnKeywords& k); \
  Tensor name##2(const Arg& x, const FftnKeywords& k);
LILITH_FFT_KEYWORDS(fft)
LILITH_FFT_KEYWORDS(ifft)
LILITH_FFT_KEYWORDS(rfft)
LILITH_FFT_KEYWORDS(irfft)
LILITH_FFT_KEYWORDS(hfft)
LILITH_FFT_KEYWORDS(ihfft)
#undef LILITH_FFT_KEYWORDS

/// The frequencies of the elements of fft (rfft) of n samples that lie d apart: 0, 1, …, -2, -1
/// over n d.
Tensor fftfreq(Int n, Real d = 1, const TensorOptions& options = {},
               SourceLocation loc = SourceLocation::current());
Tensor rfftfreq(Int n, Real d = 1, const TensorOptions& options = {},
                SourceLocation loc = SourceLocation::current());
/// The frequency 0 moved to the middle, and back, along dim (all, when none is given). Of complex
/// values the last dimension is one like others here: name the dims.
Tensor fftshift(const Arg& x, const IntList& dim = {});
Tensor ifftshift(const Arg& x, const IntList& dim = {});

}  // namespace fft

struct StftOptions {
  std::optional<Int> hop_length = {};   // n_fft / 4
  std::optional<Int> win_length = {};   // n_fft
  Tensor window = {};                   // [win_length]; ones
  bool center = true;                   // frame t is centred at t * hop_length
  PadMode pad_mode = PadMode::Reflect;  // of the signal, where `center`
  bool normalized = false;              // over sqrt(n_fft)
  bool onesided = true;
};
/// The short-time Fourier transform: signals [L] or [B, L] to [..., n_fft / 2 + 1 (n_fft where not
/// onesided), frames, 2]. Ref: torch.stft with return_complex = false
Tensor stft(const Arg& x, Int n_fft, const StftOptions& options = {});

struct IstftOptions {
  std::optional<Int> hop_length = {};
  std::optional<Int> win_length = {};
  Tensor window = {};
  bool center = true;
  bool normalized = false;
  std::optional<bool> onesided = {};  // whether there are fewer than n_fft rows
  std::optional<Int> length = {};     // of the signal
};
/// The signal of which x [..., rows, frames, 2] is the stft, in the sense of least squares. Error
/// where the windows' squares leave a sample uncovered. Ref: torch.istft
Tensor istft(const Arg& x, Int n_fft, const IstftOptions& options = {});

}  // namespace lilith
