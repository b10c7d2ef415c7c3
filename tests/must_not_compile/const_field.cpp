// error: lilith: a model's field is const
#include <lilith/nn.h>

using namespace lilith;

struct Net {
#ifdef RIGHT
  Linear fc{2, 3};
#else
  const Linear fc{2, 3};
#endif
};

void train(Net& net) { train_mode(net); }
