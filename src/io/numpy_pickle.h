#pragma once
#include <string>

#include "io/contents.h"
#include "io/pickle.h"

namespace lilith::io {

/// Whether a value is an array of NumPy.
bool is_numpy_array(const PickleValue& v);
/// Type, sizes, bytes and dtype of an array, without its elements. Refusals: as for the array.
void describe_numpy_array(const PickleValue& v, const Origin& origin, Entry& entry);
/// The array. Refusals: arrays of objects, text, dates and of types that no dtype holds.
Tensor numpy_array(const PickleValue& v, const Origin& origin);
/// One of NumPy's numbers as text ("0.25"); empty for other values.
std::string numpy_scalar(const PickleValue& v);

}  // namespace lilith::io
