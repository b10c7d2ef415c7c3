#include "wine/least_squares.h"

#include <cmath>

#include "lilith/error.h"

namespace lilith::zoo {
namespace {

// Applies the reflection that clears column k of `a` below its diagonal to `a` and `b`.
void reflect_column(std::vector<double>& a, std::vector<double>& b, std::size_t rows,
                    std::size_t cols, std::size_t k) {
  double norm = 0;
  for (std::size_t i = k; i < rows; ++i) norm += a[i * cols + k] * a[i * cols + k];
  norm = std::sqrt(norm);
  if (norm == 0) return;
  const double alpha = a[k * cols + k] > 0 ? -norm : norm;
  std::vector<double> v(rows, 0.0);
  for (std::size_t i = k; i < rows; ++i) v[i] = a[i * cols + k];
  v[k] -= alpha;
  double length = 0;
  for (std::size_t i = k; i < rows; ++i) length += v[i] * v[i];
  for (std::size_t j = k; j < cols; ++j) {
    double dot = 0;
    for (std::size_t i = k; i < rows; ++i) dot += v[i] * a[i * cols + j];
    for (std::size_t i = k; i < rows; ++i) a[i * cols + j] -= 2 * dot / length * v[i];
  }
  double dot = 0;
  for (std::size_t i = k; i < rows; ++i) dot += v[i] * b[i];
  for (std::size_t i = k; i < rows; ++i) b[i] -= 2 * dot / length * v[i];
}

}  // namespace

std::vector<double> least_squares(std::vector<double> a, std::vector<double> b, int cols) {
  const auto n = static_cast<std::size_t>(cols), rows = b.size();
  LILITH_CHECK(cols > 0 && a.size() == rows * n && rows >= n,
               "least_squares: {} values for {} rows of {} columns", a.size(), rows, cols);
  double largest = 0;
  for (std::size_t k = 0; k < n; ++k) {
    reflect_column(a, b, rows, n, k);
    largest = std::max(largest, std::abs(a[k * n + k]));
  }
  std::vector<double> w(n);
  for (std::size_t k = n; k-- > 0;) {
    LILITH_CHECK(std::abs(a[k * n + k]) > 1e-12 * largest,
                 "least_squares: column {} depends on the others", k);
    double sum = b[k];
    for (std::size_t j = k + 1; j < n; ++j) sum -= a[k * n + j] * w[j];
    w[k] = sum / a[k * n + k];
  }
  return w;
}

}  // namespace lilith::zoo
