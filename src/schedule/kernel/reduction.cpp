#include "schedule/kernel/reduction.h"

#include <limits>

#include "lilith/error.h"
#include "lilith/kernel_math.h"
#include "schedule/kernel/lowering.h"

namespace lilith::schedule {

using ir::NodeImpl;
using kir::Expr;

kir::Combine combine_of(const NodeImpl* n) {
  const bool boolean = n->aval.dtype == DType::Bool;
  switch (n->op->combine) {
    case Combination::Sum:
      return boolean ? kir::Combine::Or : kir::Combine::Add;
    case Combination::Prod:
      return boolean ? kir::Combine::And : kir::Combine::Mul;
    case Combination::Max:
      return boolean ? kir::Combine::Or : kir::Combine::Max;
    case Combination::Min:
      return boolean ? kir::Combine::And : kir::Combine::Min;
    case Combination::None:
    case Combination::ArgMax:
    case Combination::ArgMin:
      break;
  }
  throw InternalError(fmt::format("schedule: no combination for '{}'", n->op->name));
}

Expr identity_of(kir::Combine c, DType dtype, kir::Pool& pool) {
  const double inf = std::numeric_limits<double>::infinity();
  if (c == kir::Combine::Add || c == kir::Combine::Or) return pool.constant(dtype, 0);
  if (c == kir::Combine::Mul) return pool.constant(dtype, 1);
  if (c == kir::Combine::And)
    return dtype == DType::Bool ? pool.integer(1, dtype) : pool.integer(-1, dtype);
  if (is_floating(dtype)) return pool.constant(dtype, c == kir::Combine::Max ? -inf : inf);
  const int bits = static_cast<int>(size_of(dtype)) * 8;
  if (dtype == DType::U8) return pool.integer(c == kir::Combine::Max ? 0 : 255, dtype);
  const std::int64_t low = bits == 64 ? INT64_MIN : -(std::int64_t{1} << (bits - 1));
  return pool.integer(c == kir::Combine::Max ? low : ~low, dtype);
}

Expr combine(kir::Combine c, Expr a, Expr b) {
  switch (c) {
    case kir::Combine::Add:
      return a + b;
    case kir::Combine::Mul:
      return a * b;
    case kir::Combine::Max:
      return kir::max(a, b);
    case kir::Combine::Min:
      return kir::min(a, b);
    case kir::Combine::And:
      return kir::logical_and(a, b);
    case kir::Combine::Or:
      return kir::logical_or(a, b);
  }
  return a;
}

bool is_arg_reduction(const NodeImpl* n) {
  return n->op->combine == Combination::ArgMax || n->op->combine == Combination::ArgMin;
}

Accumulator add_accumulator(kir::Kernel& kernel, const NodeImpl* reduction,
                            const std::vector<std::int64_t>& dims) {
  const DType dtype = compute_dtype(reduction->aval.dtype);
  const kir::Combine c = combine_of(reduction);
  return {kernel.add_reg("acc", dtype, dims), c, dtype, identity_of(c, dtype, *kernel.pool)};
}

}  // namespace lilith::schedule
