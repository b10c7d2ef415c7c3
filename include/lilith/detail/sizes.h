#pragma once
#include "lilith/tensor.h"

/// name(2, 3), name(2, 3, {.dtype = kFloat64}) and their like, up to five sizes, for a function
/// name(shape, options, loc) that is declared before.
#define LILITH_OF_SIZES(name)                                                                     \
  inline Tensor name(Size a, Size b, const TensorOptions& options = {}) {                         \
    return name({a.value, b.value}, options, a.loc);                                              \
  }                                                                                               \
  inline Tensor name(Size a, Size b, Size c, const TensorOptions& options = {}) {                 \
    return name({a.value, b.value, c.value}, options, a.loc);                                     \
  }                                                                                               \
  inline Tensor name(Size a, Size b, Size c, Size d, const TensorOptions& options = {}) {         \
    return name({a.value, b.value, c.value, d.value}, options, a.loc);                            \
  }                                                                                               \
  inline Tensor name(Size a, Size b, Size c, Size d, Size e, const TensorOptions& options = {}) { \
    return name({a.value, b.value, c.value, d.value, e.value}, options, a.loc);                   \
  }
