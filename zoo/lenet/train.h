#pragma once
#include "registry.h"

namespace lilith::zoo {

TrainReport train_lenet(const TrainArgs& args);
std::unique_ptr<BenchCase> bench_lenet(const BenchArgs& args);

}  // namespace lilith::zoo
