// error: this class has a constructor, private members or a virtual function.*LILITH_FIELDS
// error: this class has a constructor, private members or a virtual function.*LILITH_FIELDS
// error: this class inherits its LILITH_FIELDS and has fields of its own.*LILITH_FIELDS
// error: this struct has fields besides those of its base.*LILITH_FIELDS
#include <lilith/model.h>
#include <lilith/nn.h>

using namespace lilith;

#ifdef RIGHT
struct Net {
  explicit Net(int n) : a(4, n), b(n, 1) {}
  Linear a, b;
  LILITH_FIELDS(a, b)
};
#elif WRONG == 1
struct Net {
  explicit Net(int n) : a(4, n), b(n, 1) {}
  Linear a, b;
};
#elif WRONG == 2
class Net {
  Linear a{2, 3};
};
#elif WRONG == 3
struct Net : Linear {
  Tensor A, B;
  using Linear::Linear;
};
#else
struct Base {
  Linear a{2, 3};
};
struct Net : Base {
  Linear b{3, 4};
};
#endif

std::int64_t count(Net& net) { return num_parameters(net); }
