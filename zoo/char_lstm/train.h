#pragma once
#include "registry.h"

namespace lilith::zoo {

TrainReport train_char_lstm(const TrainArgs& args);

}  // namespace lilith::zoo
