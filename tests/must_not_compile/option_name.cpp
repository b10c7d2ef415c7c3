// error: (no non-static data member named|field designator).*biased
// error: (no matching|could not convert).*Adam
#include <lilith/nn.h>
#include <lilith/optim.h>

using namespace lilith;

// Braces alone have no type that the compiler could name.
#ifdef RIGHT
Linear layer{1, 2, {.bias = false}};
Adam opt({.lr = 1e-3});
#elif WRONG == 1
Linear layer{1, 2, LinearOptions{.biased = false}};
#else
Adam opt({.learning_rate = 1e-3});
#endif
