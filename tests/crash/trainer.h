#pragma once
#include <string>

namespace lilith::testing {

/// Trains in `folder`: goes on from its checkpoint where there is one, and writes final.safetensors
/// at the end. `kind` is "fit" or "hand". A line on stdout says that the training begins. Returns
/// the process's exit status: 0 done, 2 stopped by a signal with a checkpoint, 3 an Error (its text
/// goes to error.txt).
int train_in(const std::string& folder, const std::string& kind);

}  // namespace lilith::testing
