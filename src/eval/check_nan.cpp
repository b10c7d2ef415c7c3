#include "eval/check_nan.h"

#include "core/run_error.h"

#include <algorithm>

namespace lilith {
namespace {

template <class T, class F>
bool any(const void* data, std::int64_t n, F&& is_nan) {
  const T* x = static_cast<const T*>(data);
  return std::any_of(x, x + n, is_nan);
}

}  // namespace

bool has_nan(DType dtype, const void* data, std::int64_t n) {
  const auto unequal = [](auto v) { return v != v; };
  switch (dtype) {
    case DType::F32:
      return any<float>(data, n, unequal);
    case DType::F64:
      return any<double>(data, n, unequal);
    // Sign aside, what is above infinity.
    case DType::F16:
      return any<half>(data, n, [](half v) { return (v.bits & 0x7fff) > 0x7c00; });
    case DType::BF16:
      return any<bfloat16>(data, n, [](bfloat16 v) { return (v.bits & 0x7fff) > 0x7f80; });
    default:
      return false;
  }
}

void fail_nan(DType dtype, const Shape& shape, const std::string& maker, Loc loc) {
  throw RunError(
      "",
      fmt::format("LILITH_CHECK_NAN: a NaN in {}{}, made by {}", name(dtype), shape.str(), maker),
      loc);
}

}  // namespace lilith
