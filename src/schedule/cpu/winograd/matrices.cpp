#include "schedule/cpu/winograd/matrices.h"

#include <cmath>
#include <numbers>
#include <set>

#include "lilith/error.h"

// A polynomial of degree size - 1 is known by its values at size - 1 points and its leading
// coefficient, the value at infinity. `kernel` and the transposed `output` evaluate at the points,
// `data` is the transposed interpolation, whose denominators are in `kernel`.
namespace lilith::schedule {

using kir::Expr;

namespace {

// Beside infinity; a point and its negative follow each other.
std::vector<double> points(int size) {
  constexpr double root = std::numbers::sqrt2;
  if (size == 4) return {0, 1, -1};
  if (size == 6) return {0, root / 2, -root / 2, root, -root};
  throw InternalError("winograd: no points for this size");
}

Matrix zeros(int rows, int columns) {
  return {rows, columns, std::vector<double>(static_cast<std::size_t>(rows * columns), 0.0), {}};
}

double& element(Matrix& m, int row, int column) {
  return m.elements[static_cast<std::size_t>(row * m.columns + column)];
}

// Coefficients of the product of x - p over all points but one.
std::vector<double> product_without(const std::vector<double>& p, std::size_t one) {
  std::vector<double> c{1};
  for (std::size_t l = 0; l < p.size(); ++l) {
    if (l == one) continue;
    c.push_back(0);
    for (std::size_t k = c.size() - 1; k > 0; --k) c[k] = c[k - 1] - p[l] * c[k];
    c[0] *= -p[l];
  }
  return c;
}

// Of a point and its negative the even terms agree and the odd ones differ in sign.
std::vector<std::vector<int>> even_and_odd(int columns) {
  std::vector<std::vector<int>> groups(2);
  for (int k = 0; k < columns; ++k) groups[static_cast<std::size_t>(k % 2)].push_back(k);
  return groups;
}

std::vector<std::vector<int>> pairs_of_points(int size) {
  std::vector<std::vector<int>> groups{{0}};
  for (int k = 1; k + 2 < size; k += 2) groups.push_back({k, k + 1});
  groups.push_back({size - 1});
  return groups;
}

}  // namespace

WinogradMatrices winograd_matrices(int outputs, int taps) {
  const int n = outputs + taps - 1;
  const std::vector<double> p = points(n);
  WinogradMatrices w{outputs, taps, n, zeros(outputs, n), zeros(n, taps), zeros(n, n)};
  for (int j = 0; j < n; ++j) {
    const bool infinite = j == n - 1;
    const std::vector<double> c = product_without(p, static_cast<std::size_t>(j));
    for (std::size_t k = 0; k < c.size(); ++k) element(w.data, j, static_cast<int>(k)) = c[k];
    const double x = infinite ? 0 : p[static_cast<std::size_t>(j)];
    double scale = infinite ? 1 : 0;
    for (std::size_t k = c.size(); !infinite && k-- > 0;) scale = scale * x + c[k];
    for (int i = 0; i < outputs; ++i)
      element(w.output, i, j) = infinite ? i == outputs - 1 : std::pow(x, i);
    for (int i = 0; i < taps; ++i)
      element(w.kernel, j, i) = infinite ? i == taps - 1 : std::pow(x, i) / scale;
  }
  // What vanishes does so exactly.
  for (Matrix* m : {&w.output, &w.kernel, &w.data}) {
    for (double& e : m->elements) e = std::abs(e) < 1e-12 ? 0 : e;
  }
  w.data.groups = even_and_odd(n);
  w.kernel.groups = even_and_odd(taps);
  w.output.groups = pairs_of_points(n);
  return w;
}

namespace {

bool is_one(double x) { return std::abs(x - 1) < 1e-12; }

// factor * x + sum; a null sum is 0.
Expr plus(Expr sum, double factor, Expr x) {
  if (!sum) return is_one(factor) ? x : is_one(-factor) ? -x : x * factor;
  if (is_one(factor)) return sum + x;
  if (is_one(-factor)) return sum - x;
  return x.pool().multiply_add(x.like(factor), x, sum);
}

}  // namespace

std::vector<Expr> times(const Matrix& m, const std::vector<Expr>& x) {
  std::vector<Expr> y;
  for (int row = 0; row < m.rows; ++row) {
    Expr sum;
    for (const std::vector<int>& group : m.groups) {
      double lead = 0;
      Expr part;
      for (const int k : group) {
        const double c = m.at(row, k);
        if (c == 0) continue;
        if (lead == 0) lead = c;
        part = plus(part, c / lead, x[static_cast<std::size_t>(k)]);
      }
      if (part) sum = plus(sum, lead, part);
    }
    y.push_back(sum);
  }
  return y;
}

int operations(const Matrix& m) {
  kir::Pool pool;
  std::vector<Expr> x;
  for (int k = 0; k < m.columns; ++k) x.push_back(pool.load(k, DType::F32, pool.integer(0)));
  std::set<const kir::ExprNode*> seen;
  const auto visit = [&](const auto& self, Expr e) -> void {
    if (e->op == kir::Op::Load || e.is_const() || !seen.insert(e.node()).second) return;
    for (const Expr a : e->args) self(self, a);
  };
  for (const Expr y : times(m, x)) visit(visit, y);
  return static_cast<int>(seen.size());
}

}  // namespace lilith::schedule
