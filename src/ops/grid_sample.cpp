#include <array>
#include <cmath>

#include "lilith/ops/elementwise.h"
#include "lilith/ops/shape.h"
#include "lilith/ops/spatial.h"
#include "ops/autocast.h"
#include "ops/cubic.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// torch.nn.functional's grid_sample and affine_grid: each output is a weighted sum of gathered
// neighbours.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

// A neighbour along one dimension: its place (whole numbers, perhaps outside) and weight; both
// [N, P]. No weight: it counts once.
struct Tap {
  Tensor place, weight;
};
using Taps = std::vector<Tap>;

struct Axis {
  I n;
  GridPadding padding;
  bool align_corners;

  Tensor unnormalised(const Tensor& g) const {
    const double size = static_cast<double>(n);
    return align_corners ? scale(shift(g, 1), (size - 1) / 2)
                         : shift(scale(shift(g, 1), size / 2), -0.5);
  }
  // Held in [0, n - 1], with no slope outside; NaN becomes 0.
  Tensor held(const Tensor& x) const {
    const double last = static_cast<double>(n - 1);
    const Tensor above = make_select(compare("lt", x, last), x, full_as(x, last));
    return masked(compare("gt", x, 0), above);
  }
  // Folded at both borders, over and over.
  Tensor reflected(const Tensor& x) const {
    const double low = align_corners ? 0 : -0.5,
                 span = static_cast<double>(align_corners ? n - 1 : n);
    if (span == 0) return full_as(x, 0);
    const Tensor distance = abs(shift(x, -low)), flips = floor(scale(distance, 1 / span));
    const Tensor rest = sub(distance, scale(flips, span));
    const Tensor even = compare("eq", remainder(flips, full_as(flips, 2)), 0);
    return make_select(even, shift(rest, low), shift(neg(rest), span + low));
  }
  Tensor padded(const Tensor& x) const {
    if (padding == GridPadding::Zeros) return x;
    return held(padding == GridPadding::Reflection ? reflected(x) : x);
  }
  Tensor inside(const Tensor& place) const {
    return logical_and(compare("ge", place, 0), compare("le", place, static_cast<double>(n - 1)));
  }

  Taps taps(const Tensor& g, GridMode mode) const {
    const Tensor raw = unnormalised(g);
    if (mode == GridMode::Nearest) return {{round(padded(raw)), {}}};
    if (mode == GridMode::Bilinear) {
      const Tensor x = padded(raw), base = floor(x), t = sub(x, base);
      return {{base, sub(full_as(t, 1), t)}, {shift(base, 1), t}};
    }
    const Tensor base = floor(raw);
    const std::array<Tensor, 4> weights = cubic_weights(sub(raw, base));
    Taps out;
    for (int k = 0; k < 4; ++k)
      out.push_back({padded(shift(base, k - 1)), weights[static_cast<std::size_t>(k)]});
    return out;
  }
};

// Adds up the neighbours of all dimensions from `d` on, the slowest first.
struct Sampler {
  Tensor flat;  // [N, C, S]
  std::vector<Axis> axes;
  std::vector<Taps> taps;
  bool zeros;

  Tensor sum(std::size_t d, const Tensor& index, const Tensor& weight, const Tensor& inside) const {
    if (d == axes.size()) return term(index, weight, inside);
    Tensor total;
    for (const Tap& tap : taps[d]) {
      const Tensor place = make_cast(axes[d].held(tap.place), DType::I64);
      const Tensor here = zeros ? axes[d].inside(tap.place) : Tensor();
      const Tensor part = sum(
          d + 1, index.defined() ? add(scale(index, static_cast<double>(axes[d].n)), place) : place,
          !tap.weight.defined() || !weight.defined() ? tap.weight : mul(weight, tap.weight),
          inside.defined() ? logical_and(inside, here) : here);
      total = total.defined() ? add(total, part) : part;
    }
    return total;
  }
  Tensor term(const Tensor& index, const Tensor& weight, const Tensor& inside) const {
    const Shape shape{flat.shape()[0], flat.shape()[1], index.shape()[1]};
    Tensor value = make_gather(flat, 2, make_broadcast(index, shape, {0, 2}));
    if (weight.defined()) value = mul(value, make_broadcast(weight, shape, {0, 2}));
    return inside.defined() ? masked(make_broadcast(inside, shape, {0, 2}), value) : value;
  }
};

}  // namespace

