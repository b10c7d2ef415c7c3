// error: a bool stands where a number is due
// error: a bool stands where a number is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a number is due
// error: a bool stands where a number is due
// error: a bool stands where a number is due
#include <lilith/nn.h>

using namespace lilith;

Tensor use(const Tensor& x, const Tensor& y) {
#ifdef RIGHT
  PoissonNLLLoss poisson{true, false, 1e-6};
  NLLLoss{.ignore_index = 3}(x, y);
  TripletMarginLoss{1, 2, 1e-6, true}(x, x, x);
  huber_loss(x, y, Reduction::Sum, 2);
  return poisson(x, y);
#elif WRONG == 1
  // PyTorch's third is size_average.
  return PoissonNLLLoss{true, false, true}(x, y);
#elif WRONG == 2
  return GaussianNLLLoss{false, true}(x, y, y);
#elif WRONG == 3
  return NLLLoss{{}, true}(x, y);
#elif WRONG == 4
  return nll_loss(x, y, {{}, true});
#elif WRONG == 5
  return HuberLoss{Reduction::Mean, true}(x, y);
#elif WRONG == 6
  return poisson_nll_loss(x, y, {true, false, true});
#else
  return MarginRankingLoss{true}(x, x, y);
#endif
}
