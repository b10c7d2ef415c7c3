#pragma once
#include "registry.h"

namespace lilith::zoo {

TrainReport train_dcgan(const TrainArgs& args);

}  // namespace lilith::zoo
