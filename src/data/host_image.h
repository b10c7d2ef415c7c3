#pragma once
#include <cstdint>
#include <vector>

#include "lilith/tensor.h"

namespace lilith::data {

/// Images [..., C, H, W] on the host, as f32: what transforms work on. Programs would be compiled
/// anew for every offset and size that is drawn.
struct HostImage {
  /// u8, or floating. `op` names the transform in errors.
  HostImage(const char* op, const Tensor& x);
  /// Of the same leading sizes, channels and dtype.
  HostImage like(std::int64_t height, std::int64_t width) const;
  /// In the dtype that came in; of u8 rounded and held in 0 to 255.
  Tensor tensor() const;

  const float* plane(std::int64_t p) const { return values.data() + p * height * width; }
  float* plane(std::int64_t p) { return values.data() + p * height * width; }
  std::int64_t planes() const { return lead * channels; }

  std::int64_t lead = 1, channels = 1, height = 0, width = 0;
  std::vector<float> values;

 private:
  HostImage() = default;
  Shape front_;  // all sizes but the last two
  DType dtype_ = DType::F32;
};

/// Resamples to another size, bilinear or bicubic (as interpolate has them) or nearest.
enum class Resampling { Nearest, Bilinear, Bicubic };
HostImage resized(const HostImage& x, std::int64_t height, std::int64_t width, Resampling mode,
                  bool antialias);
/// The part [top, top + height) x [left, left + width); zeros outside of x.
HostImage cropped(const HostImage& x, std::int64_t top, std::int64_t left, std::int64_t height,
                  std::int64_t width);
/// Output (x, y), from the middle, is the input at (a x + b y + tx, c x + d y + ty); zeros outside.
struct Affine {
  double a = 1, b = 0, tx = 0, c = 0, d = 1, ty = 0;
};
HostImage warped(const HostImage& x, const Affine& map, bool bilinear);

}  // namespace lilith::data
