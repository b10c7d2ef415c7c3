#pragma once
#include "schedule/builder.h"

namespace lilith::schedule {

/// Stores every result of a contraction's group at an index, with `core` for the contraction's own
/// value there.
kir::Block store_results(Builder& b, const Group& g, kir::Kernel* kernel, Lowerer* lower,
                         const Index& index, kir::Expr core);

}  // namespace lilith::schedule
