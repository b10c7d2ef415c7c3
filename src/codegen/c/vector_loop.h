#pragma once
#include <vector>

#include "kernel_ir/kernel.h"

namespace lilith::codegen::c {

/// What a Vector loop of a thread touches in one access for all of its iterations.
struct VectorLoop {
  struct Load {
    kir::Expr load;
    std::vector<kir::Expr> conditions;  // it is made where they hold, and gives zeros elsewhere
  };
  std::vector<Load> loads;                // may be made before the loop
  std::vector<const kir::Store*> stores;  // may be made after it
};

/// Accesses at consecutive places, from a multiple of the loop's extent on, of at most 16 bytes. A
/// loop that has more than single statements has none.
VectorLoop vector_loop(const kir::Kernel& k, const kir::For& loop);

}  // namespace lilith::codegen::c
