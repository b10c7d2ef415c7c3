#pragma once
#include "registry.h"

namespace lilith::zoo {

TrainReport train_resnet(const TrainArgs& args);

}  // namespace lilith::zoo
