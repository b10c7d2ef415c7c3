#include "lilith/ops/sampling.h"

#include <cmath>
#include <numbers>

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/random.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "lilith/ops/sorting.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"
#include "ops/random_key.h"
#include "ops/sampling.h"
#include "ops/sort.h"

// Draws that need no loop.
namespace lilith {

using namespace ops;
using I = std::int64_t;

Tensor ops::open_uniform(const Shape& shape, DType dtype, Device device) {
  return shift(scale(rand(shape, {.dtype = dtype, .device = device}), 1 - 0x1p-23), 0x1p-25);
}

namespace {

Tensor checked(const char* op, const Tensor& x) {
  LILITH_CHECK(is_floating(x.dtype()), "{}: x is {}; need a floating dtype", op, x.aval().str());
  return x;
}

// The first element whose sum up to it is over a uniform part of the whole; where rounding of the
// sums makes it one of probability 0, the last before it that is not.
Tensor with_replacement(const Tensor& p, I num_samples) {
  const int last = p.ndim() - 1;
  Shape shape = p.shape();
  const I n = shape[last];
  shape[last] = num_samples;
  const Tensor sums = cumsum(p, Dim(last));
  const Tensor whole = slice_dim(sums, last, n - 1, n);
  const Tensor u = rand(shape, {.dtype = p.dtype(), .device = p.device()});
  const Tensor at = make_searchsorted(sums, mul(u, broadcast_last(whole, shape)), true);
  const Tensor allowed = running_place(make_cast(compare("gt", p, 0), DType::I32), last, true);
  return make_gather(allowed, last, minimum(at, full_as(at, static_cast<double>(n - 1))));
}

}  // namespace

Tensor multinomial(const Arg& x, Int num_samples, bool replacement,
                   const std::optional<RandomGenerator>& generator) {
  LocScope scope(x.loc());
  const GeneratorScope chosen_here(generator);
  const Tensor t = checked("multinomial", stop_gradient(x.tensor()));
  LILITH_CHECK(t.ndim() == 1 || t.ndim() == 2, "multinomial: x is {}; need [n] or [m, n]",
               t.aval().str());
  const I n = t.size(-1);
  LILITH_CHECK(num_samples >= 1 && n >= 1, "multinomial: {} samples of {}; need at least 1 of each",
               num_samples, t.aval().str());
  LILITH_CHECK(replacement || num_samples <= n,
               "multinomial: {} samples of {} without replacement; need at most {}", num_samples,
               t.aval().str(), n);
  const Tensor p = widened(t);
  if (replacement && num_samples > 1) return with_replacement(p, num_samples);
  const Tensor u = open_uniform(p.shape(), p.dtype(), p.device());
  return make_argsort(sub(log(p), log(neg(log(u)))), 0, num_samples, true);
}

Tensor exponential_like(const Arg& x, Real lambd, const std::optional<RandomGenerator>& generator) {
  LocScope scope(x.loc());
  const GeneratorScope chosen_here(generator);
  LILITH_CHECK(lambd > 0, "exponential_: lambd is {}; need lambd > 0", double{lambd});
  return rounded_once(checked("exponential_", x.tensor()), [&](const Tensor& t) {
    return scale(log(open_uniform(t.shape(), t.dtype(), t.device())), -1 / lambd);
  });
}
Tensor geometric_like(const Arg& x, Real p, const std::optional<RandomGenerator>& generator) {
  LocScope scope(x.loc());
  const GeneratorScope chosen_here(generator);
  LILITH_CHECK(p > 0 && p <= 1, "geometric_: p is {}; need 0 < p <= 1", double{p});
  return rounded_once(checked("geometric_", x.tensor()), [&](const Tensor& t) {
    if (p == 1) return full_as(t, 1);
    const Tensor u = open_uniform(t.shape(), t.dtype(), t.device());
    return maximum(ceil(scale(log(u), 1 / std::log1p(-p))), full_as(t, 1));
  });
}
Tensor log_normal_like(const Arg& x, Real mean, Real std,
                       const std::optional<RandomGenerator>& generator) {
  LocScope scope(x.loc());
  const GeneratorScope chosen_here(generator);
  LILITH_CHECK(std > 0, "log_normal_: std is {}; need std > 0", double{std});
  return rounded_once(checked("log_normal_", x.tensor()), [&](const Tensor& t) {
    const Tensor z = randn(t.shape(), {.dtype = t.dtype(), .device = t.device()});
    return exp(shift(scale(z, std), mean));
  });
}
Tensor cauchy_like(const Arg& x, Real median, Real sigma,
                   const std::optional<RandomGenerator>& generator) {
  LocScope scope(x.loc());
  const GeneratorScope chosen_here(generator);
  LILITH_CHECK(sigma > 0, "cauchy_: sigma is {}; need sigma > 0", double{sigma});
  return rounded_once(checked("cauchy_", x.tensor()), [&](const Tensor& t) {
    const Tensor u = open_uniform(t.shape(), t.dtype(), t.device());
    return shift(scale(tan(scale(shift(u, -0.5), std::numbers::pi)), sigma), median);
  });
}

}  // namespace lilith
