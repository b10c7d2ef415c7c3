#pragma once
#include "expect.h"

/// The network that the examples train.
struct Net {
  lilith::Conv2d conv1{1, 20, 5};
  lilith::Conv2d conv2{20, 50, 5};
  lilith::Linear fc1{4 * 4 * 50, 500};
  lilith::Linear fc2{500, 10};

  lilith::Tensor operator()(lilith::Tensor x) const {
    x = max_pool2d(relu(conv1(x)), 2);
    x = max_pool2d(relu(conv2(x)), 2);
    x = x.reshape({-1, 4 * 4 * 50});
    x = relu(fc1(x));
    return log_softmax(fc2(x), 1);
  }
};
