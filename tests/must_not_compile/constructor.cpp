// error: this class has a constructor, private members or a virtual function.*LILITH_FIELDS
// error: this class has a constructor, private members or a virtual function.*LILITH_FIELDS
// error: this class inherits its LILITH_FIELDS and has fields of its own.*LILITH_FIELDS
// error: this struct has fields besides those of its base.*LILITH_FIELDS
// error: this struct has fields besides those of its base.*LILITH_FIELDS
// error: the fields of this struct cannot be counted .*stands behind an empty one
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
#elif WRONG == 4
struct Base {
  Linear a{2, 3};
};
struct Net : Base {
  Linear b{3, 4};
};
#elif WRONG == 5
struct Base {
  Linear a{2, 3};
};
struct Between : Base {
  Linear b{3, 4};
};
struct Net : Between {};
#else
struct Tag {};
struct Base {
  Linear a{2, 3}, b{3, 4};
};
struct Net : Tag, Base {};
#endif

std::int64_t count(Net& net) { return num_parameters(net); }
