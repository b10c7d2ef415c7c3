#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ir/reference.h"
#include "ops/cases.h"

namespace lilith::testing {

/// Random values for the operands of a row, away from its kinks; the seed decides.
std::vector<RefTensor> draw(const Case& c, std::uint64_t seed);
/// Parameters for these values.
std::vector<Tensor> parameters(const std::vector<RefTensor>& values);
/// Compares the row's gradient with central differences in random directions, to second order,
/// through the reference interpreter. Empty when they agree, else what differs. first_order_only:
/// skips the second.
std::string check_gradient(const Case& c, std::uint64_t seed, bool first_order_only = false);

}  // namespace lilith::testing
