#include <cmath>

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/fft.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "lilith/ops/spatial.h"
#include "ops/fft/calls.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// The short-time Fourier transform and its inverse.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

/// What both are told about the windows.
struct Frames {
  I n_fft, hop, length;
  Tensor window;  // [n_fft], zeros around it

  Frames(const char* op, I n, std::optional<Int> hop_length, std::optional<Int> win_length,
         const Tensor& given, const Tensor& like)
      : n_fft(n),
        hop(hop_length ? I{*hop_length} : n / 4),
        length(win_length ? I{*win_length} : n) {
    LILITH_CHECK(n >= 1, "{}: n_fft is {}; need 1 or more", op, n);
    LILITH_CHECK(hop >= 1, "{}: hop_length is {}; need 1 or more", op, hop);
    LILITH_CHECK(length >= 1 && length <= n, "{}: win_length is {}; need 1 to n_fft, {}", op,
                 length, n);
    LILITH_CHECK(!given.defined() || given.shape() == Shape{length},
                 "{}: the window is {}; need win_length elements, {}", op, given.aval().str(),
                 length);
    window = given.defined() ? make_cast(given, like.dtype())
                             : make_full({length}, 1, like.dtype(), like.device());
    const I left = (n - length) / 2;
    if (length < n) window = pad_dim(window, 0, left, n - length - left);
  }
};

double scale_of(bool normalized, I n) {
  return normalized ? 1 / std::sqrt(static_cast<double>(n)) : 1;
}

}  // namespace

Tensor stft(const Arg& x, Int n_fft, const StftOptions& o) {
  LocScope scope(x.loc());
  const Tensor given = widened(floating(x));
  LILITH_CHECK(given.ndim() == 1 || given.ndim() == 2, "stft: got {}; need signals [L] or [B, L]",
               given.aval().str());
  const Frames f("stft", n_fft, o.hop_length, o.win_length, o.window, given);
  const I half = f.n_fft / 2;
  Tensor t = given.ndim() == 1 ? unsqueeze(given, 0) : given;
  if (o.center) t = squeeze(pad(unsqueeze(t, 1), {half, half}, o.pad_mode), 1);
  LILITH_CHECK(t.size(-1) >= f.n_fft, "stft: signals of {} elements; need n_fft, {}, or more",
               t.size(-1), f.n_fft);
  const Tensor frames = mul(unfold(t, -1, f.n_fft, f.hop), f.window);  // [B, frames, n_fft]
  Tensor y;
  if (o.onesided) {
    y = call_rfft(frames);
  } else {
    const Tensor re = unsqueeze(frames, -1);
    y = call_fft(make_concat({re, full_as(re, 0)}, 3), false);
  }
  const double by = scale_of(o.normalized, f.n_fft);
  y = transpose(by == 1 ? y : scale(y, by), 1, 2);
  return narrowed(given.ndim() == 1 ? squeeze(y, 0) : y, x.tensor().dtype());
}

namespace {

// Frames [B, frames, n_fft], each a hop behind the one before it, added up.
Tensor overlapped(const Tensor& frames, const Frames& f) {
  const I length = f.n_fft + f.hop * (frames.size(1) - 1);
  const Tensor y = fold(transpose(frames, 1, 2), {1, length}, {1, f.n_fft}, {.stride = {1, f.hop}});
  return make_reshape(y, {frames.size(0), length});
}

}  // namespace

Tensor istft(const Arg& x, Int n_fft, const IstftOptions& o) {
  LocScope scope(x.loc());
  const Tensor given = widened(floating(x));
  LILITH_CHECK((given.ndim() == 3 || given.ndim() == 4) && given.size(-1) == 2,
               "istft: got {}; need [rows, frames, 2] or [B, rows, frames, 2]", given.aval().str());
  const Frames f("istft", n_fft, o.hop_length, o.win_length, o.window, given);
  Tensor t = transpose(given.ndim() == 3 ? unsqueeze(given, 0) : given, 1, 2);
  const I rows = t.size(2), half = f.n_fft / 2 + 1;
  const bool onesided = o.onesided ? *o.onesided : rows != f.n_fft;
  LILITH_CHECK(rows == (onesided ? half : f.n_fft),
               "istft: got {} with {} rows; need {} of n_fft {}", given.aval().str(), rows,
               onesided ? half : f.n_fft, f.n_fft);
  t = call_irfft(slice_dim(t, 2, 0, half), f.n_fft);
  t = scale(t, 1 / (scale_of(o.normalized, f.n_fft) * static_cast<double>(f.n_fft)));
  Tensor y = overlapped(mul(t, f.window), f);
  const Tensor square = mul(f.window, f.window);
  const Tensor squares = expand(square, {1, t.size(1), f.n_fft});
  Tensor envelope = overlapped(squares, f);
  const I all = y.size(1), start = o.center ? f.n_fft / 2 : 0;
  const I end = o.length ? start + I{*o.length} : all - start;
  LILITH_CHECK(end > start, "istft: {} frames leave {} samples; need some", t.size(1), end - start);
  const auto cut = [&](const Tensor& v) { return slice_dim(v, 1, start, std::min(end, all)); };
  y = div(cut(y), call_covered(cut(envelope)));
  if (end > all) y = pad_dim(y, 1, 0, end - all);
  return narrowed(given.ndim() == 3 ? squeeze(y, 0) : y, x.tensor().dtype());
}

}  // namespace lilith
