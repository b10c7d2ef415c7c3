#pragma once
#include "schedule/kernel/backend.h"

namespace lilith::schedule {

/// A loop is one launch on every device that runs loops: of its bodies, each planned as a graph of
/// its own, over rows of the operands and results; nothing is copied. A carry has two places, which
/// its steps read and write in turn, or lies among the rows of a result that is the same.
Choice loop_way(Builder& b, const Loop& loop);

}  // namespace lilith::schedule
