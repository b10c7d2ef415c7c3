#pragma once
#include <vector>

#include "ir/node.h"
#include "kernel_ir/kernel.h"

namespace lilith::schedule {

/// What a reduction's elements are combined with, and the value that changes nothing.
kir::Combine combine_of(const ir::NodeImpl* n);
kir::Expr identity_of(kir::Combine c, DType dtype, kir::Pool& pool);
kir::Expr combine(kir::Combine c, kir::Expr a, kir::Expr b);
bool is_arg_reduction(const ir::NodeImpl* n);

/// The register that a reduction's result grows in.
struct Accumulator {
  kir::RegId reg;
  kir::Combine combine;
  DType dtype;
  kir::Expr init;
};
Accumulator add_accumulator(kir::Kernel& kernel, const ir::NodeImpl* reduction,
                            const std::vector<std::int64_t>& dims);

}  // namespace lilith::schedule
