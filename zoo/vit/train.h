#pragma once
#include "registry.h"

namespace lilith::zoo {

TrainReport train_vit(const TrainArgs& args);

}  // namespace lilith::zoo
