// error: there is no backward.*grad
// error: a tensor has no grad
// error: an optimiser has no step.*update
// error: there is no zero_grad
// error: every floating-point Tensor of a model is trained.*freeze
// error: there are no hooks
// error: a bool stands where a size or a dimension is due
// error: a bool stands where a shape is due
// error: write x.to_vector<float>
// error: randint takes a shape after its bounds
// error: an optimiser is made of its options alone.*update.opt, net, g
// error: an optimiser is made of its options alone.*update.opt, net, g
// error: an optimiser is made of its options alone.*opt.step.f, net, x, y
// error: write_names_in_one_pair_of_braces
#include <lilith/nn.h>
#include <lilith/ops.h>
#include <lilith/optim.h>

using namespace lilith;

// Words of PyTorch that have no counterpart say what to write.
void use(Tensor& x, Adam& opt, Linear& layer) {
#ifdef RIGHT
  x = x.view(2, 3).sum(1);
  opt.set_lr(0.1);
  auto [rows, columns] = x.sizes<2>();
  Upsample up{.scale_factor = 2};
  SGD sgd({.lr = 0.1});
  update(sgd, layer, layer);
#elif WRONG == 1
  x.backward();
#elif WRONG == 2
  x.grad();
#elif WRONG == 3
  opt.step();
#elif WRONG == 4
  opt.zero_grad();
#elif WRONG == 5
  x.requires_grad_(false);
#elif WRONG == 6
  x.register_hook([](Tensor g) { return g; });
#elif WRONG == 7
  x.view(2, true);
#elif WRONG == 8
  x.view(true);
#elif WRONG == 9
  x.numpy();
#elif WRONG == 10
  randint(0, 10);
#elif WRONG == 11
  SGD sgd(parameters(layer), {.lr = 0.1});
#elif WRONG == 12
  Adam adam(layer, 0.1);
#elif WRONG == 13
  LBFGS lbfgs(named_parameters(layer));
#else
  Upsample up{{.scale_factor = 2}};
#endif
}
