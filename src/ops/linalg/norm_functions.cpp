#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "lilith/ops/create.h"
#include "lilith/ops/decompositions.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/linalg/calls.h"
#include "ops/linalg/operands.h"

// Norms of vectors and matrices, and products of many.
namespace lilith {

using namespace ops;

namespace {

struct Dims {
  int rows, cols;
};

Dims matrix_dims(const char* op, const Tensor& t, const IntList& dim) {
  LILITH_CHECK(dim.size() == 2 || (dim.empty() && t.ndim() >= 2),
               "{}: got {} and {} dimensions; need a matrix's two", op, t.aval().str(), dim.size());
  const Ints all = wrap_dims(op, dim.empty() ? IntList({-2, -1}) : dim, t.ndim());
  return {static_cast<int>(all[0]), static_cast<int>(all[1])};
}

// The matrices of two dimensions, behind the others.
Tensor at_end(const Tensor& t, Dims d) {
  Ints perm = other_dims(t.ndim(), Ints{std::min(d.rows, d.cols), std::max(d.rows, d.cols)});
  perm.push_back(d.rows);
  perm.push_back(d.cols);
  return make_transpose(t, perm);
}

Tensor kept(const Tensor& norms, const Tensor& t, Dims d, bool keepdim) {
  if (!keepdim) return norms;
  Shape shape = t.shape();
  shape[d.rows] = shape[d.cols] = 1;
  return make_reshape(norms, shape);
}

// Of nothing 0.
Tensor largest(const Tensor& t, int dim, bool keepdim) {
  return t.size(dim) == 0 ? sum(t, dim, keepdim) : amax(t, dim, keepdim);
}

// The sum of magnitudes along one dimension, then the most or least of them along the other.
Tensor by_sums(const Tensor& t, int summed, int other, bool most) {
  const Tensor sums = sum(abs(t), summed, true);
  const Tensor chosen = most ? largest(sums, other, true) : amin(sums, other, true);
  const int first = std::min(summed, other), second = std::max(summed, other);
  return squeeze(squeeze(chosen, second), first);
}

Tensor matrix_norm_of(const Tensor& t, double ord, Dims d) {
  const bool most = ord > 0;
  if (std::isinf(ord)) return by_sums(t, d.cols, d.rows, most);
  if (std::fabs(ord) == 1) return by_sums(t, d.rows, d.cols, most);
  LILITH_CHECK(std::fabs(ord) == 2,
               "matrix_norm: ord is {}; need 1, -1, 2, -2, inf, -inf, fro or nuc", ord);
  const Tensor s = linalg::svdvals(at_end(t, d));
  return most ? largest(s, -1, false) : amin(s, -1);
}

Tensor matrix_norm_of(const Tensor& t, MatrixNorm ord, Dims d) {
  if (ord == MatrixNorm::Nuc) return sum(linalg::svdvals(at_end(t, d)), -1);
  return lilith::norm(t, 2, {d.rows, d.cols});
}

// In `dtype`, computed on wide operands.
Tensor norm_operand(const Arg& x, std::optional<DType> dtype) {
  const Tensor t = floating(x);
  return widened(dtype ? make_cast(t, *dtype) : t);
}
DType norm_dtype(const Arg& x, std::optional<DType> dtype) {
  return dtype ? *dtype : floating_type(x.tensor().dtype());
}

}  // namespace

Tensor norm(const Arg& x, MatrixNorm p, const IntList& dim, bool keepdim) {
  LocScope scope(x.loc());
  if (p == MatrixNorm::Fro) return norm(x, 2, dim, keepdim);
  return linalg::matrix_norm(x, p, dim, keepdim);
}

namespace linalg {

Tensor vector_norm(const Arg& x, Real ord, const IntList& dim, bool keepdim,
                   std::optional<DType> dtype) {
  LocScope scope(x.loc());
  return narrowed(lilith::norm(norm_operand(x, dtype), ord, dim, keepdim), norm_dtype(x, dtype));
}

Tensor matrix_norm(const Arg& x, MatrixNorm ord, const IntList& dim, bool keepdim,
                   std::optional<DType> dtype) {
  LocScope scope(x.loc());
  const Tensor t = norm_operand(x, dtype);
  const Dims d = matrix_dims("matrix_norm", t, dim);
  return narrowed(kept(matrix_norm_of(t, ord, d), t, d, keepdim), norm_dtype(x, dtype));
}

Tensor matrix_norm(const Arg& x, Real ord, const IntList& dim, bool keepdim,
                   std::optional<DType> dtype) {
  LocScope scope(x.loc());
  const Tensor t = norm_operand(x, dtype);
  const Dims d = matrix_dims("matrix_norm", t, dim);
  return narrowed(kept(matrix_norm_of(t, ord, d), t, d, keepdim), norm_dtype(x, dtype));
}

Tensor norm(const Arg& x, std::optional<Real> ord, const IntList& dim, bool keepdim,
            std::optional<DType> dtype) {
  LocScope scope(x.loc());
  const int rank = x.tensor().ndim();
  const bool of_matrix = ord && (dim.size() == 2 || (dim.empty() && rank == 2));
  LILITH_CHECK(!ord || !dim.empty() || rank <= 2,
               "norm: got {} and ord without dim; need one or two dimensions",
               x.tensor().aval().str());
  LILITH_CHECK(!ord || dim.size() <= 2, "norm: got {} dims; need one or two", dim.size());
  if (of_matrix) return matrix_norm(x, *ord, dim, keepdim, dtype);
  return vector_norm(x, ord ? *ord : Real(2), dim, keepdim, dtype);
}

Tensor norm(const Arg& x, MatrixNorm ord, const IntList& dim, bool keepdim,
            std::optional<DType> dtype) {
  LocScope scope(x.loc());
  return matrix_norm(x, ord, dim, keepdim, dtype);
}

namespace {

// The norm of a matrix times that of its inverse.
template <class Ord>
Tensor cond_by_inverse(const Arg& x, Ord ord) {
  const Tensor t = square_of("cond", x);
  const std::vector<Tensor> inverse = call_inverse(t, false);
  const Dims d{t.ndim() - 2, t.ndim() - 1};
  const Tensor product = mul(matrix_norm_of(t, ord, d), matrix_norm_of(inverse[0], ord, d));
  return narrowed(make_select(compare("eq", inverse[1], 0), product,
                              full_as(product, std::numeric_limits<double>::infinity())),
                  x.tensor().dtype());
}

}  // namespace

Tensor cond(const Arg& x, Real p) {
  LocScope scope(x.loc());
  const double ord = p;
  if (std::fabs(ord) != 2) return cond_by_inverse(x, ord);
  const Tensor s = svdvals(matrices_of("cond", x));
  const Tensor most = amax(s, -1), least = amin(s, -1);
  return narrowed(ord > 0 ? div(most, least) : div(least, most), x.tensor().dtype());
}

Tensor cond(const Arg& x, MatrixNorm p) {
  LocScope scope(x.loc());
  return cond_by_inverse(x, p);
}

namespace {

/// The cheapest order of products of matrices i to j, by the last product's place. T. Cormen et
/// al., "Introduction to Algorithms", 15.2.
Tensor best_product(const std::vector<Tensor>& all) {
  const std::size_t n = all.size();
  std::vector<double> sizes;
  for (const Tensor& t : all) sizes.push_back(static_cast<double>(t.size(0)));
  sizes.push_back(static_cast<double>(all.back().size(1)));
  std::vector<std::vector<double>> cost(n, std::vector<double>(n, 0));
  std::vector<std::vector<std::size_t>> cut(n, std::vector<std::size_t>(n, 0));
  for (std::size_t length = 1; length < n; ++length) {
    for (std::size_t i = 0; i + length < n; ++i) {
      const std::size_t j = i + length;
      cost[i][j] = std::numeric_limits<double>::infinity();
      for (std::size_t k = i; k < j; ++k) {
        const double c = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1];
        if (c >= cost[i][j]) continue;
        cost[i][j] = c;
        cut[i][j] = k;
      }
    }
  }
  const std::function<Tensor(std::size_t, std::size_t)> run = [&](std::size_t i, std::size_t j) {
    return i == j ? all[i] : lilith::matmul(run(i, cut[i][j]), run(cut[i][j] + 1, j));
  };
  return run(0, n - 1);
}

}  // namespace

Tensor multi_dot(const std::vector<Tensor>& tensors, SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(tensors.size() >= 2, "multi_dot: got {} tensors; need two or more", tensors.size());
  std::vector<Tensor> all = tensors;
  const bool row = all.front().ndim() == 1, column = all.back().ndim() == 1;
  if (row) all.front() = unsqueeze(all.front(), 0);
  if (column) all.back() = unsqueeze(all.back(), 1);
  for (std::size_t i = 0; i < all.size(); ++i) {
    LILITH_CHECK(all[i].ndim() == 2, "multi_dot: tensor {} is {}; need a matrix{}", i,
                 all[i].aval().str(), i == 0 || i + 1 == all.size() ? " or a vector" : "");
    LILITH_CHECK(i == 0 || all[i - 1].size(1) == all[i].size(0),
                 "multi_dot: tensors {} and {} are {} and {}; need inner sizes that agree", i - 1,
                 i, tensors[i - 1].aval().str(), tensors[i].aval().str());
  }
  Tensor out = best_product(all);
  if (row) out = squeeze(out, 0);
  return column ? squeeze(out, -1) : out;
}

Tensor vander(const Arg& x, std::optional<Int> N) {
  LocScope scope(x.loc());
  const Tensor given = x.tensor(), flat = given.ndim() == 0 ? unsqueeze(given, 0) : given;
  const Tensor t = is_floating(flat.dtype()) ? flat : make_cast(flat, DType::I64);
  const std::int64_t columns = N ? std::int64_t{*N} : t.size(-1);
  LILITH_CHECK(columns >= 1, "vander: N is {}; need 1 or more", columns);
  std::vector<Tensor> powers{ones_like(t)};
  while (std::ssize(powers) < columns) powers.push_back(mul(powers.back(), t));
  return stack(powers, -1);
}

Tensor cross(const Arg& a, const Arg& b, Dim dim) {
  LocScope scope(a.loc());
  return lilith::cross(a, b, dim);
}
Tensor vecdot(const Arg& a, const Arg& b, Dim dim) {
  LocScope scope(a.loc());
  return lilith::vecdot(a, b, dim);
}
Tensor diagonal(const Arg& x, Int offset, Dim dim1, Dim dim2) {
  LocScope scope(x.loc());
  return lilith::diagonal(x, offset, dim1, dim2);
}
Tensor matmul(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  return lilith::matmul(a, b);
}

}  // namespace linalg
}  // namespace lilith
