// error: PyTorch has another argument in this place .inplace
// error: PyTorch has another argument in this place .inplace
// error: a bool stands where a number is due
// error: a bool stands where a number is due
// error: a bool stands where a dimension, a size or a count is due
// error: PyTorch has another argument in this place .inplace, return_indices
// error: a bool stands where dimensions or sizes are due
// error: a bool stands where dimensions or sizes are due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a dimension, a size or a count is due
// error: a bool stands where a number is due
// error: a bool stands where a dimension, a size or a count is due
// error: too many initializers|excess elements
#include <lilith/nn.h>

using namespace lilith;

#ifdef RIGHT
Dropout drop{0.5}, off{.p = 0.5, .training = false}, whole{};
Dropout2d drop2{.p = 0.1};
LeakyReLU leaky{0.2};
Softmax softmax_layer{-1};
MaxPool2d pool{2, 2}, long_pool{3, {.stride = 2, .padding = 1, .ceil_mode = true}};
MaxPool2d positional{3, 2, 1}, per_dimension{3, {2, 1}};
Conv2d conv{3, 8, 3, 1, 1, 1, 1, false}, of_tuples{3, 8, {3, 1}, {2, 1}, {1, 0}};
ReLU relu_layer{true};
Embedding table{10, 3, {0}};
LSTM lstm{4, 8, {2, true, true, 0.1}};
BatchNorm2d norm{8, {1e-5, 0.1, false}};
Linear linear{3, 2, false};
#elif WRONG == 1
Dropout drop{0.5, false};
#elif WRONG == 2
Dropout3d drop{0.5, true};
#elif WRONG == 3
LeakyReLU leaky{true};
#elif WRONG == 4
Hardtanh tanh_layer{-1, true};
#elif WRONG == 5
Softmax softmax_layer{true};
#elif WRONG == 6
MaxPool2d pool{3, 2, 1, 1, true};
#elif WRONG == 7
MaxPool2d pool{2, true};
#elif WRONG == 8
// PyTorch's sixth is dilation.
Conv2d conv{3, 8, 3, 1, 1, false};
#elif WRONG == 9
Embedding table{10, 3, {true}};
#elif WRONG == 10
LSTM lstm{4, 8, {true}};
#elif WRONG == 11
BatchNorm2d norm{8, {true}};
#elif WRONG == 12
Flatten flatten_layer{true};
#else
ReLU relu_layer{true, true};
#endif
