#pragma once
#include <functional>

#include "schedule/kernel/builder.h"

namespace lilith::schedule {

/// Stores every result of a contraction's group at an index, with `core` for the contraction's own
/// value there; of a result with a border what lies inside of it.
kir::Block store_results(Builder& b, const Product& g, Lowerer* lower, const Index& index,
                         kir::Expr core);
/// The same where the results read the contraction's value at indices of their own.
kir::Block store_results(Builder& b, const Product& g, Lowerer* lower, const Index& index,
                         const std::function<kir::Expr(const Index&)>& core);

}  // namespace lilith::schedule
