// error: a bool stands where dimensions or sizes are due
#include <lilith/ops.h>

lilith::Tensor total(const lilith::Tensor& x) {
#ifdef RIGHT
  return lilith::sum(x, {0, 1}, true);
#else
  return lilith::sum(x, true);
#endif
}
