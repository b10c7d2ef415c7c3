#include <cmath>

#include "lilith/ops/elementwise.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/shape.h"
#include "ops/linalg/calls.h"
#include "ops/linalg/matrices.h"
#include "ops/primitives.h"

// e^A, by Padé's approximation of order 13 of A / 2^s, squared s times.
namespace lilith::ops {
namespace {

using Cts = std::vector<Tensor>;
using Matrix = std::vector<double>;

class Exponential {
 public:
  explicit Exponential(int n)
      : n_(n), size_(static_cast<std::size_t>(n) * static_cast<std::size_t>(n)) {}

  // The order of elements does not matter: the exponential of a transpose is the transpose.
  Matrix run(Matrix a) {
    constexpr double kTheta = 5.371920351148152;  // where order 13 is exact to f64
    const double norm = norm_of(a);
    if (!std::isfinite(norm)) return Matrix(size_, std::nan(""));
    int squarings = 0;
    if (norm > kTheta) squarings = static_cast<int>(std::ceil(std::log2(norm / kTheta)));
    for (double& x : a) x = std::ldexp(x, -squarings);
    Matrix out = approximation(a);
    for (int i = 0; i < squarings; ++i) out = product(out, out);
    return out;
  }

 private:
  double norm_of(const Matrix& a) const {
    double most = 0;
    for (std::size_t j = 0; j < size_; j += static_cast<std::size_t>(n_)) {
      double sum = 0;
      for (int i = 0; i < n_; ++i) sum += std::fabs(a[j + static_cast<std::size_t>(i)]);
      if (std::isnan(sum)) return sum;
      most = std::max(most, sum);
    }
    return most;
  }

  Matrix product(const Matrix& a, const Matrix& b) const {
    Matrix out(size_);
    const double one = 1, zero = 0;
    lapack::api<double>().gemm("N", "N", &n_, &n_, &n_, &one, a.data(), &n_, b.data(), &n_, &zero,
                               out.data(), &n_, 1, 1);
    return out;
  }

  // c0 I + c1 x + c2 y + c3 z
  Matrix sum(double c0, double c1, const Matrix& x, double c2, const Matrix& y, double c3,
             const Matrix& z) const {
    Matrix out(size_);
    for (std::size_t k = 0; k < size_; ++k) out[k] = c1 * x[k] + c2 * y[k] + c3 * z[k];
    for (int i = 0; i < n_; ++i)
      out[static_cast<std::size_t>(i) * static_cast<std::size_t>(n_ + 1)] += c0;
    return out;
  }

  // (V - U)^-1 (V + U), with the odd powers in U.
  Matrix approximation(const Matrix& a) const {
    constexpr double b[] = {64764752532480000,
                            32382376266240000,
                            7771770303897600,
                            1187353796428800,
                            129060195264000,
                            10559470521600,
                            670442572800,
                            33522128640,
                            1323241920,
                            40840800,
                            960960,
                            16380,
                            182,
                            1};
    const Matrix a2 = product(a, a), a4 = product(a2, a2), a6 = product(a2, a4);
    Matrix u = product(a6, sum(0, b[13], a6, b[11], a4, b[9], a2));
    const Matrix u_low = sum(b[1], b[7], a6, b[5], a4, b[3], a2);
    Matrix v = product(a6, sum(0, b[12], a6, b[10], a4, b[8], a2));
    const Matrix v_low = sum(b[0], b[6], a6, b[4], a4, b[2], a2);
    for (std::size_t k = 0; k < size_; ++k) {
      u[k] += u_low[k];
      v[k] += v_low[k];
    }
    u = product(a, u);
    Matrix left(size_), right(size_);
    for (std::size_t k = 0; k < size_; ++k) {
      left[k] = v[k] - u[k];
      right[k] = v[k] + u[k];
    }
    std::vector<int> pivots(static_cast<std::size_t>(n_));
    int info = 0;
    lapack::api<double>().getrf(&n_, &n_, left.data(), &n_, pivots.data(), &info);
    lapack::api<double>().getrs("N", &n_, &n_, left.data(), &n_, pivots.data(), right.data(), &n_,
                                &info, 1);
    return right;
  }

  const int n_;
  const std::size_t size_;
};

// The derivative in direction G is the upper right block of e^[[A^T, G], [0, A^T]]. R. Mathias, "A
// chain rule for matrix functions and applications", SIAM J. Matrix Anal. Appl. 17 (1996).
Cts matrix_exp_vjp(const VjpCtx& c, const Cts& cts) {
  const Tensor at = swapped(c.in[0]);
  const std::int64_t n = at.size(-1);
  const Tensor blocks = cat({cat({at, cts[0]}, -1), cat({full_as(at, 0), at}, -1)}, -2);
  const Tensor e = call_matrix_exp(blocks);
  return {slice_dim(slice_dim(e, e.ndim() - 2, 0, n), e.ndim() - 1, n, 2 * n)};
}

const OpDef& matrix_exp_op =
    define(HostFunction{.name = "matrix_exp",
                        .results =
                            [](const InferCtx& c) {
                              check_square(c);
                              return std::vector{c.in[0]};
                            },
                        .call = by_dtype([]<class T>(CallCtx& c) {
                          const Matrices m(c.in_avals[0]);
                          for (std::int64_t b = 0; b < m.count; ++b) {
                            const T* x = c.input<T>(0) + b * m.size;
                            const Matrix e = Exponential(m.rows).run(Matrix(x, x + m.size));
                            for (std::int64_t k = 0; k < m.size; ++k)
                              c.output<T>(0)[b * m.size + k] =
                                  static_cast<T>(e[static_cast<std::size_t>(k)]);
                          }
                        }),
                        .vjp = matrix_exp_vjp});

}  // namespace

Tensor call_matrix_exp(const Tensor& a) { return apply(matrix_exp_op, {a}); }

}  // namespace lilith::ops
