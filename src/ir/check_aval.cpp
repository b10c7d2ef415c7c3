#include "ir/check_aval.h"

#include "lilith/error.h"

namespace lilith::ir {

void check_aval(std::string_view op, const Aval& aval) {
  auto bytes = static_cast<std::int64_t>(size_of(aval.dtype));
  for (const std::int64_t size : aval.shape) {
    LILITH_CHECK(size >= 0, "{}: the result would be {}; need sizes from 0 to 2^63 - 1", op,
                 aval.str());
    LILITH_CHECK(size == 0 || !__builtin_mul_overflow(bytes, size, &bytes),
                 "{}: the result would be {}; need fewer than 2^63 bytes", op, aval.str());
  }
}

}  // namespace lilith::ir
