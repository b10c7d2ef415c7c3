#pragma once
#include <span>
#include <string>
#include <string_view>

#include "lilith/tensor.h"

namespace lilith::ir {

/// Makes the operands of an op lie on one device: 0-d ones of the host (numbers, keys, an
/// optimiser's scalars) go to where the others are, as in PyTorch. Error that names the first two
/// of the others that differ.
void bring_together(std::string_view op, std::span<Tensor> operands);
/// "f32[3] on opencl:0", "f32[3]" on the host: for messages about avals that may differ in nothing
/// but the device.
std::string placed_text(const Aval& aval);
/// The operand on a device: itself, a constant made again there, or a copy (op copy_to).
Tensor on_device(const Tensor& x, Device device);

}  // namespace lilith::ir
