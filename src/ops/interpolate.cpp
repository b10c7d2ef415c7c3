#include <algorithm>
#include <cmath>

#include "core/autocast_state.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/shape.h"
#include "ops/cubic.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Resampling, one dimension after another: each output is a weighted sum of a few gathered
// neighbours.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

// How a dimension of n elements becomes one of `out`: source = scale * (i + centre) - centre.
struct Sampling {
  I n, out;
  double scale;
  bool centred;
};

// The weight of an element at distance t.
Tensor cubic_weight(const Tensor& t, bool near) {
  constexpr double kA = -0.75;
  const Tensor t2 = mul(t, t), t3 = mul(t2, t);
  if (near) return shift(sub(scale(t3, kA + 2), scale(t2, kA + 3)), 1);
  return shift(add(sub(scale(t3, kA), scale(t2, 5 * kA)), scale(t, 8 * kA)), -4 * kA);
}

Tensor taken(const Tensor& x, int dim, const Tensor& position) {
  const double last = static_cast<double>(x.shape()[dim] - 1);
  const Tensor held = minimum(maximum(position, full_as(position, 0)), full_as(position, last));
  Shape shape = x.shape();
  shape[dim] = position.numel();
  return make_gather(x, dim, make_broadcast(make_cast(held, DType::I64), shape, {dim}));
}
Tensor weighted(const Tensor& x, int dim, const Tensor& weight) {
  return mul(x, make_broadcast(make_cast(weight, x.dtype()), x.shape(), {dim}));
}

Tensor resample(const Tensor& x, int dim, const Sampling& s, int taps) {
  const Tensor i = make_iota({s.out}, 0, DType::F64, x.device());
  if (taps == 1) return taken(x, dim, floor(scale(s.centred ? shift(i, 0.5) : i, s.scale)));
  Tensor source = s.centred ? shift(scale(shift(i, 0.5), s.scale), -0.5) : scale(i, s.scale);
  if (taps == 2) source = maximum(source, full_as(source, 0));
  const Tensor base = floor(source), t = sub(source, base), rest = sub(full_as(t, 1), t);
  if (taps == 2) {
    return add(weighted(taken(x, dim, base), dim, rest),
               weighted(taken(x, dim, shift(base, 1)), dim, t));
  }
  const std::array<Tensor, 4> weights = cubic_weights(t);
  Tensor total;
  for (int k = 0; k < 4; ++k) {
    const Tensor part =
        weighted(taken(x, dim, shift(base, k - 1)), dim, weights[static_cast<std::size_t>(k)]);
    total = total.defined() ? add(total, part) : part;
  }
  return total;
}

