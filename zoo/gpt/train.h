#pragma once
#include "registry.h"

namespace lilith::zoo {

TrainReport train_gpt(const TrainArgs& args);

}  // namespace lilith::zoo
