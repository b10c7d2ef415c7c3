#include "lenet/train.h"

#include "bench_case.h"
#include "classifier.h"
#include "lenet/model.h"

namespace lilith::zoo {

TrainReport train_lenet(const TrainArgs& args) { return train_classifier<LeNet>("lenet", args, 5); }

std::unique_ptr<BenchCase> bench_lenet(const BenchArgs& args) {
  constexpr auto kLoss = [](const LeNet& net, const Tensor& x, const Tensor& y) {
    return nll_loss(net(x), y);
  };
  // Multiply-adds an image of each contraction; the first one needs no gradient of its input.
  constexpr double kFirst = 24 * 24 * 20 * 25,
                   kOthers = 8 * 8 * 50 * 20 * 25 + 800 * 500 + 500 * 10;
  constexpr double kFlops = 2 * (2 * kFirst + 3 * kOthers);
  return std::make_unique<DigitBench<LeNet, decltype(kLoss)>>(args, kFlops, kLoss, "y");
}

}  // namespace lilith::zoo
