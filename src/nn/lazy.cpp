#include "lilith/nn/lazy.h"

#include "lilith/compile.h"
#include "transforms/differentiation.h"

namespace lilith::detail {

std::int64_t lazy_size(const char* layer, const Tensor& x, std::int64_t dim) {
  LILITH_CHECK(
      !tracing() && ir::differentiation_depth() == 0,
      "{}: its first input sets its sizes, and what is made inside of grad, compile or the "
      "like is not kept; call the model with an example before: net(x)",
      layer);
  const std::int64_t needed = dim < 0 ? -dim : dim + 1;
  LILITH_CHECK(x.ndim() >= needed, "{}: the input is {}; need at least {} dimensions", layer,
               x.aval().str(), needed);
  return x.size(dim);
}

void fail_not_made(const char* layer) {
  fail("{}: it has no sizes yet; call the model with an example before: net(x)", layer);
}

}  // namespace lilith::detail
