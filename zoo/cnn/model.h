#pragma once
#include <lilith/nn.h>
#include <lilith/ops.h>

namespace lilith::zoo {

/// Three 3x3 convolutions, each followed by ReLU and a 2x2 max-pool, and a linear layer:
/// log-probabilities of ten classes. x f32 [N,1,28,28] -> [N,10].
struct Cnn {
  Conv2d conv1{1, 16, 3, {.padding = 1}};
  Conv2d conv2{16, 32, 3, {.padding = 1}};
  Conv2d conv3{32, 32, 3, {.padding = 1}};
  Linear fc{288, 10};

  Tensor operator()(Tensor x) const {
    x = max_pool2d(relu(conv1(x)), 2);
    x = max_pool2d(relu(conv2(x)), 2);
    x = max_pool2d(relu(conv3(x)), 2);
    return log_softmax(fc(x.flatten(1)), 1);
  }
};

}  // namespace lilith::zoo
