#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lilith/plot.h"
#include "train/cairo.h"

namespace lilith::train {

/// An RGB colour, 8 bits a channel.
struct Color {
  std::uint8_t r = 0, g = 0, b = 0;
};
enum class Align : std::uint8_t { Left, Middle, Right };
struct Font {
  double size = 11;
  bool is_bold = false;
};

/// The most pixels of a side, of Cairo's images.
inline constexpr int kMostPixels = 32767;

/// What a drawing is drawn on: a surface of Cairo, y downwards from the upper left corner.
class Canvas {
 public:
  explicit Canvas(cairo_surface_t* surface) : c_(cairo()), at_(c_.create(surface)) {}
  ~Canvas() { c_.destroy(at_); }
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  cairo_status_t status() const { return c_.status(at_); }
  void fill(double x, double y, double width, double height, Color color);
  void dot(double x, double y, double radius, Color color);
  /// Through all of them.
  void line(const std::vector<std::pair<double, double>>& points, double thickness, Color color);
  /// y: of the baseline.
  void text(double x, double y, const std::string& text, const Font& font, Align align,
            Color color);
  /// The same, read from bottom to top.
  void text_up(double x, double y, const std::string& text, const Font& font, Color color);
  double text_width(const std::string& text, const Font& font);
  /// Pixels 0x00rrggbb, row by row, from the upper left corner on.
  void image(const std::vector<std::uint32_t>& pixels, int width, int height);

 private:
  void set(Color color);
  void set(const Font& font);

  const Cairo& c_;
  cairo_t* const at_;
};

}  // namespace lilith::train

namespace lilith::detail {

/// A picture, as what draws it.
struct Drawing {
  int width, height;
  std::function<void(train::Canvas&)> draw;
};

}  // namespace lilith::detail

namespace lilith::train {

inline lilith::detail::Picture picture(int width, int height, std::function<void(Canvas&)> draw) {
  return lilith::detail::Picture(std::make_shared<const lilith::detail::Drawing>(
      lilith::detail::Drawing{width, height, std::move(draw)}));
}

}  // namespace lilith::train
