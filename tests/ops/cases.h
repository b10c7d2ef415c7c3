#pragma once
#include <functional>
#include <string>
#include <vector>

#include "lilith/ops.h"

namespace lilith::testing {

/// One operand of a row: where its random values lie. Integers and bools are drawn from [lo, hi].
struct Operand {
  Shape shape;
  double lo = -2, hi = 2;
  DType dtype = DType::F64;
};

/// A point where a rule has to choose: operands of one element, and the slope expected for each.
struct Kink {
  std::vector<double> at;
  std::vector<double> slope;
};

/// A row of the table of ops: everything that the tests check derives from it.
struct Case {
  std::string op;  // a registered op, or the name of a composite
  std::vector<Operand> in;
  std::function<Tensor(const std::vector<Tensor>&)> build;
  /// Elementwise rows: the function of one element each, by std::. Null for others.
  std::function<double(const double*)> value = nullptr;
  std::vector<double> avoid = {};  // kinks that random values keep away from
  std::vector<Kink> kinks = {};
};

/// Every row.
const std::vector<Case>& cases();

// The families, each in a file of its own.
std::vector<Case> elementwise_cases();
std::vector<Case> structure_cases();
std::vector<Case> composite_cases();
std::vector<Case> sorting_cases();
std::vector<Case> linalg_cases();

}  // namespace lilith::testing
