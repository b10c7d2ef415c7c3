#include "parity/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/host_copy.h"

namespace lilith::parity {
namespace {

double value_at(const Tensor& t, const void* data, std::int64_t k) {
  Stored stored{t.dtype(), t.shape(), static_cast<const char*>(data)};
  return stored.real(k);
}

/// What is larger than the results' dtype holds is infinite there.
double in_range(double b, DType dtype) {
  const bool is_too_large = dtype == DType::F32 && std::abs(b) > std::numeric_limits<float>::max();
  return is_too_large ? std::copysign(INFINITY, b) : b;
}

std::string dtype_difference(const Tensor& got, const Stored& expected) {
  const bool fits =
      is_floating(expected.dtype) ? is_floating(got.dtype()) : got.dtype() == expected.dtype;
  if (fits) return "";
  return fmt::format("dtype {}, expected {}", name(got.dtype()), name(expected.dtype));
}

}  // namespace

std::string difference(const Tensor& got, const Stored& expected, const Tolerance& tolerance) {
  if (!got.defined()) return "undefined";
  if (std::string text = dtype_difference(got, expected); !text.empty()) return text;
  if (!(got.shape() == expected.shape)) {
    return fmt::format("shape {}, expected {}", got.shape().str(), expected.shape.str());
  }
  const std::int64_t n = got.numel();
  if (n == 0) return "";
  const StoragePtr value = ir::host_value(got, "parity");
  const void* data = value->data();
  const bool exact = !is_floating(expected.dtype);
  double scale = 1;
  for (std::int64_t k = 0; tolerance.scaled && k < n; ++k) {
    if (std::isfinite(expected.real(k))) scale = std::max(scale, std::abs(expected.real(k)));
  }
  for (std::int64_t k = 0; k < n; ++k) {
    const double a = value_at(got, data, k), b = in_range(expected.real(k), got.dtype());
    const double bound = exact ? 0 : tolerance.absolute * scale + tolerance.relative * std::abs(b);
    const bool same = a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= bound;
    if (!same) return fmt::format("element {} is {:.17g}, expected {:.17g}", k, a, b);
  }
  return "";
}

}  // namespace lilith::parity
