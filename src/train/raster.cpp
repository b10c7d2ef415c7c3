#include <png.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "lilith/plot.h"
#include "train/font.h"

namespace lilith {

Raster::Raster(int width, int height, Color background, SourceLocation loc)
    : width_(width), height_(height) {
  const LocScope scope(loc, nullptr);
  LILITH_CHECK(width >= 1 && height >= 1 && width <= 32768 && height <= 32768,
               "Raster: {}x{} pixels; sizes are 1 to 32768", width, height);
  pixels_.assign(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), background);
}

void Raster::set(int x, int y, Color color, float cover) {
  if (x < 0 || y < 0 || x >= width_ || y >= height_ || cover <= 0) return;
  Color& p = pixels_[index(x, y)];
  const float c = std::min(cover, 1.0f);
  const auto blend = [c](std::uint8_t under, std::uint8_t over) {
    return static_cast<std::uint8_t>(under + c * (static_cast<float>(over) - under) + 0.5f);
  };
  p = {blend(p.r, color.r), blend(p.g, color.g), blend(p.b, color.b)};
}

void Raster::fill(int x, int y, int width, int height, Color color) {
  for (int j = y; j < y + height; ++j) {
    for (int i = x; i < x + width; ++i) set(i, j, color);
  }
}

void Raster::line(double x0, double y0, double x1, double y1, Color color, double thickness) {
  const double dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy, reach = thickness / 2 + 0.5;
  const int left = static_cast<int>(std::floor(std::min(x0, x1) - reach));
  const int right = static_cast<int>(std::ceil(std::max(x0, x1) + reach));
  const int top = static_cast<int>(std::floor(std::min(y0, y1) - reach));
  const int bottom = static_cast<int>(std::ceil(std::max(y0, y1) + reach));
  for (int y = std::max(top, 0); y <= std::min(bottom, height_ - 1); ++y) {
    for (int x = std::max(left, 0); x <= std::min(right, width_ - 1); ++x) {
      const double px = x - x0, py = y - y0;
      const double t = length > 0 ? std::clamp((px * dx + py * dy) / length, 0.0, 1.0) : 0.0;
      const double distance = std::hypot(px - t * dx, py - t * dy);
      set(x, y, color, static_cast<float>(std::clamp(reach - distance, 0.0, 1.0)));
    }
  }
}

void Raster::text(int x, int y, const std::string& text, Color color, int scale) {
  for (char c : text) {
    const std::uint8_t* rows = train::glyph(c);
    for (int j = 0; j < train::kGlyphHeight; ++j) {
      for (int i = 0; i < train::kGlyphWidth; ++i) {
        if (rows[j] >> (train::kGlyphWidth - 1 - i) & 1)
          fill(x + i * scale, y + j * scale, scale, scale, color);
      }
    }
    x += (train::kGlyphWidth + 1) * scale;
  }
}

void Raster::text_up(int x, int y, const std::string& text, Color color, int scale) {
  for (char c : text) {
    const std::uint8_t* rows = train::glyph(c);
    for (int j = 0; j < train::kGlyphHeight; ++j) {
      for (int i = 0; i < train::kGlyphWidth; ++i) {
        if (rows[j] >> (train::kGlyphWidth - 1 - i) & 1) {
          fill(x + j * scale, y - (i + 1) * scale, scale, scale, color);
        }
      }
    }
    y -= (train::kGlyphWidth + 1) * scale;
  }
}

int Raster::text_width(const std::string& text, int scale) {
  return text.empty() ? 0 : (static_cast<int>(text.size()) * (train::kGlyphWidth + 1) - 1) * scale;
}

void Raster::save_png(const std::string& path, SourceLocation loc) const {
  const LocScope scope(loc, nullptr);
  static_assert(sizeof(Color) == 3);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width_);
  image.height = static_cast<png_uint_32>(height_);
  image.format = PNG_FORMAT_RGB;
  const int ok = png_image_write_to_file(&image, path.c_str(), 0, pixels_.data(), 0, nullptr);
  const std::string reason = image.message;
  png_image_free(&image);
  LILITH_CHECK(ok, "save_png: cannot write {}: {}", path, reason);
}

Raster image_sheet(const Tensor& images, int columns, int scale, int gap, SourceLocation loc) {
  const LocScope scope(loc, nullptr);
  LILITH_CHECK(images.ndim() == 4 && (images.size(1) == 1 || images.size(1) == 3) &&
                   images.dtype() == DType::F32,
               "image_sheet: got {}; need f32 [N,1,H,W] or [N,3,H,W]", images.aval().str());
  LILITH_CHECK(columns >= 1 && scale >= 1 && gap >= 0,
               "image_sheet: columns {}, scale {}, gap {}; need 1, 1, 0 or more", columns, scale,
               gap);
  const int n = static_cast<int>(images.size(0)), channels = static_cast<int>(images.size(1));
  const int height = static_cast<int>(images.size(2)), width = static_cast<int>(images.size(3));
  const int rows = std::max(1, (n + columns - 1) / columns);
  Raster sheet(columns * (width * scale + gap) + gap, rows * (height * scale + gap) + gap,
               {60, 60, 66});
  const float* p = images.data<float>();
  const auto byte = [&](int image, int c, int y, int x) {
    const std::size_t at =
        ((static_cast<std::size_t>(image) * channels + c) * height + y) * width + x;
    return static_cast<std::uint8_t>(std::clamp(p[at], 0.0f, 1.0f) * 255.0f + 0.5f);
  };
  for (int i = 0; i < n; ++i) {
    const int left = gap + i % columns * (width * scale + gap),
              top = gap + i / columns * (height * scale + gap);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const Color color = {byte(i, 0, y, x), byte(i, channels > 1 ? 1 : 0, y, x),
                             byte(i, channels - 1, y, x)};
        sheet.fill(left + x * scale, top + y * scale, scale, scale, color);
      }
    }
  }
  return sheet;
}

}  // namespace lilith
