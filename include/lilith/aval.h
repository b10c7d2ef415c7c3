#pragma once
#include "lilith/device.h"
#include "lilith/dtype.h"
#include "lilith/shape.h"

namespace lilith {

/// An abstract value: all that is known of a tensor without its data.
struct Aval {
  Shape shape;
  DType dtype = DType::F32;
  Device device = {};
  /// "f32[100,20,24,24]".
  std::string str() const;
  std::int64_t numel() const { return shape.numel(); }
  std::size_t bytes() const { return static_cast<std::size_t>(numel()) * size_of(dtype); }
  bool operator==(const Aval&) const = default;
};

}  // namespace lilith