Tensor grid_sample(const Arg& input, const Tensor& sites, const GridSampleOptions& o) {
  LocScope scope(input.loc());
  const Tensor x = lifted(input.tensor()), grid = lifted(sites);
  const int n = x.ndim() - 2;
  LILITH_CHECK((n == 2 || n == 3) && is_floating(x.dtype()) && is_floating(grid.dtype()) &&
                   grid.ndim() == n + 2 && grid.size(0) == x.size(0) && grid.size(-1) == n,
               "grid_sample: input is {}, grid is {}; need floating [N, C, H, W] and "
               "[N, H', W', 2], or [N, C, D, H, W] and [N, D', H', W', 3]",
               x.aval().str(), grid.aval().str());
  LILITH_CHECK(n == 2 || o.mode != GridMode::Bicubic,
               "grid_sample: mode 'bicubic' for {}; need [N, C, H, W]", x.aval().str());
  Shape out{x.size(0), x.size(1)};
  I places = 1, elements = 1;
  for (int d = 0; d < n; ++d) {
    LILITH_CHECK(x.size(2 + d) >= 1, "grid_sample: input is {}; need sizes >= 1", x.aval().str());
    out.push_back(grid.size(1 + d));
    places *= grid.size(1 + d);
    elements *= x.size(2 + d);
  }
  const Tensor wide = widened(x);
  Sampler sampler{make_reshape(wide, {x.size(0), x.size(1), elements}),
                  {},
                  {},
                  o.padding_mode == GridPadding::Zeros};
  for (int d = 0; d < n; ++d) {
    const Axis axis{x.size(2 + d), o.padding_mode, o.align_corners};
    // The last dimension's coordinate comes first.
    const Tensor along = slice_dim(grid, n + 1, n - 1 - d, n - d);
    const Tensor g = make_cast(make_reshape(along, {x.size(0), places}), wide.dtype());
    sampler.axes.push_back(axis);
    sampler.taps.push_back(axis.taps(g, o.mode));
  }
  return narrowed(make_reshape(sampler.sum(0, {}, {}, {}), out), x.dtype());
}

Tensor affine_grid(const Arg& input, const IntList& size, bool align_corners) {
  LocScope scope(input.loc());
  const Tensor theta = input.tensor();
  const int n = static_cast<int>(size.size()) - 2;
  LILITH_CHECK((n == 2 || n == 3) && is_floating(theta.dtype()) && theta.ndim() == 3 &&
                   theta.size(0) == size[0] && theta.size(1) == n && theta.size(2) == n + 1,
               "affine_grid: theta is {} for {} sizes; need floating [N, 2, 3] and {{N, C, H, W}}, "
               "or [N, 3, 4] and {{N, C, D, H, W}}",
               theta.aval().str(), size.size());
  Shape out{size[0]};
  for (int d = 0; d < n; ++d) {
    const I s = size[static_cast<std::size_t>(2 + d)];
    LILITH_CHECK(s >= 1, "affine_grid: size {} in dimension {}; need sizes >= 1", s, 2 + d);
    out.push_back(s);
  }
  const Tensor wide = widened(theta);
  std::vector<Tensor> coordinates;  // x, y, z
  for (int d = n; d >= 1; --d) {
    const double s = static_cast<double>(out[d]);
    const Tensor i = make_iota(out, d, wide.dtype(), wide.device());
    if (align_corners)
      coordinates.push_back(out[d] == 1 ? full_as(i, 0) : shift(scale(i, 2 / (s - 1)), -1));
    else
      coordinates.push_back(shift(scale(i, 2 / s), 1 / s - 1));
  }
  const auto entry = [&](int row, int column) {
    const Tensor t = slice_dim(slice_dim(wide, 1, row, row + 1), 2, column, column + 1);
    return make_broadcast(make_reshape(t, {size[0]}), out, {0});
  };
  std::vector<Tensor> parts;
  for (int row = 0; row < n; ++row) {
    Tensor place = entry(row, n);
    for (int k = 0; k < n; ++k)
      place = add(place, mul(entry(row, k), coordinates[static_cast<std::size_t>(k)]));
    parts.push_back(unsqueeze(place, n + 1));
  }
  return narrowed(make_concat(parts, n + 1), theta.dtype());
}

}  // namespace lilith
