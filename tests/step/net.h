#pragma once
#include "lilith/nn.h"
#include "lilith/ops.h"

namespace lilith::testing {

/// A small convolutional network for 28x28 images.
struct Net {
  Conv2d conv{1, 4, 3};
  Linear fc{4 * 13 * 13, 10};
  Tensor operator()(Tensor x) const {
    x = max_pool2d(relu(conv(x)), 2);
    return log_softmax(fc(x.flatten(1)), 1);
  }
};

inline Tensor loss_of(const Net& m, Tensor x, Tensor y) { return nll_loss(m(x), y); }

}  // namespace lilith::testing
