#include "cnn/train.h"

#include "bench_case.h"
#include "classifier.h"
#include "cnn/model.h"

namespace lilith::zoo {

TrainReport train_cnn(const TrainArgs& args) { return train_classifier<Cnn>("cnn", args, 5); }

std::unique_ptr<BenchCase> bench_cnn(const BenchArgs& args) {
  constexpr auto kLoss = [](const Cnn& net, const Tensor& x, const Tensor& y) {
    return nll_loss(net(x), y);
  };
  // Multiply-adds an image of each contraction; the first one needs no gradient of its input.
  constexpr double kFirst = 28 * 28 * 16 * 9,
                   kOthers = 14 * 14 * 32 * 16 * 9 + 7 * 7 * 32 * 32 * 9 + 288 * 10;
  constexpr double kFlops = 2 * (2 * kFirst + 3 * kOthers);
  return std::make_unique<DigitBench<Cnn, decltype(kLoss)>>(args, kFlops, kLoss, "y");
}

}  // namespace lilith::zoo
