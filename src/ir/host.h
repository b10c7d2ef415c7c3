#pragma once
#include <cstdint>

#include "lilith/dtype.h"
#include "lilith/tensor.h"

// Elements in host memory, whatever their dtype.
namespace lilith::ir {

/// Element i as a double.
double read_f64(const void* data, DType dtype, std::int64_t i);
/// Element i as an integer; floats truncate and saturate, NaN gives 0.
std::int64_t read_i64(const void* data, DType dtype, std::int64_t i);
/// Stores with rounding to nearest even (floats) or saturation (integers; NaN gives 0).
void write_f64(void* data, DType dtype, std::int64_t i, double v);
/// Stores; integers wrap.
void write_i64(void* data, DType dtype, std::int64_t i, std::int64_t v);
/// Fills n elements with a number.
void fill(void* data, DType dtype, std::int64_t n, Scalar value);
/// Float to integer: truncates, saturates, NaN gives 0.
std::int64_t saturate(double v, DType dtype = DType::I64);
/// An integer wrapped into the dtype's range.
std::int64_t wrap(std::int64_t v, DType dtype);
/// A double rounded to a floating dtype.
double round_to(double v, DType dtype);

}  // namespace lilith::ir
