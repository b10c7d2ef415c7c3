#pragma once
#include <string_view>
#include <vector>

#include "lilith/tensor.h"

namespace lilith::ops {

/// Whether x is computed of an input of a function that is traced or mapped.
bool depends_on_inputs(const Tensor& x);

/// Error where x is not known while a function is traced; `what` of the result depends on it.
void check_known(std::string_view op, std::string_view what, const Tensor& x);

/// The elements of x, for a function whose result's size depends on them.
template <class T>
std::vector<T> asked_values(std::string_view op, const Tensor& x) {
  check_known(op, "the size of its result", x);
  return x.to_vector<T>();
}

}  // namespace lilith::ops
