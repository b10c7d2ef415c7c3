#include <numbers>

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "ops/factory.h"
#include "ops/half.h"
#include "ops/primitives.h"

// The windows of signal processing.
namespace lilith {

using namespace ops;

namespace {

// f of the places 0, 1, …, n - 1 over the last place of the window, in [0, 1].
template <class F>
Tensor window(const char* op, std::int64_t n, bool periodic, const TensorOptions& options, F f) {
  LILITH_CHECK(n >= 0, "{}: {} points; need at least 0", op, n);
  LILITH_CHECK(is_floating(options.dtype), "{}: dtype {}; need a floating one", op,
               name(options.dtype));
  check_factory(op, {n}, options);
  const DType dtype = compute_dtype(options.dtype);
  if (n <= 1) return make_full({n}, 1, options.dtype, options.device);
  const auto last = static_cast<double>(periodic ? n : n - 1);
  const Tensor places = make_iota({n}, 0, dtype, options.device);
  return make_cast(f(scale(places, 1 / last)), options.dtype);
}

// The cosine of k whole turns over the window.
Tensor turns(const Tensor& t, int k) { return cos(scale(t, 2 * std::numbers::pi * k)); }

}  // namespace

Tensor hann_window(Int n, bool periodic, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return window("hann_window", n, periodic, options,
                [](const Tensor& t) { return shift(scale(turns(t, 1), -0.5), 0.5); });
}
Tensor hamming_window(Int n, bool periodic, Real alpha, Real beta, const TensorOptions& options,
                      SourceLocation loc) {
  LocScope scope(loc);
  return window("hamming_window", n, periodic, options,
                [&](const Tensor& t) { return shift(scale(turns(t, 1), -beta), alpha); });
}
Tensor blackman_window(Int n, bool periodic, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return window("blackman_window", n, periodic, options, [](const Tensor& t) {
    return shift(add(scale(turns(t, 1), -0.5), scale(turns(t, 2), 0.08)), 0.42);
  });
}
Tensor bartlett_window(Int n, bool periodic, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return window("bartlett_window", n, periodic, options,
                [](const Tensor& t) { return shift(neg(abs(shift(scale(t, 2), -1))), 1); });
}

}  // namespace lilith
