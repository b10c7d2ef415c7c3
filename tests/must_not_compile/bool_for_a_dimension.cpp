// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where
// error: a bool stands where
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where dimensions or sizes are due
// error: a bool stands where dimensions or sizes are due
// error: a number with a fraction stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
#include <lilith/ops.h>

using namespace lilith;

enum { N, C };

void use(const Tensor& x, bool keepdim) {
  static_cast<void>(keepdim);
#ifdef RIGHT
  argmax(x, 1, true);
  argmax(x, {}, true);
  argmax(x, std::optional<int>(0));
  max(x, x.ndim() - 1, keepdim);
  softmax(x, C);
  cumsum(x, x.size(0) - 1);
  sum(x, {0, 1}, keepdim);
  x.sum({0, -1}, keepdim).squeeze(0);
  x.mean(std::vector<int>{0});
  x.permute({1, 0}).transpose().flatten(1);
  cat({x, x}, 1);
  split(x, {2, 2}, 1);
  round(x, 2);
  one_hot(x, 10);
#elif WRONG == 1
  argmax(x, true);
#elif WRONG == 2
  max(x, keepdim);
#elif WRONG == 3
  softmax(x, true);
#elif WRONG == 4
  cumsum(x, true);
#elif WRONG == 5
  sum(x, {true});
#elif WRONG == 6
  x.sum({true}, keepdim);
#elif WRONG == 7
  x.argmax(true);
#elif WRONG == 8
  x.squeeze(true);
#elif WRONG == 9
  x.sum(true);
#elif WRONG == 10
  softmax(x, 1.0);
#elif WRONG == 11
  round(x, true);
#else
  one_hot(x, keepdim);
#endif
}
