#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "ops/host_function.h"
#include "ops/linalg/lapack.h"

// Matrices [..., M, N] as the functions of calls see them, one after another.
namespace lilith::ops {

struct Matrices {
  explicit Matrices(const Aval& aval)
      : rows(static_cast<int>(aval.shape[aval.shape.rank() - 2])),
        cols(static_cast<int>(aval.shape.back())),
        size(std::int64_t{rows} * cols),
        count(size == 0 ? 0 : aval.numel() / size) {}
  int least() const { return std::min(rows, cols); }
  int rows, cols;
  std::int64_t size, count;
};

/// Row-major [rows, cols] to column-major, and back with the sizes swapped; of another dtype.
template <class T, class U>
void turn(const T* from, int rows, int cols, U* to) {
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < cols; ++j)
      to[std::int64_t{j} * rows + i] = static_cast<U>(from[std::int64_t{i} * cols + j]);
}
template <class U, class T>
std::vector<U> turned(const T* from, int rows, int cols) {
  std::vector<U> to(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  turn(from, rows, cols, to.data());
  return to;
}
template <class T>
std::vector<T> copied(const T* from, std::int64_t size) {
  return std::vector<T>(from, from + size);
}

/// Calls f(work, lwork, …) twice: once for the size of the memory, once with it.
template <class T, class F>
void with_work(F&& f) {
  T best = 0;
  int ask = -1;
  f(&best, &ask);
  // A size above 2^24 may have been rounded down.
  const int size = std::max(1, static_cast<int>(std::nextafter(best, 2 * best)));
  std::vector<T> work(static_cast<std::size_t>(size));
  f(work.data(), &size);
}

template <class T>
bool all_finite(const T* x, std::int64_t size) {
  return std::all_of(x, x + size, [](T v) { return std::isfinite(v); });
}
/// What some of LAPACK's functions do not return from, or end the process at.
template <class T>
void check_finite(const T* x, std::int64_t size) {
  if (!all_finite(x, size)) throw CallError("the input matrix contained non-finite values");
}

/// "(batch element 3): " where there are several.
std::string which(const Matrices& m, std::int64_t b);

// ---- Shape rules. ----

/// The only or first operand is a batch of matrices of f32 or f64.
void check_matrices(const InferCtx& c, std::size_t operand = 0);
void check_square(const InferCtx& c, std::size_t operand = 0);
/// Square matrices A, and B of the same batch with as many rows.
void check_system(const InferCtx& c);
/// The same for A of any shape.
void check_rows(const InferCtx& c);
/// The batch in front of the last two dimensions, and behind it these.
Aval with_tail(const Aval& aval, std::initializer_list<std::int64_t> tail);
Aval with_tail(const Aval& aval, std::initializer_list<std::int64_t> tail, DType dtype);

}  // namespace lilith::ops
