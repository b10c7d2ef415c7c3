// error: lilith: the compiled function cannot be called with these arguments
// error: lilith: the compiled function cannot be called with these arguments
// error: lilith: the compiled function returns a number
// error: lilith: compile takes a function
// error: lilith: the function to differentiate returns nothing
// error: lilith: grad: the function must return one scalar Tensor
// error: lilith: the function to differentiate cannot be called with these arguments
// error: lilith: the argument to differentiate is a number
#include <lilith/compile.h>
#include <lilith/nn.h>
#include <lilith/ops.h>
#include <lilith/transforms.h>

using namespace lilith;

void call(Linear& net, const Linear& fixed, const Tensor& x) {
  auto step = compile([](Linear& m, const Tensor& in) { return m(in); });
  auto loss = [](const Linear& m, const Tensor& in) { return m(in).sum(); };
#ifdef RIGHT
  step(net, x);
  auto [value, g] = grad(loss, fixed, x);
#elif WRONG == 1
  step(fixed, x);
#elif WRONG == 2
  step(net, x, x);
#elif WRONG == 3
  compile([](const Tensor&) { return 3; })(x);
#elif WRONG == 4
  compile(3);
#elif WRONG == 5
  auto [value, g] = grad([](const Linear& m, const Tensor& in) { m(in); }, net, x);
#elif WRONG == 6
  auto [value, g] = grad([](const Linear& m, const Tensor& in) { return m(in).numel(); }, net, x);
#elif WRONG == 7
  auto [value, g] = grad(loss, net);
#else
  auto [value, g] = grad([](double k) { return ones({1}) * k; }, 3.0);
#endif
  static_cast<void>(fixed);
}
