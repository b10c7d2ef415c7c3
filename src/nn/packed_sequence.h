#pragma once
#include "lilith/nn/packed_sequence.h"

namespace lilith::detail {

/// bool [T, N, 1, …], of padded's rank: the steps before each row's end. Errors: padded of less
/// than two dimensions; lengths that are no integers [N].
Tensor steps_within(const char* op, const PackedSequence& packed);

}  // namespace lilith::detail
