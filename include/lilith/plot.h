#pragma once
#include <memory>
#include <string>
#include <vector>

#include "lilith/tensor.h"

namespace lilith {

namespace detail {
struct Drawing;

/// What draw_charts and image_sheet make: a drawing of a size in pixels. Cairo draws it, which is
/// found when it is first needed: programs that draw nothing do without.
class Picture {
 public:
  explicit Picture(std::shared_ptr<const Drawing> drawing) : drawing_(std::move(drawing)) {}
  int width() const;
  int height() const;
  /// Writes a file; the end of its name says which: .png, .svg or .pdf. Errors: another end, a file
  /// that cannot be written, no Cairo.
  void save(const std::string& path, SourceLocation loc = SourceLocation::current()) const;
  /// The pixels: u8 [3, height, width]. Error: no Cairo.
  Tensor pixels(SourceLocation loc = SourceLocation::current()) const;

 private:
  std::shared_ptr<const Drawing> drawing_;
};

}  // namespace detail

/// A curve of a chart. Points that are not finite are left out.
struct Series {
  std::string name;
  std::vector<double> x, y;
  /// Dots, with no line between them.
  bool dots = false;
};

/// One panel: axes with round ticks, labels, a legend when there is more than one series.
struct Chart {
  std::string title, x_label, y_label;
  std::vector<Series> series;
};

/// Draws charts side by side. Errors: none, panels smaller than 200x150 or larger than 32767.
detail::Picture draw_charts(const std::vector<Chart>& charts, int panel_width = 560,
                            int panel_height = 400, SourceLocation loc = SourceLocation::current());

/// Lays images out on a sheet, `columns` a row. images: f32 [N,1,H,W] or [N,3,H,W] in [0,1];
/// `scale` enlarges each pixel. Errors: other shapes, a sheet of more than 32767 pixels a side.
/// Ref: torchvision.utils.make_grid.
detail::Picture image_sheet(const Tensor& images, int columns = 10, int scale = 2, int gap = 2,
                            SourceLocation loc = SourceLocation::current());

}  // namespace lilith
