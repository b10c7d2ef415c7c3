#include <algorithm>
#include <cmath>

#include "lilith/plot.h"

namespace lilith {
namespace {

constexpr Color kInk{60, 60, 68}, kGrid{228, 228, 234}, kAxis{120, 120, 130}, kTitle{30, 30, 36};
// Told apart by people with the usual kinds of colour blindness too (Okabe and Ito).
constexpr Color kColors[] = {
    {0, 114, 178}, {213, 94, 0}, {0, 158, 115}, {204, 121, 167}, {86, 180, 233}};

struct Range {
  double low = 0, high = 1, step = 0.25;
};

// About `count` ticks at 1, 2, 2.5 or 5 times a power of ten that enclose [low, high].
Range round_range(double low, double high, int count) {
  if (high <= low) {
    const double pad = low != 0 ? std::abs(low) * 0.1 : 0.5;
    low -= pad;
    high += pad;
  }
  const double raw = (high - low) / count, power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (double m : {1.0, 2.0, 2.5, 5.0}) {
    if (m * power >= raw * (1 - 1e-9)) {
      step = m * power;
      break;
    }
  }
  return {std::floor(low / step + 1e-9) * step, std::ceil(high / step - 1e-9) * step, step};
}

std::string tick_label(double value, double step) {
  if (std::abs(value) < step * 1e-6) value = 0;
  if (std::abs(value) >= 1e5 || (step < 1e-4)) return fmt::format("{:.3g}", value);
  int digits = 0;
  for (double s = step; digits < 5 && std::abs(s - std::round(s)) > 1e-6 * s; s *= 10) ++digits;
  return fmt::format("{:.{}f}", value, digits);
}

// One panel: maps the data's ranges onto a rectangle of the raster.
class Panel {
 public:
  Panel(Raster& raster, const Chart& chart, int x, int y, int width, int height)
      : raster_(raster), chart_(chart), x_(x), y_(y), width_(width), height_(height) {
    find_ranges();
    // The widest label decides where the axis stands.
    int label = 0;
    for (double v = y_range_.low; v <= y_range_.high + y_range_.step / 2; v += y_range_.step) {
      label = std::max(label, Raster::text_width(tick_label(v, y_range_.step)));
    }
    left_ = x_ + label + 34;
    right_ = x_ + width_ - 22;
    top_ = y_ + 40;
    bottom_ = y_ + height_ - 48;
  }

  void draw() {
    draw_axes();
    for (std::size_t i = 0; i < chart_.series.size(); ++i)
      draw_series(chart_.series[i], color_of(i));
    if (chart_.series.size() > 1) draw_legend();
  }

 private:
  static Color color_of(std::size_t i) { return kColors[i % std::size(kColors)]; }

  void find_ranges() {
    double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
    for (const Series& s : chart_.series) {
      for (std::size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
        if (!std::isfinite(s.x[i]) || !std::isfinite(s.y[i])) continue;
        x0 = std::min(x0, s.x[i]), x1 = std::max(x1, s.x[i]);
        y0 = std::min(y0, s.y[i]), y1 = std::max(y1, s.y[i]);
      }
    }
    if (x0 > x1) x0 = 0, x1 = 1, y0 = 0, y1 = 1;
    x_range_ = round_range(x0, x1, 6);
    y_range_ = round_range(y0, y1, 5);
    // Epochs are whole; the curve spans the width, the ticks stand at whole numbers within.
    x_range_.step = std::max(1.0, std::round(x_range_.step));
    x_range_.low = x1 > x0 ? x0 : x0 - 1;
    x_range_.high = x1 > x0 ? x1 : x0 + 1;
  }

  double px(double v) const {
    return left_ + (v - x_range_.low) / (x_range_.high - x_range_.low) * (right_ - left_);
  }
  double py(double v) const {
    return bottom_ - (v - y_range_.low) / (y_range_.high - y_range_.low) * (bottom_ - top_);
  }

