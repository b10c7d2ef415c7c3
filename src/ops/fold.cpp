#include "lilith/ops/elementwise.h"
#include "lilith/ops/shape.h"
#include "lilith/ops/spatial.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// torch.nn.functional's unfold and fold, one dimension after the other.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

// A sliding window along a dimension.
struct Slide {
  I size, dilation, padding, stride;

  I reach() const { return dilation * (size - 1) + 1; }
  I places(I n) const { return (n + 2 * padding - reach()) / stride + 1; }
};

std::vector<Slide> slides(const char* op, const IntList& kernel_size, const UnfoldOptions& o) {
  const Ints size = per_dim(op, "kernel_size", kernel_size, 2),
             dilation = per_dim(op, "dilation", o.dilation, 2),
             padding = per_dim(op, "padding", o.padding, 2),
             stride = per_dim(op, "stride", o.stride, 2);
  std::vector<Slide> out;
  for (std::size_t d = 0; d < 2; ++d) {
    LILITH_CHECK(size[d] >= 1 && dilation[d] >= 1 && padding[d] >= 0 && stride[d] >= 1,
                 "{}: kernel_size {}, dilation {}, padding {}, stride {}; need each >= 1, padding "
                 ">= 0",
                 op, size[d], dilation[d], padding[d], stride[d]);
    out.push_back({size[d], dilation[d], padding[d], stride[d]});
  }
  return out;
}

// [..., n, ...] -> [..., k, places, ...] at dimension d.
Tensor unfolded(const Tensor& x, int d, const Slide& s) {
  const I places = s.places(x.shape()[d]), reach = (places - 1) * s.stride + 1;
  const Tensor padded = s.padding == 0 ? x : pad_dim(x, d, s.padding, s.padding);
  std::vector<Tensor> parts;
  for (I k = 0; k < s.size; ++k) {
    const I from = k * s.dilation;
    parts.push_back(unsqueeze(slice_dim(padded, d, from, from + reach, s.stride), d));
  }
  return make_concat(parts, d);
}

// [..., k, places, ...] -> [..., n, ...]: the adjoint.
Tensor folded(const Tensor& x, int d, const Slide& s, I n) {
  const I places = x.shape()[d + 1], reach = (places - 1) * s.stride + 1;
  Ints none(x.shape().size() - 1, 0), lo = none, hi = none, interior = none;
  const auto at = static_cast<std::size_t>(d);
  interior[at] = s.stride - 1;
  Tensor total;
  for (I k = 0; k < s.size; ++k) {
    const Tensor part = slice_dim(x, d, k, k + 1);
    lo[at] = k * s.dilation;
    hi[at] = n + 2 * s.padding - lo[at] - reach;
    const Tensor spread =
        make_pad(make_reshape(part, without(part.shape(), {d})), lo, hi, interior, 0);
    total = total.defined() ? add(total, spread) : spread;
  }
  return slice_dim(total, d, s.padding, s.padding + n);
}

const Ints kBlocksTogether = {0, 1, 2, 4, 3, 5};  // its own inverse

}  // namespace

Tensor unfold(const Arg& input, const IntList& kernel_size, const UnfoldOptions& o) {
  LocScope scope(input.loc());
  Tensor x = input.tensor();
  const bool batched = x.ndim() == 4;
  LILITH_CHECK(batched || x.ndim() == 3, "unfold: input is {}; need [N, C, H, W] or [C, H, W]",
               x.aval().str());
  const std::vector<Slide> s = slides("unfold", kernel_size, o);
  if (!batched) x = unsqueeze(x, 0);
  for (int d = 0; d < 2; ++d) {
    const Slide& window = s[static_cast<std::size_t>(d)];
    LILITH_CHECK(x.shape()[2 + d] + 2 * window.padding >= window.reach(),
                 "unfold: the window of {} is larger than the padded input: dimension {} of {}",
                 window.reach(), input.tensor().ndim() - 2 + d, input.tensor().aval().str());
  }
  // [N, C, k_h, L_h, k_w, L_w]
  const Tensor blocks = unfolded(unfolded(x, 2, s[0]), 4, s[1]);
  const Shape b = blocks.shape();
  const Tensor out = make_reshape(make_transpose(blocks, kBlocksTogether),
                                  {b[0], b[1] * b[2] * b[4], b[3] * b[5]});
  return batched ? out : squeeze(out, 0);
}

Tensor fold(const Arg& input, const IntList& output_size, const IntList& kernel_size,
            const UnfoldOptions& o) {
  LocScope scope(input.loc());
  Tensor x = input.tensor();
  const bool batched = x.ndim() == 3;
  LILITH_CHECK(batched || x.ndim() == 2, "fold: input is {}; need [N, C k k, L] or [C k k, L]",
               x.aval().str());
  const std::vector<Slide> s = slides("fold", kernel_size, o);
  const Ints out = per_dim("fold", "output_size", output_size, 2);
  if (!batched) x = unsqueeze(x, 0);
  const I block = s[0].size * s[1].size, high = s[0].places(out[0]), wide = s[1].places(out[1]);
  LILITH_CHECK(x.shape()[1] % block == 0,
               "fold: {} columns in {}; need a multiple of kernel_size's {}", x.shape()[1],
               input.tensor().aval().str(), block);
  LILITH_CHECK(high >= 1 && wide >= 1 && x.shape()[2] == high * wide,
               "fold: {} blocks in {}; output_size ({}, {}) needs {} x {}", x.shape()[2],
               input.tensor().aval().str(), out[0], out[1], high, wide);
  const Tensor image = rounded_once(x, [&](const Tensor& t) {
    const Tensor blocks =
        make_reshape(t, {t.shape()[0], t.shape()[1] / block, s[0].size, s[1].size, high, wide});
    return folded(folded(make_transpose(blocks, kBlocksTogether), 4, s[1], out[1]), 2, s[0],
                  out[0]);
  });
  return batched ? image : squeeze(image, 0);
}

}  // namespace lilith
