#pragma once
#include <vector>

namespace lilith::zoo {

/// The w that minimises |a w - b|, by Householder QR in double. a: [rows, cols] row-major, rows >=
/// cols. Error when a column depends on the others.
std::vector<double> least_squares(std::vector<double> a, std::vector<double> b, int cols);

}  // namespace lilith::zoo
