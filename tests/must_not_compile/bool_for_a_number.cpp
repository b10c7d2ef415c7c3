// error: a bool stands where a number is due
#include <lilith/ops.h>

// PyTorch's dropout(x, training) is a mistake that would drop everything.
lilith::Tensor dropped(const lilith::Tensor& x, bool training) {
#ifdef RIGHT
  return lilith::dropout(x, 0.5, training);
#else
  return lilith::dropout(x, training);
#endif
}
