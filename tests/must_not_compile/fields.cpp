// error: lilith: a model's field is a pointer.*unique_ptr
// error: lilith: this type cannot be looked into
// error: lilith: the fields of this struct cannot be counted .one is a reference
// error: lilith: this struct has more than 40 fields: group some
#include <lilith/model.h>
#include <lilith/nn.h>

#include <functional>

using namespace lilith;

struct Net {
  Linear a{2, 3};
#ifdef RIGHT
  std::unique_ptr<Linear> b;
  const int layers = 3;
#elif WRONG == 1
  Linear* b = nullptr;
#elif WRONG == 2
  std::function<Tensor(Tensor)> b;
#elif WRONG == 3
  Linear& b;
#else
  Tensor a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, c0, c1, c2,
      c3, c4, c5, c6, c7, c8, c9, d0, d1, d2, d3, d4, d5, d6, d7, d8, d9;
#endif
};

std::int64_t count(Net& net) { return num_parameters(net); }
