#pragma once
#include <lilith/nn.h>
#include <lilith/ops.h>

namespace lilith::zoo {

/// Two 5x5 convolutions with 2x2 max-pools and two linear layers. x f32 [N,1,28,28] ->
/// log-probabilities [N,10].
struct LeNet {
  Conv2d conv1{1, 20, 5};
  Conv2d conv2{20, 50, 5};
  Linear fc1{4 * 4 * 50, 500};
  Linear fc2{500, 10};

  Tensor operator()(Tensor x) const {
    x = max_pool2d(relu(conv1(x)), 2);
    x = max_pool2d(relu(conv2(x)), 2);
    x = x.reshape({-1, 4 * 4 * 50});
    x = relu(fc1(x));
    return log_softmax(fc2(x), 1);
  }
};

}  // namespace lilith::zoo
