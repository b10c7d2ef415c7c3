#include <algorithm>

#include "lilith/plot.h"
#include "train/canvas.h"

namespace lilith {
namespace {

using train::kMostPixels;
constexpr std::uint32_t kBehind = 0x3c3c42;

/// The pixels of image i, 0x00rrggbb.
class Pixels {
 public:
  explicit Pixels(const Tensor& images)
      : values_(images.to_vector<float>()),
        channels_(static_cast<std::size_t>(images.size(1))),
        height_(static_cast<std::size_t>(images.size(2))),
        width_(static_cast<std::size_t>(images.size(3))) {}

  std::uint32_t at(std::size_t image, std::size_t y, std::size_t x) const {
    const auto byte = [&](std::size_t channel) {
      const float v =
          values_[((image * channels_ + std::min(channel, channels_ - 1)) * height_ + y) * width_ +
                  x];
      return static_cast<std::uint32_t>(std::clamp(v, 0.0f, 1.0f) * 255.0f + 0.5f);
    };
    return byte(0) << 16 | byte(1) << 8 | byte(2);
  }

 private:
  std::vector<float> values_;
  std::size_t channels_, height_, width_;
};

}  // namespace

detail::Picture image_sheet(const Tensor& images, int columns, int scale, int gap,
                            SourceLocation loc) {
  const LocScope scope(loc, nullptr);
  LILITH_CHECK(images.ndim() == 4 && (images.size(1) == 1 || images.size(1) == 3) &&
                   images.dtype() == DType::F32,
               "image_sheet: got {}; need f32 [N,1,H,W] or [N,3,H,W]", images.aval().str());
  LILITH_CHECK(columns >= 1 && scale >= 1 && gap >= 0,
               "image_sheet: columns {}, scale {}, gap {}; need 1, 1, 0 or more", columns, scale,
               gap);
  const std::int64_t n = images.size(0),
                     rows = std::max<std::int64_t>(1, (n + columns - 1) / columns);
  const std::int64_t tile_height = images.size(2) * scale, tile_width = images.size(3) * scale;
  const std::int64_t width = columns * (tile_width + gap) + gap,
                     height = rows * (tile_height + gap) + gap;
  LILITH_CHECK(width >= 1 && height >= 1 && width <= kMostPixels && height <= kMostPixels,
               "image_sheet: {}x{} pixels; need 1 to {} a side", width, height, kMostPixels);
  const Pixels pixels(images);
  std::vector<std::uint32_t> sheet(static_cast<std::size_t>(width * height), kBehind);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t left = gap + i % columns * (tile_width + gap),
                       top = gap + i / columns * (tile_height + gap);
    for (std::int64_t y = 0; y < tile_height; ++y)
      for (std::int64_t x = 0; x < tile_width; ++x)
        sheet[static_cast<std::size_t>((top + y) * width + left + x)] =
            pixels.at(static_cast<std::size_t>(i), static_cast<std::size_t>(y / scale),
                      static_cast<std::size_t>(x / scale));
  }
  const int w = static_cast<int>(width), h = static_cast<int>(height);
  return train::picture(
      w, h, [sheet = std::move(sheet), w, h](train::Canvas& canvas) { canvas.image(sheet, w, h); });
}

}  // namespace lilith
