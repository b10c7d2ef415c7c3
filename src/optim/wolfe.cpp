#include "optim/wolfe.h"

#include <algorithm>
#include <cmath>

namespace lilith::optim {

double dot(const Vector& a, const Vector& b) {
  double out = 0;
  for (std::size_t i = 0; i < a.size(); ++i) out += a[i] * b[i];
  return out;
}

namespace {

constexpr double kDecrease = 1e-4, kCurvature = 0.9;
constexpr int kMostEvaluations = 25;

// Where the cubic through both points, with their slopes, is least; held in [low, high]. Equation
// 3.59.
double cubic_minimum(const Point& p, const Point& q, double low, double high) {
  const Point &a = p.step <= q.step ? p : q, &b = p.step <= q.step ? q : p;
  const double d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.step - b.step);
  const double square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const double d2 = std::sqrt(square);
  const double at =
      b.step - (b.step - a.step) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2));
  return std::min(std::max(at, low), high);
}

struct Search {
  const std::function<Point(double)>& at;
  const Point start;
  const Vector& d;
  int tried = 0;

  Point evaluate(double step) {
    Point p = at(step);
    p.step = step;
    p.slope = dot(p.gradient, d);
    ++tried;
    return p;
  }
  bool too_high(const Point& p) const {
    return p.loss > start.loss + kDecrease * p.step * start.slope;
  }
  bool flat_enough(const Point& p) const { return std::fabs(p.slope) <= -kCurvature * start.slope; }

  // Shrinks a bracket around a point that meets both conditions.
  Point zoom(Point low, Point high, double least) {
    if (low.loss > high.loss) std::swap(low, high);
    bool stalled = false;
    while (tried <= kMostEvaluations && std::fabs(high.step - low.step) >= least) {
      const auto [left, right] = std::minmax(low.step, high.step);
      double step = cubic_minimum(low, high, left, right);
      // A place close to an end is taken once; the next time it is moved inwards.
      const double margin = 0.1 * (right - left);
      const bool close = std::min(right - step, step - left) < margin;
      if (close && (stalled || step >= right || step <= left)) {
        step = std::fabs(step - right) < std::fabs(step - left) ? right - margin : left + margin;
        stalled = false;
      } else {
        stalled = close;
      }
      Point p = evaluate(step);
      if (too_high(p) || p.loss >= low.loss) {
        high = std::move(p);
        if (low.loss > high.loss) std::swap(low, high);
        continue;
      }
      if (flat_enough(p)) return p;
      if (p.slope * (high.step - low.step) >= 0) high = low;
      low = std::move(p);
    }
    return low;
  }
};

}  // namespace

Point wolfe_search(const std::function<Point(double)>& at, const Point& from, const Vector& d,
                   double step, double least) {
  Search search{at, {0, from.loss, from.gradient, dot(from.gradient, d)}, d};
  double size = 0;
  for (const double v : d) size = std::max(size, std::fabs(v));
  Point before = search.start, now = search.evaluate(step);
  for (int i = 0; i < kMostEvaluations; ++i) {
    if (search.too_high(now) || (i > 1 && now.loss >= before.loss))
      return search.zoom(before, now, least / size);
    if (search.flat_enough(now)) return now;
    if (now.slope >= 0) return search.zoom(before, now, least / size);
    const double next =
        cubic_minimum(before, now, now.step + 0.01 * (now.step - before.step), now.step * 10);
    before = std::move(now);
    now = search.evaluate(next);
  }
  return search.zoom(search.start, now, least / size);
}

}  // namespace lilith::optim
