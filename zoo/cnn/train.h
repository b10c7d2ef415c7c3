#pragma once
#include "registry.h"

namespace lilith::zoo {

TrainReport train_cnn(const TrainArgs& args);
std::unique_ptr<BenchCase> bench_cnn(const BenchArgs& args);

}  // namespace lilith::zoo
