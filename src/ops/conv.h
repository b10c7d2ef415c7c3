#pragma once
#include "ops/primitives.h"

namespace lilith::ops {

/// The attributes of conv_general. With lhs as [N, I, p…], rhs as [O, I / groups, k…] and out as
/// [N / batch_groups, O, q…] by the specs:
///   out[b, o, q] = sum_{i, k} lhs[g (N / batch_groups) + b, h I / groups + i, q stride + k
///   rhs_dilation - lo]
///                             rhs[o, i, k]
/// where positions are in the lhs dilated by lhs_dilation (0 in its gaps and outside), h is o's of
/// the `groups` equal runs of output features and g its of the `batch_groups`. hi decides with lo
/// how many q there are; lo and hi may be negative. The first `stacked` dimensions of lhs, rhs and
/// out are the same: a convolution for each of their indices.
struct ConvSpec {
  Ints stride, lo, hi, lhs_dilation, rhs_dilation;
  std::int64_t groups = 1, batch_groups = 1;
  Ints lhs, rhs, out;  // positions of [batch, feature, spatial…], for rhs [out, in, spatial…]
  std::int64_t stacked = 0;

  static ConvSpec of(const Attrs& attrs);
  Attrs attrs() const;
};

Tensor make_conv(const Tensor& lhs, const Tensor& rhs, const ConvSpec& spec);

}  // namespace lilith::ops
