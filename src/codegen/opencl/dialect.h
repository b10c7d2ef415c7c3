#pragma once
#include "codegen/c/dialect.h"

namespace lilith::codegen::opencl {

/// OpenCL C 1.2. A program that is built without correctly rounded f32 division defines
/// LILITH_DIVIDE_IN_F64 where the device computes in f64: rounding a f64 quotient or root of f32
/// operands once more gives the same. A device that can neither divides as it does, within 2.5 ulp.
extern const c::Dialect kDialect;

}  // namespace lilith::codegen::opencl
