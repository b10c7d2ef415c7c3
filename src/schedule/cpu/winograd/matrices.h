#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lilith/kernel_ir.h"

namespace lilith::schedule {

/// A small constant matrix, row by row.
struct Matrix {
  int rows = 0, columns = 0;
  std::vector<double> elements;
  // Columns whose terms are added up before they get their factor, so that rows share them.
  std::vector<std::vector<int>> groups;

  double at(int row, int column) const {
    return elements[static_cast<std::size_t>(row * columns + column)];
  }
};

/// F(outputs, taps): correlations of `size = outputs + taps - 1` elements d with `taps` elements g,
/// of which `outputs` are asked for, are output · ((kernel · g) * (data · d)), with one
/// multiplication for each of `size` elements. For 4 or 6 of them.
///
/// After A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), with the
/// points 0, ±1/√2, ±√2 for the larger size: they halve the error of 0, ±1, ±2.
struct WinogradMatrices {
  int outputs, taps, size;
  Matrix output, kernel, data;
};
WinogradMatrices winograd_matrices(int outputs, int taps);

/// Elements of memory between the squares' elements of one number, beside their own: else all of
/// them fall into the same sets of a cache.
constexpr std::int64_t kApart = 16;

/// The matrix times a vector.
std::vector<kir::Expr> times(const Matrix& m, const std::vector<kir::Expr>& x);
/// Additions, multiplications and FMAs that it takes.
int operations(const Matrix& m);

}  // namespace lilith::schedule
