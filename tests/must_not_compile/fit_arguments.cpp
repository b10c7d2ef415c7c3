// error: lilith: fit: the loss takes neither output and target
// error: lilith: fit: the loss takes neither output and target
// error: lilith: fit: the loss has to return a Tensor
// error: lilith: fit: this loss is of output and target, but the model cannot be called
// error: lilith: fit: the second argument is no dataset
// error: lilith: fit: the model is const
#include <lilith/nn.h>
#include <lilith/train.h>

using namespace lilith;

struct Uncallable {
  Linear a{2, 3};
  Tensor forward(const Tensor& x) const { return a(x); }
};

void train(Linear& net, const Linear& fixed, Uncallable& other, const Tensor& x, const Tensor& y) {
  const TensorDataset data(x, y);
#ifdef RIGHT
  fit(net, data, MSELoss{});
  fit(other, data,
      [](Uncallable& m, Tensor in, Tensor out) { return mse_loss(m.forward(in), out); });
#elif WRONG == 1
  fit(net, data, [](Tensor a) { return a; });
#elif WRONG == 2
  fit(net, data, [](int a, Tensor b) { return b; });
#elif WRONG == 3
  fit(net, data, [](Linear& m, Tensor in, Tensor) { m(in); });
#elif WRONG == 4
  fit(other, data, MSELoss{});
#elif WRONG == 5
  fit(net, DataLoader(data), MSELoss{});
#else
  fit(fixed, data, MSELoss{});
#endif
}
