// error: (use of deleted|call to deleted|no matching|conversion function)
// error: (use of deleted|call to deleted|no matching|conversion function)
// error: (no matching|could not convert|no viable)
// error: (use of deleted|call to deleted|no matching|could not convert|conversion)
// error: (use of deleted|overload resolution selected deleted)
#include <lilith/ops.h>

using namespace lilith;

// A number is a device, as in PyTorch; a null pointer and a bool are none.
void use(const Tensor& x) {
#ifdef RIGHT
  x.to(0);
  x.to("cpu");
  const Device d = 1;
  static_cast<void>(x.device() == d && d == Device("cpu"));
  zeros({2}, {.device = 0});
#elif WRONG == 1
  x.to(nullptr);
#elif WRONG == 2
  const Device d(nullptr);
#elif WRONG == 3
  x.to(true);
#elif WRONG == 4
  zeros({2}, {.device = nullptr});
#else
  static_cast<void>(x.device() == 1);
#endif
}
