#pragma once
#include "registry.h"

namespace lilith::zoo {

TrainReport train_wine(const TrainArgs& args);

}  // namespace lilith::zoo
