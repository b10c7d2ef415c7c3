#pragma once
#include "lilith/precision.h"

namespace lilith::testing {

/// set_precision while it lives.
struct WithPrecision {
  explicit WithPrecision(Precision p) { set_precision(p); }
  WithPrecision(const WithPrecision&) = delete;
  ~WithPrecision() { set_precision(before); }
  const Precision before = precision();
};

}  // namespace lilith::testing
