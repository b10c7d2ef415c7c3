#pragma once
#include "data/host_image.h"
#include "data/random.h"
#include "lilith/data/dataset.h"
#include "lilith/error.h"

// What the image transforms share: their line, their draws, and what pixels are.
namespace lilith::data {

/// The line of a transform that was called there: that of the loop or the function that runs it,
/// where there is one, since what goes by a std::function does not know its caller's.
inline Loc line_of(const std::source_location& loc) {
  const Loc known = LocScope::current();
  return known ? known : Loc(loc);
}

inline HostRandom drawing() { return HostRandom(draw_seed()); }
/// Uniform in [low, high).
inline double uniform(HostRandom& random, double low, double high) {
  return low + (high - low) * (static_cast<double>(random.next() >> 11) * 0x1p-53);
}
/// In 0 … n - 1.
inline std::int64_t below(HostRandom& random, std::int64_t n) {
  return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(n)));
}
/// True with probability p.
inline bool comes(double p) {
  HostRandom random = drawing();
  return uniform(random, 0, 1) < p;
}

/// The value of white.
inline float top_of(const Tensor& x) { return x.dtype() == DType::U8 ? 255 : 1; }
/// A colour's grey, by torchvision's weights (ITU-R 601).
inline float grey_of(float r, float g, float b) { return 0.2989f * r + 0.587f * g + 0.114f * b; }
/// Error unless the image has three channels, or one, which is grey.
inline void check_channels(const char* op, const HostImage& image, const Tensor& x) {
  LILITH_CHECK(image.channels == 1 || image.channels == 3,
               "{}: image is {}; need one channel or three", op, x.aval().str());
}
/// Whether there are colours. Errors: as of check_channels.
inline bool is_coloured(const char* op, const HostImage& image, const Tensor& x) {
  check_channels(op, image, x);
  return image.channels == 3;
}

}  // namespace lilith::data
