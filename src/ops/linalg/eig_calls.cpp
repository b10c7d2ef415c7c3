#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/shape.h"
#include "ops/define.h"
#include "ops/linalg/calls.h"
#include "ops/linalg/matrices.h"
#include "ops/primitives.h"

// Eigenvalues and vectors of matrices that are not symmetric: complex, as pairs behind the others.
namespace lilith::ops {
namespace {

using Cts = std::vector<Tensor>;

/// Complex numbers apart.
struct Complex {
  Tensor re, im;
};
Complex parts(const Tensor& pairs) {
  const int last = pairs.ndim() - 1;
  return {squeeze(slice_dim(pairs, last, 0, 1), last), squeeze(slice_dim(pairs, last, 1, 2), last)};
}
Complex times(const Complex& a, const Complex& b) {
  return {sub(matmul(a.re, b.re), matmul(a.im, b.im)), add(matmul(a.re, b.im), matmul(a.im, b.re))};
}
Complex adjoint(const Complex& a) { return {swapped(a.re), neg(swapped(a.im))}; }

/// Of A X = B, as one real system of twice the size; the real part.
Tensor real_solution(const Complex& a, const Complex& b) {
  const int rows = a.re.ndim() - 2, cols = rows + 1;
  const Tensor system = cat({cat({a.re, neg(a.im)}, cols), cat({a.im, a.re}, cols)}, rows);
  const Tensor x = call_solve(system, cat({b.re, b.im}, rows));
  return slice_dim(x, rows, 0, a.re.size(rows));
}

/// The sum over what V^H gV / E* and the values' cotangents are on and beside the diagonal, E_jk =
/// L_k - L_j. C. Boeddeker, P. Hanebrink et al., arXiv:1701.00392, with vectors of length 1.
Cts eig_vjp(const VjpCtx& c, const Cts& cts) {
  const std::vector<Tensor> made = ir::results_of(c.out);
  const Complex values = parts(made[0]), v = parts(made[1]), vh = adjoint(v);
  const Tensor one = identity_like(v.re);
  const Tensor off = sub(full_as(v.re, 1), expand(one, v.re.shape()));
  Complex inner;
  if (cts[1].defined()) {
    const Complex pulled = times(vh, parts(cts[1]));
    const Tensor along = diagonal(pulled.re, 0, -2, -1);
    const Complex norms = times(vh, {mul(v.re, row(along)), mul(v.im, row(along))});
    const Tensor re = sub(pulled.re, norms.re), im = sub(pulled.im, norms.im);
    // (re + i im) / conj(E), where E's diagonal is 1.
    const Tensor e_re = add(sub(row(values.re), column(values.re)), one),
                 e_im = sub(row(values.im), column(values.im));
    const Tensor size = add(mul(e_re, e_re), mul(e_im, e_im));
    inner = {mul(off, div(sub(mul(re, e_re), mul(im, e_im)), size)),
             mul(off, div(add(mul(re, e_im), mul(im, e_re)), size))};
  }
  if (cts[0].defined()) {
    const Complex ct = parts(cts[0]);
    inner = {sum_of(diag_embed(ct.re), inner.re), sum_of(diag_embed(ct.im), inner.im)};
  }
  if (!inner.re.defined()) return {Tensor()};
  return {real_solution(vh, times(inner, vh))};
}

template <class T>
void run_eig(CallCtx& c) {
  const Matrices m(c.in_avals[0]);
  const int n = m.rows, one = 1;
  const auto un = static_cast<std::size_t>(n);
  std::vector<double> re(un), im(un), v(un * un);
  for (std::int64_t b = 0; b < m.count; ++b) {
    const T* x = c.input<T>(0) + b * m.size;
    check_finite(x, m.size);
    std::vector<double> a = turned<double>(x, n, n);
    int info = 0;
    double unused = 0;
    with_work<double>([&](double* work, const int* size) {
      lapack::api<double>().geev("N", "V", &n, a.data(), &n, re.data(), im.data(), &unused, &one,
                                 v.data(), &n, work, size, &info, 1, 1);
    });
    if (info != 0)
      throw CallError(fmt::format(
          "{}the algorithm failed to converge: {} eigenvalues were not found", which(m, b), info));
    T* values = c.output<T>(0) + b * 2 * n;
    T* vectors = c.output<T>(1) + b * 2 * m.size;
    for (int j = 0; j < n; ++j) {
      const auto uj = static_cast<std::size_t>(j);
      values[2 * j] = static_cast<T>(re[uj]);
      values[2 * j + 1] = static_cast<T>(im[uj]);
      // Conjugate ones follow each other and share two columns: the real part and the imaginary.
      const bool is_second = im[uj] < 0;
      const double* real = v.data() + (uj - (is_second ? 1 : 0)) * un;
      const double sign = im[uj] == 0 ? 0 : is_second ? -1 : 1;
      for (int i = 0; i < n; ++i) {
        T* at = vectors + 2 * (std::int64_t{i} * n + j);
        at[0] = static_cast<T>(real[i]);
        at[1] = sign == 0 ? T(0) : static_cast<T>(sign * real[i + n]);
      }
    }
  }
}

const OpDef& eig_op = define(HostFunction{
    .name = "eig",
    .several = true,
    .results =
        [](const InferCtx& c) {
          check_square(c);
          const std::int64_t n = c.in[0].shape.back();
          return std::vector{with_tail(c.in[0], {n, 2}), with_tail(c.in[0], {n, n, 2})};
        },
    .call = by_dtype([]<class T>(CallCtx& c) { run_eig<T>(c); }),
    .vjp = eig_vjp});

}  // namespace

std::vector<Tensor> call_eig(const Tensor& a) { return ir::apply_call(eig_op, {a}, {}); }

}  // namespace lilith::ops
