// error: is no row; write None
#include <lilith/ops.h>

lilith::Tensor with_a_dimension(const lilith::Tensor& x) {
#ifdef RIGHT
  return x.index({lilith::None, 0});
#else
  return x.index({true, 0});
#endif
}
