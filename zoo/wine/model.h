#pragma once
#include <lilith/nn.h>
#include <lilith/ops.h>

namespace lilith::zoo {

/// Linear regression as the library's layer. x [N, 11] -> [N, 1].
struct WineLinear {
  Linear fc{11, 1};
  Tensor operator()(Tensor x) const { return fc(x); }
};

/// The same with nothing but tensors: any struct of them is a model.
struct WineRaw {
  Tensor w = zeros({11, 1});
  Tensor b = zeros({1});
  Tensor operator()(Tensor x) const { return matmul(x, w) + b; }
};

}  // namespace lilith::zoo
