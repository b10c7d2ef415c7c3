// error: fields of a struct with a base class are not found by reflection
#include <lilith/nn.h>

using namespace lilith;

struct Base {
  Linear a{2, 3};
};
struct Net : Base {
  Linear b{3, 4};
#ifdef RIGHT
  LILITH_FIELDS(a, b)
#endif
};

void train(Net& net) { train_mode(net); }