  void draw_axes() {
    for (double v = y_range_.low; v <= y_range_.high + y_range_.step / 2; v += y_range_.step) {
      const int y = static_cast<int>(std::lround(py(v)));
      raster_.fill(left_, y, right_ - left_ + 1, 1, kGrid);
      raster_.fill(left_ - 4, y, 4, 1, kAxis);
      const std::string label = tick_label(v, y_range_.step);
      raster_.text(left_ - 8 - Raster::text_width(label), y - 3, label, kInk);
    }
    const double step = x_range_.step;
    for (double v = std::ceil(x_range_.low / step) * step; v <= x_range_.high + 1e-9; v += step) {
      const int x = static_cast<int>(std::lround(px(v)));
      raster_.fill(x, top_, 1, bottom_ - top_, kGrid);
      raster_.fill(x, bottom_, 1, 5, kAxis);
      const std::string label = tick_label(v, step);
      raster_.text(x - Raster::text_width(label) / 2, bottom_ + 9, label, kInk);
    }
    raster_.fill(left_, top_, 1, bottom_ - top_ + 1, kAxis);
    raster_.fill(left_, bottom_, right_ - left_ + 1, 1, kAxis);
    const int middle = (left_ + right_) / 2;
    raster_.text(middle - Raster::text_width(chart_.title, 2) / 2, y_ + 12, chart_.title, kTitle,
                 2);
    raster_.text(middle - Raster::text_width(chart_.x_label) / 2, bottom_ + 28, chart_.x_label,
                 kInk);
    raster_.text_up(x_ + 10, (top_ + bottom_) / 2 + Raster::text_width(chart_.y_label) / 2,
                    chart_.y_label, kInk);
  }

  void draw_series(const Series& s, Color color) {
    bool has_last = false;
    double last_x = 0, last_y = 0;
    const std::size_t n = std::min(s.x.size(), s.y.size());
    for (std::size_t i = 0; i < n; ++i) {
      if (!std::isfinite(s.x[i]) || !std::isfinite(s.y[i])) {
        has_last = false;
        continue;
      }
      const double x = px(s.x[i]), y = py(s.y[i]);
      if (has_last) raster_.line(last_x, last_y, x, y, color, 2);
      if (n <= 60) raster_.line(x, y, x, y, color, 5);
      last_x = x, last_y = y, has_last = true;
    }
  }

  // The legend stands in the corner, upper or lower right, that fewer points cross.
  void draw_legend() {
    int width = 0;
    for (const Series& s : chart_.series) width = std::max(width, Raster::text_width(s.name));
    width += 40;
    const int height = static_cast<int>(chart_.series.size()) * 15 + 7;
    const int left = right_ - width - 8;
    int high = 0, low = 0;
    for (const Series& s : chart_.series) {
      for (std::size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
        if (!std::isfinite(s.y[i]) || px(s.x[i]) < left - 10) continue;
        high += py(s.y[i]) < top_ + height + 16;
        low += py(s.y[i]) > bottom_ - height - 16;
      }
    }
    int y = high <= low ? top_ + 8 : bottom_ - height - 8;
    raster_.fill(left - 1, y - 1, width + 2, height + 2, kGrid);
    raster_.fill(left, y, width, height, {255, 255, 255});
    for (std::size_t i = 0; i < chart_.series.size(); ++i, y += 15) {
      raster_.line(left + 8, y + 10, left + 26, y + 10, color_of(i), 2);
      raster_.line(left + 17, y + 10, left + 17, y + 10, color_of(i), 5);
      raster_.text(left + 33, y + 7, chart_.series[i].name, kInk);
    }
  }

  Raster& raster_;
  const Chart& chart_;
  int x_, y_, width_, height_;
  int left_ = 0, right_ = 0, top_ = 0, bottom_ = 0;
  Range x_range_, y_range_;
};

}  // namespace

Raster draw_charts(const std::vector<Chart>& charts, int panel_width, int panel_height,
                   SourceLocation loc) {
  const LocScope scope(loc, nullptr);
  LILITH_CHECK(!charts.empty(), "draw_charts: no chart; need at least one");
  LILITH_CHECK(panel_width >= 200 && panel_height >= 150,
               "draw_charts: panels of {}x{}; need at least 200x150", panel_width, panel_height);
  Raster raster(panel_width * static_cast<int>(charts.size()), panel_height);
  int x = 0;
  for (const Chart& chart : charts) {
    Panel(raster, chart, x, 0, panel_width, panel_height).draw();
    x += panel_width;
  }
  return raster;
}

}  // namespace lilith
