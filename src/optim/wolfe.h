#pragma once
#include <functional>
#include <vector>

// A line search that ends where both strong Wolfe conditions hold. Nocedal and Wright, "Numerical
// Optimization", algorithms 3.5 and 3.6.
namespace lilith::optim {

using Vector = std::vector<double>;
double dot(const Vector& a, const Vector& b);

/// The loss at x + step d.
struct Point {
  double step = 0, loss = 0;
  Vector gradient;
  double slope = 0;  // gradient along d
};

/// `at` evaluates; start: x itself; step: the first that is tried. Ends without one that meets the
/// conditions after 25 evaluations, or when the bracket is shorter than `least`.
Point wolfe_search(const std::function<Point(double step)>& at, const Point& start, const Vector& d,
                   double step, double least);

}  // namespace lilith::optim