// What filters are at distance t from the middle; they reach 1 (triangle) or 2 (cubic, a = -0.5)
// elements.
double filter_at(double t, bool cubic) {
  const double d = std::fabs(t);
  if (!cubic) return std::max(0.0, 1 - d);
  constexpr double kA = -0.5;
  if (d < 1) return ((kA + 2) * d - (kA + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * kA : 0;
}

// One dimension by a filter that widens with the step where it is over 1: a product with the
// weights [out, n], each row of which adds up to 1.
Tensor antialiased(const Tensor& x, int dim, const Sampling& s, bool cubic) {
  const double widening = std::max(s.scale, 1.0), support = (cubic ? 2 : 1) * widening;
  std::vector<double> weights(static_cast<std::size_t>(s.out * s.n), 0);
  for (I i = 0; i < s.out; ++i) {
    const double centre = s.scale * (static_cast<double>(i) + 0.5);
    const I from = std::max<I>(static_cast<I>(centre - support + 0.5), 0),
            to = std::min<I>(static_cast<I>(centre + support + 0.5), s.n);
    double total = 0;
    double* row = weights.data() + i * s.n;
    for (I j = from; j < to; ++j)
      total += row[j] = filter_at((static_cast<double>(j) - centre + 0.5) / widening, cubic);
    for (I j = from; total != 0 && j < to; ++j) row[j] /= total;
  }
  const AutocastOff inside;
  const Tensor w = from_data(weights.data(), {s.out, s.n}).to(x.dtype()).to(x.device());
  return movedim(matmul(movedim(x, dim, -1), transpose(w, 0, 1)), -1, dim);
}

Tensor area(const Tensor& x, const Ints& size) {
  switch (size.size()) {
    case 1:
      return adaptive_avg_pool1d(x, size);
    case 2:
      return adaptive_avg_pool2d(x, size);
    default:
      return adaptive_avg_pool3d(x, size);
  }
}

int spatial_rank(Interpolation mode, int rank) {
  switch (mode) {
    case Interpolation::Linear:
      return 1;
    case Interpolation::Bilinear:
    case Interpolation::Bicubic:
      return 2;
    case Interpolation::Trilinear:
      return 3;
    default:
      return rank;
  }
}

// The nearest of 0 to 255.
Tensor as_bytes(const Tensor& x) {
  const Tensor whole = round(x);
  return make_cast(minimum(maximum(whole, full_as(x, 0)), full_as(x, 255)), DType::U8);
}

}  // namespace

std::array<Tensor, 4> ops::cubic_weights(const Tensor& t) {
  const Tensor rest = sub(full_as(t, 1), t);
  return {cubic_weight(shift(t, 1), false), cubic_weight(t, true), cubic_weight(rest, true),
          cubic_weight(shift(rest, 1), false)};
}

Tensor interpolate(const Arg& input, const InterpolateOptions& o) {
  LocScope scope(input.loc());
  Tensor x = input.tensor();
  const int n = x.ndim() - 2;
  const bool exact = o.mode == Interpolation::NearestExact;
  const bool picks = o.mode == Interpolation::Nearest || exact;  // values of any dtype
  LILITH_CHECK(
      (picks || is_floating(x.dtype()) || x.dtype() == DType::U8) && n >= 1 && n <= 3 &&
          n == spatial_rank(o.mode, n),
      "interpolate: got {}; need floating or u8 [N, C, d...] with as many sizes as the mode has",
      x.aval().str());
  const bool smooth = o.mode == Interpolation::Bilinear || o.mode == Interpolation::Bicubic;
  LILITH_CHECK(!o.antialias || smooth,
               "interpolate: antialias with mode '{}'; need 'bilinear' or "
               "'bicubic'",
               o.mode.word());
  LILITH_CHECK(o.size.empty() != o.scale_factor.empty(),
               "interpolate: need size or scale_factor, one of them");
  LILITH_CHECK(o.scale_factor.size() <= 1 || static_cast<int>(o.scale_factor.size()) == n,
               "interpolate: scale_factor has {} entries; need 1 or {}", o.scale_factor.size(), n);
  Ints size = o.size.empty() ? Ints(static_cast<std::size_t>(n))
                             : per_dim("interpolate", "size", o.size, n);
  std::vector<Sampling> samplings;
  for (int d = 0; d < n; ++d) {
    const auto k = static_cast<std::size_t>(d);
    const I in = x.shape()[d + 2];
    double factor = 0;
    if (!o.scale_factor.empty()) {
      factor = o.scale_factor[o.scale_factor.size() == 1 ? 0 : k];
      LILITH_CHECK(factor > 0, "interpolate: scale_factor {}; need scale_factor > 0", factor);
      size[k] = static_cast<I>(std::floor(static_cast<double>(in) * factor));
    }
    LILITH_CHECK(in >= 1 && size[k] >= 1,
                 "interpolate: {} to size {} in dimension {}; need sizes >= 1", x.aval().str(),
                 size[k], d + 2);
    const bool given = factor > 0 && !o.recompute_scale_factor;
    double step = given ? 1 / factor : static_cast<double>(in) / static_cast<double>(size[k]);
    if (o.align_corners)
      step = size[k] > 1 ? static_cast<double>(in - 1) / static_cast<double>(size[k] - 1) : 0;
    samplings.push_back({in, size[k], step, picks ? exact : !o.align_corners});
  }
  const DType dtype = x.dtype();
  const bool bytes = !picks && !is_floating(dtype);
  if (bytes) x = make_cast(x, DType::F32);
  if (o.mode == Interpolation::Area) return bytes ? as_bytes(area(x, size)) : area(x, size);
  const int taps = picks ? 1 : o.mode == Interpolation::Bicubic ? 4 : 2;
  if (!picks) x = widened(x);
  for (int k = 0; k < n; ++k) {
    // Bytes row by row first, and rounded each time, as PyTorch's vectors have them.
    const int d = bytes ? n - 1 - k : k;
    const Sampling& s = samplings[static_cast<std::size_t>(d)];
    x = o.antialias ? antialiased(x, d + 2, s, taps == 4) : resample(x, d + 2, s, taps);
    if (bytes) x = make_cast(as_bytes(x), DType::F32);
  }
  if (bytes) return make_cast(x, dtype);
  return picks ? x : narrowed(x, dtype);
}

}  // namespace lilith
