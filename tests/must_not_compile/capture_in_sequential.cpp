// error: lilith: what a lambda captures would silently not be trained. write a struct
// error: lilith: Sequential takes layers
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
#elif WRONG == 1
  return Sequential{Linear{2, 3}, [k](Tensor x) { return x * k; }};
#else
  return Sequential{Linear{2, 3}, 0.5};
#endif
}
