#pragma once
#include <cmath>

#include "lilith/train.h"

namespace lilith::train {

/// What best-only, early stopping and plateaus go by: the validation loss, without one the loss.
/// NaN where that is what was measured.
inline double watched_loss(const EpochRow& row) {
  return row.validated || !std::isnan(row.val_loss) ? row.val_loss : row.loss;
}

}  // namespace lilith::train
