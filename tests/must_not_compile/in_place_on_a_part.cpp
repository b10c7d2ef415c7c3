// error: an in-place method changes the variable that it is called on
// error: an in-place method changes the variable that it is called on
// error: an in-place method changes the variable that it is called on
#include <lilith/ops.h>

using namespace lilith;

// A part of x is a value of its own.
void use(Tensor& x, const Tensor& y) {
#ifdef RIGHT
  x.add_(y).mul_(2);
  x = slice_update(x, y, 0, 1, 2);
#elif WRONG == 1
  x[0].add_(y);
#elif WRONG == 2
  x.t().mul_(2);
#else
  x.view(-1).clamp_(0, 1);
#endif
}
