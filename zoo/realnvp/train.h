#pragma once
#include "registry.h"

namespace lilith::zoo {

TrainReport train_realnvp(const TrainArgs& args);

}  // namespace lilith::zoo
