#pragma once
#include "registry.h"

namespace lilith::zoo {

TrainReport train_vae(const TrainArgs& args);
std::unique_ptr<BenchCase> bench_vae(const BenchArgs& args);

}  // namespace lilith::zoo
