#pragma once
#include "registry.h"

namespace lilith::zoo {

TrainReport train_unet_diffusion(const TrainArgs& args);

}  // namespace lilith::zoo
