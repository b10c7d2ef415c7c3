#pragma once
#include <vector>

#include "ops/linalg/matrices.h"

namespace lilith::ops {

/// In f64 whatever the dtype: the signs of the vectors do not hang on roundings of f32.
struct Svd {
  std::vector<double> u, s, vt;  // column-major
};

/// Of one matrix, row-major. full: u and vt are square. CallError where it does not converge.
template <class T>
Svd decompose(const T* x, const Matrices& m, bool full) {
  check_finite(x, m.size);
  const int k = m.least(), rows = full ? m.cols : k, cols = full ? m.rows : k;
  const auto at = [](int a, int b) {
    return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
  };
  std::vector<double> a = turned<double>(x, m.rows, m.cols);
  Svd out{std::vector<double>(at(m.rows, cols)), std::vector<double>(at(k, 1)),
          std::vector<double>(at(rows, m.cols))};
  std::vector<int> iwork(at(8, k));
  int info = 0;
  with_work<double>([&](double* work, const int* size) {
    lapack::api<double>().gesdd(full ? "A" : "S", &m.rows, &m.cols, a.data(), &m.rows, out.s.data(),
                                out.u.data(), &m.rows, out.vt.data(), &rows, work, size,
                                iwork.data(), &info, 1);
  });
  if (info != 0)
    throw CallError(
        "the algorithm failed to converge because the input matrix is ill-conditioned or has too "
        "many repeated singular values");
  return out;
}

}  // namespace lilith::ops
