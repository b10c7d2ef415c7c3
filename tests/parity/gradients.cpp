#include "parity/gradients.h"

#include "lilith/ops.h"
#include "transforms/vjp.h"

namespace lilith::parity {

std::vector<Tensor> gradients(const std::vector<Tensor>& outputs,
                              const std::vector<Tensor>& cotangents,
                              const std::vector<Tensor>& inputs) {
  std::vector<Tensor> result = backpropagate(outputs, cotangents, inputs, "parity");
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (!result[k].defined()) result[k] = zeros_like(inputs[k]);
  }
  return result;
}

}  // namespace lilith::parity
