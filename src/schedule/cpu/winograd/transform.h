#pragma once
#include <functional>
#include <string>

#include "kernel_ir/kernel.h"
#include "schedule/cpu/winograd/matrices.h"

namespace lilith::schedule {

/// m X m^T for one square X, whose elements `load` gives; `store` gets those of the result. Written
/// out, in the lanes of the loop that stands around it.
kir::Block transform_square(kir::Kernel& kernel, const std::string& name, const Matrix& m,
                            const std::function<kir::Expr(int i, int j)>& load,
                            const std::function<kir::Stmt(int i, int j, kir::Expr)>& store);

}  // namespace lilith::schedule
