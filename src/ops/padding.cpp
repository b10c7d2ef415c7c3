#include <algorithm>
#include <cmath>

#include "lilith/ops/shape.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// torch.nn.functional.pad.
namespace lilith {

using namespace ops;
using I = std::int64_t;

Padding::Padding(const char* mode, std::source_location loc) {
  const LocScope scope(loc, nullptr);
  const std::string_view m = mode;
  LILITH_CHECK(m == "same" || m == "valid", "padding: '{}'; need sizes, \"same\" or \"valid\"", m);
  same_ = m == "same";
}

namespace {

struct Sides {
  I lo = 0, hi = 0;
};

std::vector<Sides> sides(const char* op, const Tensor& x, const std::vector<I>& pad) {
  LILITH_CHECK(pad.size() % 2 == 0 && pad.size() <= 2 * x.shape().size(),
               "{}: {} sizes for {}; need two per dimension, the last one first", op, pad.size(),
               x.aval().str());
  std::vector<Sides> out(x.shape().size());
  for (std::size_t i = 0; i < pad.size() / 2; ++i)
    out[out.size() - 1 - i] = {pad[2 * i], pad[2 * i + 1]};
  return out;
}

// One dimension, not cropped when it wraps: the mirrored, repeated or wrapped rows are slices of x.
Tensor pad_dim_with(const Tensor& x, int d, Sides s, PadMode mode) {
  const I n = x.shape()[d];
  std::vector<Tensor> parts;
  const auto edge = [&](I index, I count) {
    Shape shape = x.shape();
    shape[d] = count;
    return broadcast_last(slice_dim(x, d, index, index + 1), shape);
  };
  const auto side = [&](I count, bool low) {
    if (count <= 0) return;
    if (mode == PadMode::Replicate) {
      parts.push_back(edge(low ? 0 : n - 1, count));
    } else if (mode == PadMode::Reflect) {
      LILITH_CHECK(count < n,
                   "pad: reflecting {} of dimension {} of {}; need less than its size {}", count, d,
                   x.aval().str(), n);
      parts.push_back(make_reverse(
          low ? slice_dim(x, d, 1, count + 1) : slice_dim(x, d, n - 1 - count, n - 1), {d}));
    } else {
      LILITH_CHECK(count <= n, "pad: wrapping {} of dimension {} of {}; need at most its size {}",
                   count, d, x.aval().str(), n);
      parts.push_back(low ? slice_dim(x, d, n - count, n) : slice_dim(x, d, 0, count));
    }
  };
  LILITH_CHECK(n > 0, "pad: dimension {} of {} is empty", d, x.aval().str());
  side(s.lo, true);
  const I from = std::max<I>(-s.lo, 0), to = n - std::max<I>(-s.hi, 0);
  LILITH_CHECK(from <= to, "pad: cropping all of dimension {} of {}", d, x.aval().str());
  parts.push_back(slice_dim(x, d, from, to));
  side(s.hi, false);
  return make_concat(parts, d);
}

}  // namespace

Tensor constant_pad_nd(const Arg& x, const std::vector<I>& pad, const Arg& value) {
  LocScope scope(x.loc());
  Tensor t = x.tensor();
  const std::vector<Sides> all = sides("pad", t, pad);
  const std::optional<double> fill = constant_value(value);
  LILITH_CHECK(fill, "pad: the value is {}; need a number", describe(value));
  Ints lo, hi, start, limit;
  for (std::size_t d = 0; d < all.size(); ++d) {
    const I n = t.shape()[static_cast<int>(d)];
    lo.push_back(std::max<I>(all[d].lo, 0));
    hi.push_back(std::max<I>(all[d].hi, 0));
    start.push_back(std::max<I>(-all[d].lo, 0));
    limit.push_back(n - std::max<I>(-all[d].hi, 0));
    LILITH_CHECK(start[d] <= limit[d],
                 "pad: cropping {} and {} of dimension {} of {}; need no more than its size",
                 -all[d].lo, -all[d].hi, d, t.aval().str());
  }
  t = make_slice(t, start, limit, Ints(all.size(), 1));
  const Ints none(all.size(), 0);
  const std::optional<I> whole = constant_integer(value);
  if (whole && is_integral(t.dtype()) && std::fabs(*fill) >= 0x1p53) {
    // The op's number is a double; a select keeps all 64 bits.
    const Tensor inside = make_pad(integer_as(make_cast(t, DType::I64), 1), lo, hi, none, 0);
    const Tensor padded = make_pad(t, lo, hi, none, 0);
    return make_select(compare("ne", inside, 0), padded, integer_as(padded, *whole));
  }
  return make_pad(t, lo, hi, none, *fill);
}

Tensor pad(const Arg& x, const std::vector<I>& pad, PadMode mode, const Arg& value) {
  LocScope scope(x.loc());
  if (mode == PadMode::Constant) return constant_pad_nd(x, pad, value);
  Tensor t = x.tensor();
  const std::vector<Sides> all = sides("pad", t, pad);
  for (int d = 0; d < t.ndim(); ++d) {
    Sides s = all[static_cast<std::size_t>(d)];
    if (mode == PadMode::Circular && (s.lo < 0 || s.hi < 0)) {
      t = pad_dim_with(t, d, {std::min<I>(s.lo, 0), std::min<I>(s.hi, 0)}, mode);
      s = {std::max<I>(s.lo, 0), std::max<I>(s.hi, 0)};
    }
    if (s.lo != 0 || s.hi != 0) t = pad_dim_with(t, d, s, mode);
  }
  return t;
}

}  // namespace lilith
