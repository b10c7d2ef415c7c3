// error: a bool stands where a dimension, a size or a count is due
// error: a number with a fraction stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
#include <lilith/nn.h>

using namespace lilith;

constexpr std::size_t n = 4;
#ifdef RIGHT
Linear linear{784, n}, plain(n, 2, false), off{3, 4, {.bias = false}};
Embedding table{n, 3};
GroupNorm groups{2, n};
GRUCell cell{n, 8};
MultiheadAttention attention{8, 2};
Conv2d conv{1, n, 3};
#elif WRONG == 1
Linear linear(784, true);
#elif WRONG == 2
Linear linear(784, 784 * 0.5);
#elif WRONG == 3
Embedding table(10, true);
#elif WRONG == 4
BatchNorm1d norm(true);
#elif WRONG == 5
LSTM lstm(4, true);
#else
MultiheadAttention attention(8, true);
#endif
