#pragma once
#include "codegen/c/dialect.h"

namespace lilith::codegen::cuda {

/// CUDA C++ without a header: what it calls is built into NVRTC, which has to be told -fmad=false.
/// Params start at multiples of 16 bytes; without Vector loops, of their elements.
extern const c::Dialect kDialect;

}  // namespace lilith::codegen::cuda
