#pragma once
#include <cstdint>

#include "schedule/kernel/builder.h"

namespace lilith::schedule {

/// A result whose sums are taken in parts: every part has a copy of it in scratch memory, one after
/// another, and in the end (after a barrier, where threads took the parts) they are combined.
struct Partials {
  kir::BufferId buffer = -1;
  DType dtype = DType::F32;
  std::int64_t elements = 0;  // of one copy
  std::int64_t copies = 0;

  /// Where an element of one copy lies.
  kir::Expr place(kir::Expr copy, kir::Expr element) const;
  /// An element of all copies together, in their order.
  kir::Expr combined(kir::Combine how, kir::Expr element) const;
};

/// Makes the memory, a parameter that the kernel writes.
Partials add_partials(Builder& b, Lowerer* lower, DType dtype, std::int64_t elements,
                      std::int64_t copies);

}  // namespace lilith::schedule
