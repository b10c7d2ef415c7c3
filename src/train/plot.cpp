#include "lilith/plot.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "train/canvas.h"

namespace lilith {
namespace {

using train::Align, train::Canvas, train::Color, train::Font, train::kMostPixels;

constexpr Font kSmall{11, false}, kLarge{14, true};
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

// One panel: maps the data's ranges onto a rectangle of the canvas.
class Panel {
 public:
  Panel(Canvas& canvas, const Chart& chart, double x, double width, double height)
      : canvas_(canvas), chart_(chart), x_(x) {
    find_ranges();
    // The widest label decides where the axis stands.
    double label = 0;
    each_tick(y_range_, y_range_.low, [&](double v) {
      label = std::max(label, canvas.text_width(tick_label(v, y_range_.step), kSmall));
    });
    left_ = std::round(x + label + 36);
    right_ = x + width - 22;
    top_ = 40;
    bottom_ = height - 48;
  }

  void draw() {
    draw_axes();
    for (std::size_t i = 0; i < chart_.series.size(); ++i)
      draw_series(chart_.series[i], color_of(i));
    if (chart_.series.size() > 1) draw_legend();
  }

 private:
  static Color color_of(std::size_t i) { return kColors[i % std::size(kColors)]; }

  static void each_tick(const Range& range, double first, const std::function<void(double)>& f) {
    for (int k = 0; first + k * range.step <= range.high + range.step * 1e-6; ++k)
      f(first + k * range.step);
  }
  static void each_point(const Series& s, const std::function<void(double, double)>& f) {
    for (std::size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i)
      if (std::isfinite(s.x[i]) && std::isfinite(s.y[i])) f(s.x[i], s.y[i]);
  }

  void find_ranges() {
    double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
    bool is_whole = true;
    for (const Series& s : chart_.series)
      each_point(s, [&](double x, double y) {
        x0 = std::min(x0, x), x1 = std::max(x1, x);
        y0 = std::min(y0, y), y1 = std::max(y1, y);
        is_whole &= x == std::floor(x);
      });
    if (x0 > x1) x0 = 0, x1 = 1, y0 = 0, y1 = 1;
    x_range_ = round_range(x0, x1, 6);
    y_range_ = round_range(y0, y1, 5);
    // Of epochs the curve spans the width, and the ticks stand at whole numbers within.
    if (is_whole) {
      x_range_.step = std::max(1.0, std::round(x_range_.step));
      x_range_.low = x1 > x0 ? x0 : x0 - 1;
      x_range_.high = x1 > x0 ? x1 : x0 + 1;
    }
  }

  double px(double v) const {
    return left_ + (v - x_range_.low) / (x_range_.high - x_range_.low) * (right_ - left_);
  }
  double py(double v) const {
    return bottom_ - (v - y_range_.low) / (y_range_.high - y_range_.low) * (bottom_ - top_);
  }

  void draw_axes() {
    each_tick(y_range_, y_range_.low, [&](double v) {
      const double y = std::round(py(v));
      canvas_.fill(left_, y, right_ - left_ + 1, 1, kGrid);
      canvas_.fill(left_ - 4, y, 4, 1, kAxis);
      canvas_.text(left_ - 8, y + 4, tick_label(v, y_range_.step), kSmall, Align::Right, kInk);
    });
    const double step = x_range_.step;
    each_tick(x_range_, std::ceil(x_range_.low / step - 1e-6) * step, [&](double v) {
      const double x = std::round(px(v));
      canvas_.fill(x, top_, 1, bottom_ - top_, kGrid);
      canvas_.fill(x, bottom_, 1, 5, kAxis);
      canvas_.text(x, bottom_ + 17, tick_label(v, step), kSmall, Align::Middle, kInk);
    });
    canvas_.fill(left_, top_, 1, bottom_ - top_ + 1, kAxis);
    canvas_.fill(left_, bottom_, right_ - left_ + 1, 1, kAxis);
    const double middle = (left_ + right_) / 2;
    canvas_.text(middle, 24, chart_.title, kLarge, Align::Middle, kTitle);
    canvas_.text(middle, bottom_ + 36, chart_.x_label, kSmall, Align::Middle, kInk);
    canvas_.text_up(x_ + 16, (top_ + bottom_) / 2, chart_.y_label, kSmall, kInk);
  }

  // What is not finite parts the line.
  void draw_series(const Series& s, Color color) {
    const std::size_t n = std::min(s.x.size(), s.y.size());
    std::vector<std::pair<double, double>> piece;
    const auto end_piece = [&] {
      if (!s.dots) canvas_.line(piece, 1.8, color);
      piece.clear();
    };
    for (std::size_t i = 0; i < n; ++i) {
      if (std::isfinite(s.x[i]) && std::isfinite(s.y[i]))
        piece.emplace_back(px(s.x[i]), py(s.y[i]));
      else
        end_piece();
    }
    end_piece();
    if (s.dots || n <= 60)
      each_point(s,
                 [&](double x, double y) { canvas_.dot(px(x), py(y), s.dots ? 1.4 : 2.8, color); });
  }

  // The legend stands in the corner, upper or lower right, that fewer points cross.
  void draw_legend() {
    double width = 0;
    for (const Series& s : chart_.series)
      width = std::max(width, canvas_.text_width(s.name, kSmall));
    width = std::ceil(width) + 42;
    const double height = static_cast<double>(chart_.series.size()) * 16 + 8;
    const double left = right_ - width - 8;
    int high = 0, low = 0;
    for (const Series& s : chart_.series)
      each_point(s, [&](double x, double y) {
        if (px(x) < left - 10) return;
        high += py(y) < top_ + height + 16;
        low += py(y) > bottom_ - height - 16;
      });
    double y = high <= low ? top_ + 8 : bottom_ - height - 8;
    canvas_.fill(left - 1, y - 1, width + 2, height + 2, kGrid);
    canvas_.fill(left, y, width, height, {255, 255, 255});
    for (std::size_t i = 0; i < chart_.series.size(); ++i, y += 16) {
      if (!chart_.series[i].dots)
        canvas_.line({{left + 8, y + 12}, {left + 26, y + 12}}, 1.8, color_of(i));
      canvas_.dot(left + 17, y + 12, 2.8, color_of(i));
      canvas_.text(left + 34, y + 16, chart_.series[i].name, kSmall, Align::Left, kInk);
    }
  }

  Canvas& canvas_;
  const Chart& chart_;
  const double x_;
  double left_ = 0, right_ = 0, top_ = 0, bottom_ = 0;
  Range x_range_, y_range_;
};

}  // namespace

detail::Picture draw_charts(const std::vector<Chart>& charts, int panel_width, int panel_height,
                            SourceLocation loc) {
  const LocScope scope(loc, nullptr);
  LILITH_CHECK(!charts.empty(), "draw_charts: no chart; need at least one");
  LILITH_CHECK(panel_width >= 200 && panel_height >= 150,
               "draw_charts: panels of {}x{}; need at least 200x150", panel_width, panel_height);
  const auto n = static_cast<int>(charts.size());
  LILITH_CHECK(panel_width <= kMostPixels / n && panel_height <= kMostPixels,
               "draw_charts: {} panels of {}x{}; all together have at most {} pixels a side", n,
               panel_width, panel_height, kMostPixels);
  return train::picture(panel_width * n, panel_height, [=](Canvas& canvas) {
    double x = 0;
    for (const Chart& chart : charts) {
      Panel(canvas, chart, x, panel_width, panel_height).draw();
      x += panel_width;
    }
  });
}

}  // namespace lilith
