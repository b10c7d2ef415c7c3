#include <cmath>
#include <numbers>

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/signal.h"
#include "lilith/ops/special.h"
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
Tensor kaiser_window(Int n, bool periodic, Real beta, const TensorOptions& options,
                     SourceLocation loc) {
  LocScope scope(loc);
  return window("kaiser_window", n, periodic, options, [&](const Tensor& t) {
    const Tensor inside = clamp_min(shift(neg(square(shift(scale(t, 2), -1))), 1), 0);
    return div(i0(scale(sqrt(inside), beta)), i0(full_as(t, beta)));
  });
}
Tensor bartlett_window(Int n, bool periodic, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return window("bartlett_window", n, periodic, options,
                [](const Tensor& t) { return shift(neg(abs(shift(scale(t, 2), -1))), 1); });
}

namespace windows {

Tensor bartlett(Int n, bool sym, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return bartlett_window(n, !sym, options, loc);
}
Tensor cosine(Int n, bool sym, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  const auto last = static_cast<double>(sym ? n - 1 : +n);
  return window("cosine", n, !sym, options, [&](const Tensor& t) {
    return sin(scale(shift(scale(t, last), 0.5), std::numbers::pi / (last + 1)));
  });
}

namespace {

// f of the distance to the middle of the window, in points.
template <class F>
Tensor around_middle(const char* op, Int n, bool sym, const TensorOptions& options, F f) {
  const auto last = static_cast<double>(sym ? n - 1 : +n);
  return window(op, n, !sym, options,
                [&](const Tensor& t) { return f(scale(shift(t, -0.5), last)); });
}

}  // namespace

Tensor exponential(Int n, Real tau, bool sym, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(tau > 0, "exponential: tau is {}; need tau > 0", tau);
  return around_middle("exponential", n, sym, options,
                       [&](const Tensor& d) { return exp(scale(abs(d), -1 / tau)); });
}
Tensor gaussian(Int n, Real std, bool sym, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(std > 0, "gaussian: std is {}; need std > 0", std);
  return around_middle("gaussian", n, sym, options, [&](const Tensor& d) {
    const Tensor x = scale(d, 1 / std);
    return exp(scale(mul(x, x), -0.5));
  });
}

Tensor general_cosine(Int n, const std::vector<double>& a, bool sym, const TensorOptions& options,
                      SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(!a.empty(), "general_cosine: no coefficients; need at least one");
  return window("general_cosine", n, !sym, options, [&](const Tensor& t) {
    Tensor sum = full_as(t, a[0]);
    for (std::size_t k = 1; k < a.size(); ++k)
      sum = add(sum, scale(turns(t, static_cast<int>(k)), k % 2 == 0 ? a[k] : -a[k]));
    return sum;
  });
}
Tensor general_hamming(Int n, Real alpha, bool sym, const TensorOptions& options,
                       SourceLocation loc) {
  LocScope scope(loc);
  return general_cosine(n, {alpha, 1 - alpha}, sym, options, loc);
}
Tensor hamming(Int n, bool sym, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return general_cosine(n, {0.54, 0.46}, sym, options, loc);
}
Tensor hann(Int n, bool sym, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return general_cosine(n, {0.5, 0.5}, sym, options, loc);
}
Tensor blackman(Int n, bool sym, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return general_cosine(n, {0.42, 0.5, 0.08}, sym, options, loc);
}
Tensor nuttall(Int n, bool sym, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return general_cosine(n, {0.3635819, 0.4891775, 0.1365995, 0.0106411}, sym, options, loc);
}

Tensor kaiser(Int n, Real beta, bool sym, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(beta >= 0, "kaiser: beta is {}; need beta >= 0", beta);
  return window("kaiser", n, !sym, options, [&](const Tensor& t) {
    const Tensor x = shift(scale(t, 2), -1);
    const Tensor inside = maximum(shift(neg(mul(x, x)), 1), full_as(x, 0));
    return div(i0(scale(sqrt(inside), beta)), i0(full_as(x, beta)));
  });
}

}  // namespace windows
}  // namespace lilith
