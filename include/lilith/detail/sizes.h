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

/// name({2, 3}, kLong), name(2, 3, "float64", "cuda"): a dtype, a device or PyTorch's word for one
/// in the place of options, for a function name(shape, options, loc) that is declared before.
#define LILITH_PLACED(name)                                                                   \
  template <detail::Placement P>                                                              \
  Tensor name(const Shape& shape, P dtype_or_device, std::optional<Device> device = {},       \
              SourceLocation loc = SourceLocation::current()) {                               \
    return name(shape, detail::placed(DType::F32, dtype_or_device, device, loc), loc);        \
  }                                                                                           \
  template <detail::Placement P>                                                              \
    requires(!std::same_as<P, TensorOptions>)                                                 \
  Tensor name(Size a, Size b, P dtype_or_device, std::optional<Device> device = {}) {         \
    return name({a.value, b.value}, dtype_or_device, device, a.loc);                          \
  }                                                                                           \
  template <detail::Placement P>                                                              \
    requires(!std::same_as<P, TensorOptions>)                                                 \
  Tensor name(Size a, Size b, Size c, P dtype_or_device, std::optional<Device> device = {}) { \
    return name({a.value, b.value, c.value}, dtype_or_device, device, a.loc);                 \
  }                                                                                           \
  template <detail::Placement P>                                                              \
    requires(!std::same_as<P, TensorOptions>)                                                 \
  Tensor name(Size a, Size b, Size c, Size d, P dtype_or_device,                              \
              std::optional<Device> device = {}) {                                            \
    return name({a.value, b.value, c.value, d.value}, dtype_or_device, device, a.loc);        \
  }
