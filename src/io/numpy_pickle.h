#pragma once
#include <string>

#include "io/elements.h"
#include "io/pickle.h"

namespace lilith::io {

/// Whether a value is an array of NumPy.
bool is_numpy_array(const PickleValue& v);
/// The array. Refusals: arrays of objects, text, dates and of types that no dtype holds.
Tensor numpy_array(const PickleValue& v, const Origin& origin);
/// One of NumPy's numbers as text ("0.25"); empty for other values.
std::string numpy_scalar(const PickleValue& v);

}  // namespace lilith::io
