#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lilith/tensor.h"

namespace lilith {

/// An RGB colour, 8 bits a channel.
struct Color {
  std::uint8_t r = 0, g = 0, b = 0;
  bool operator==(const Color&) const = default;
};

/// An RGB image in memory that can be drawn on: what charts and image sheets are made of.
class Raster {
 public:
  /// Error unless both sizes are in [1, 32768].
  Raster(int width, int height, Color background = {255, 255, 255},
         SourceLocation loc = SourceLocation::current());
  int width() const { return width_; }
  int height() const { return height_; }
  Color at(int x, int y) const { return pixels_[index(x, y)]; }
  /// Sets a pixel; outside the image nothing happens. cover in [0,1] blends with what is there.
  void set(int x, int y, Color color, float cover = 1);
  void fill(int x, int y, int width, int height, Color color);
  /// An anti-aliased line between two points in pixels.
  void line(double x0, double y0, double x1, double y1, Color color, double thickness = 1);
  /// Text in the built-in 5x7 font with its upper left corner at (x, y); what is not ASCII shows as
  /// '?'.
  void text(int x, int y, const std::string& text, Color color, int scale = 1);
  /// The same turned by a quarter: read from bottom to top, (x, y) is the lower left corner.
  void text_up(int x, int y, const std::string& text, Color color, int scale = 1);
  /// Width of a text in pixels.
  static int text_width(const std::string& text, int scale = 1);
  /// Writes a PNG. Error when the file cannot be written.
  void save_png(const std::string& path, SourceLocation loc = SourceLocation::current()) const;

 private:
  std::size_t index(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
           static_cast<std::size_t>(x);
  }
  int width_, height_;
  std::vector<Color> pixels_;
};

/// A curve of a chart. Points that are not finite are left out.
struct Series {
  std::string name;
  std::vector<double> x, y;
};

/// One panel: axes with round ticks, labels, a legend when there is more than one series.
struct Chart {
  std::string title, x_label, y_label;
  std::vector<Series> series;
};

/// Draws charts side by side. Error when there is none.
Raster draw_charts(const std::vector<Chart>& charts, int panel_width = 560, int panel_height = 400,
                   SourceLocation loc = SourceLocation::current());

/// Lays images out on a sheet, `columns` a row. images: f32 [N,1,H,W] or [N,3,H,W] in [0,1];
/// `scale` enlarges each pixel. Error for other shapes. Ref: torchvision.utils.make_grid.
Raster image_sheet(const Tensor& images, int columns = 10, int scale = 2, int gap = 2,
                   SourceLocation loc = SourceLocation::current());

}  // namespace lilith
