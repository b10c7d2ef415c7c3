// error: a bool stands where a number is due
// error: a bool stands where a number is due
// error: a bool stands where a number is due
// error: a bool stands where a number is due
// error: a bool stands where a number is due
// error: a bool stands where a number is due
// error: PyTorch has another argument in this place
// error: PyTorch has another argument in this place
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a number is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a number is due
// error: a bool stands where a number is due
// error: a bool stands where a number is due
// error: PyTorch has another argument in this place
// error: a bool stands where a number is due
#include <lilith/data.h>
#include <lilith/init.h>
#include <lilith/nn.h>
#include <lilith/optim.h>
#include <lilith/transforms.h>

using namespace lilith;

void use(Linear& net, const Tensor& x) {
  auto [loss, g] = grad([](const Linear& m, Tensor in) { return m(in).sum(); }, net, x);
  const TensorDataset data(x, x);
#ifdef RIGHT
  init::uniform_(net.weight, -0.1, 0.1);
  init::constant_(net.bias, 1);
  clip_grad_norm_(g, 1, INFINITY);
  SGD sgd(0.1, 0.9, 0, 0, true), up({.lr = 0.1f, .maximize = true});
  Adam adam({.lr = 1e-3, .betas = {0.9, 0.99}});
  Adamax adamax(2e-3, {0.9, 0.999}, 1e-8, 0.1);
  adam.hyper("lr") = 1;
  StepLR steps(adam, {30, 0.1});
  DataLoader loader(data, {64, true});
#elif WRONG == 1
  init::uniform_(net.weight, true);
#elif WRONG == 2
  init::constant_(net.weight, true);
#elif WRONG == 3
  init::xavier_uniform_(net.weight, true);
#elif WRONG == 4
  init::kaiming_normal_(net.weight, {true});
#elif WRONG == 5
  // PyTorch's fourth is error_if_nonfinite.
  clip_grad_norm_(g, 1, true);
#elif WRONG == 6
  SGD opt(0.1, true);
#elif WRONG == 7
  // PyTorch's fifth is foreach: maximize would climb.
  Adamax opt(2e-3, {0.9, 0.999}, 1e-8, 0, true);
#elif WRONG == 8
  SGD opt({0.1, 0.9, 0, 0, false, true});
#elif WRONG == 9
  StepLR steps(StepLROptions{true});
#elif WRONG == 10
  StepLR steps({30, true});
#elif WRONG == 11
  DataLoader loader(data, {true});
#elif WRONG == 12
  Adam opt(true);
#elif WRONG == 13
  Adam opt({.lr = true});
#elif WRONG == 14
  RMSprop opt(1e-2, 0.99, 1e-8, 0, true);
#elif WRONG == 15
  // PyTorch's fifth is decoupled_weight_decay.
  RAdam opt(1e-3, {0.9, 0.999}, 1e-8, 0, true);
#else
  SGD opt(0.1);
  opt.hyper("lr") = true;
#endif
}
