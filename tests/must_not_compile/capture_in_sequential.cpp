// error: A lambda with captures: write a struct instead
#include <lilith/nn.h>
#include <lilith/ops.h>

using namespace lilith;

struct Scale {
  Tensor k;
  Tensor operator()(Tensor x) const { return x * k; }
};

Sequential scaled(const Tensor& k) {
#ifdef RIGHT
  return Sequential{Linear{2, 3}, Scale{k}, [](Tensor x) { return x * 2; }};
#else
  return Sequential{Linear{2, 3}, [k](Tensor x) { return x * k; }};
#endif
}
