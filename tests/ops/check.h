#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ir/reference.h"
#include "ops/cases.h"

namespace lilith::testing {

/// Random values for the operands of a row, away from its kinks; the seed decides.
std::vector<RefTensor> draw(const Case& c, std::uint64_t seed);
/// The same, rounded to what f32 holds: a row may cast on its way, which the interpreter does not
/// round for.
std::vector<RefTensor> draw_f32(const Case& c, std::uint64_t seed);
/// Parameters for these values.
std::vector<Tensor> parameters(const std::vector<RefTensor>& values);
/// What a value may be off by, against max(1, |value|): a few dozen roundings of the dtype.
double tolerance(DType dtype);
/// Whether a value is what it should be, within that; NaN is NaN, and an infinity is that one.
bool is_close(double got, double want, DType dtype);
/// The row with floating operands of a dtype.
Case with_dtype(Case c, DType dtype);
/// The row's output, and its gradients where it has any, for parameters of a trace.
std::vector<Tensor> value_and_gradients(const Case& c, const std::vector<Tensor>& params);
/// Compares the row's gradient with central differences in random directions, to second order,
/// through the reference interpreter. Empty when they agree, else what differs. first_order_only:
/// skips the second.
std::string check_gradient(const Case& c, std::uint64_t seed, bool first_order_only = false);

}  // namespace lilith::testing
