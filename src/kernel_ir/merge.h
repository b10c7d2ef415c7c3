#pragma once
#include <vector>

#include "kernel_ir/kernel.h"

namespace lilith::kir {

/// A kernel for a GPU, and which memory each of its Params is, in their order: a number.
struct GridPart {
  const Kernel* kernel = nullptr;
  std::vector<int> memory;
};

/// Kernels whose blocks need nothing of each other as one, which has all their blocks. Params of
/// one number become one; memory that blocks share is used in turn. `memory` gets the numbers of
/// the Params.
Kernel merge_grids(const std::vector<GridPart>& parts, std::vector<int>* memory);

}  // namespace lilith::kir
