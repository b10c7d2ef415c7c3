// error: a bool stands where a dimension, a size or a count is due
// error: a number with a fraction stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a number with a fraction stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a number with a fraction stands where a dimension, a size or a count is due
#include <lilith/ops.h>

using namespace lilith;

void use(const Tensor& x, std::size_t n) {
#ifdef RIGHT
  x.slice(0, 1, n, 2);
  slice(x, 0, n);
  narrow(x, 0, 0, x.size(0));
  select(x, 0, n);
  split(x, n);
  split(x, {2, 2}, 1);
  split(x, {2});
  split(x, std::vector<std::int64_t>{1, 2});
  tensor_split(x, 2);
  tensor_split(x, {1});
  chunk(x, 2, 1);
  repeat_interleave(x, 2);
  repeat_interleave(x, x);
  unfold(x, 0, 2, 1);
  select_scatter(x, x, 0, 1);
  slice_update(x, x, 0, 1);
  randint(10, {2}), randint(0, 10, {2}), randperm(n), eye(2, 3), linspace(0, 1, 5);
#elif WRONG == 1
  x.slice(0, true);
#elif WRONG == 2
  slice(x, 0, 0, x.size(0) * 0.5);
#elif WRONG == 3
  narrow(x, 0, 0, true);
#elif WRONG == 4
  split(x, true);
#elif WRONG == 5
  chunk(x, 2, true);
#elif WRONG == 6
  tensor_split(x, 1.5);
#elif WRONG == 7
  repeat_interleave(x, true);
#elif WRONG == 8
  unfold(x, 0, 2, true);
#elif WRONG == 9
  select_scatter(x, x, 0, true);
#else
  linspace(0, 1, 0.1);
#endif
}
