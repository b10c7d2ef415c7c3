#include <limits>

#include "lilith/ops/elementwise.h"
#include "lilith/ops/reduce.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Running combinations along a dimension, in log2(n) doubling steps (Hillis and Steele, 1986):
// after step s every element holds the combination of the 2^s up to itself.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

template <class F>
Tensor scan(const char* op, const Tensor& x, int dim, double neutral, F&& combine) {
  const int d = wrap_dim(op, dim, x.ndim());
  if (x.ndim() == 0) return x;
  const I n = x.shape()[d];
  Ints zeros(x.shape().size(), 0), lo = zeros;
  Tensor out = x;
  for (I step = 1; step < n; step *= 2) {
    lo[static_cast<std::size_t>(d)] = step;
    out = combine(out, make_pad(slice_dim(out, d, 0, n - step), lo, zeros, zeros, neutral));
  }
  return out;
}

Tensor accumulated(const Arg& x, std::optional<DType> dtype) {
  const Tensor t = x.tensor();
  return make_cast(t, dtype.value_or(is_floating(t.dtype()) ? t.dtype() : DType::I64));
}

}  // namespace

Tensor cumsum(const Arg& x, int dim, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  return scan("cumsum", accumulated(x, dtype), dim, 0,
              [](const Tensor& a, const Tensor& b) { return add(a, b); });
}
Tensor cumprod(const Arg& x, int dim, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  return scan("cumprod", accumulated(x, dtype), dim, 1,
              [](const Tensor& a, const Tensor& b) { return mul(a, b); });
}
Tensor logcumsumexp(const Arg& x, int dim) {
  LocScope scope(x.loc());
  return scan("logcumsumexp", floating(x), dim, -std::numeric_limits<double>::infinity(),
              [](const Tensor& a, const Tensor& b) { return logaddexp(a, b); });
}

}  // namespace lilith
