#pragma once
#include <utility>

#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// What the functions of linear algebra do to their operands.
namespace lilith::ops {

/// A floating operand of at least two dimensions, halves in f32.
Tensor matrices_of(const char* op, const Arg& x);
/// The same, square.
Tensor square_of(const char* op, const Arg& x);
/// Both with the batch that theirs broadcast to, in one dtype.
std::pair<Tensor, Tensor> one_batch(const char* op, const Tensor& a, const Tensor& b);
/// Error where B has not as many rows as A.
void check_rows(const char* op, const Tensor& a, const Tensor& b);
/// Whether B is a batch of vectors beside the matrices A, as torch.linalg.solve says.
bool is_vector(const Tensor& a, const Tensor& b);
/// The identity [..., n, n] with x's batch.
Tensor identity(const Tensor& x, std::int64_t n);
inline std::int64_t least_of(const Tensor& x) {
  return x.size(-1) < x.size(-2) ? x.size(-1) : x.size(-2);
}

}  // namespace lilith::ops
