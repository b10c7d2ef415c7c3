// error: are no rows; write x.unsqueeze
#include <lilith/ops.h>

lilith::Tensor row(const lilith::Tensor& x, bool second) {
#ifdef RIGHT
  return x[second ? 1 : 0];
#else
  return x[second];
#endif
}
