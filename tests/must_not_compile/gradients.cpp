// error: this is a model, and clipping it would shrink its weights.*as_gradients
// error: this is a model, and clipping it would shrink its weights.*as_gradients
// error: update.optimizer, model, gradients.: here the gradients stand where
// error: update.optimizer, model, gradients.: the gradients are not of this
#include <lilith/nn.h>
#include <lilith/ops.h>
#include <lilith/optim.h>
#include <lilith/transforms.h>

using namespace lilith;

void step(Linear& net, Linear& sum, const Tensor& x) {
  auto [loss, g] = grad([](const Linear& m, const Tensor& in) { return m(in).sum(); }, net, x);
  SGD opt;
#ifdef RIGHT
  clip_grad_norm_(g, 1);
  clip_grad_value_(as_gradients(sum), 1);
  update(opt, net, g);
  update(opt, net, sum);
#elif WRONG == 1
  clip_grad_norm_(net, 1);
#elif WRONG == 2
  clip_grad_value_(net, 1);
#elif WRONG == 3
  update(opt, g, net);
#else
  Identity other;
  update(opt, other, g);
#endif
  static_cast<void>(sum);
}
