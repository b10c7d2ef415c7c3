#include <algorithm>

#include "lilith/ops/elementwise.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/shape.h"
#include "ops/autocast.h"
#include "ops/conv.h"
#include "ops/half.h"
#include "ops/operand.h"

// Linear layers and convolutions over NC… tensors.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

// [N, C, d…]; `single` when x came without the batch dimension.
struct Batched {
  Tensor x;
  bool single;
};
Batched batched(const char* op, const Tensor& x, int n) {
  LILITH_CHECK(x.ndim() == n + 1 || x.ndim() == n + 2,
               "{}: input is {}; need [N, C, {} sizes] or [C, {} sizes]", op, x.aval().str(), n, n);
  const bool single = x.ndim() == n + 1;
  return {single ? unsqueeze(x, 0) : x, single};
}

// What is added to a sum of half products joins it before it is rounded.
Tensor joins(const Tensor& x, const Tensor& bias) { return bias.defined() ? widened(x) : x; }

Tensor finish(const char* op, const Tensor& out, const Tensor& bias, bool single, DType dtype) {
  Tensor y = out;
  if (bias.defined()) {
    LILITH_CHECK(bias.ndim() == 1 && bias.numel() == out.size(1) && bias.dtype() == dtype,
                 "{}: bias is {}; need {}[{}]", op, bias.aval().str(), name(dtype), out.size(1));
    y = apply("add", {y, make_broadcast(widened(bias), y.shape(), {1})});
  }
  y = narrowed(y, dtype);
  return single ? squeeze(y, 0) : y;
}

void check_weight(const char* op, const Tensor& x, const Tensor& weight, int n) {
  LILITH_CHECK(weight.ndim() == n + 2, "{}: weight is {}; need {} dimensions", op,
               weight.aval().str(), n + 2);
  LILITH_CHECK(weight.dtype() == x.dtype(),
               "{}: input {} and weight {} differ in dtype; need equal dtypes", op, x.aval().str(),
               weight.aval().str());
}

Tensor conv(const char* op, int n, const Arg& input, const Tensor& kernel, const Tensor& added,
            const IntList& stride, const Padding& padding, const IntList& dilation, I groups) {
  LocScope scope(input.loc(), op);
  const Tensor weight = lowered(kernel), bias = lowered(added);
  const auto [x, single] = batched(op, lowered(input.tensor()), n);
  check_weight(op, x, weight, n);
  LILITH_CHECK(groups >= 1, "{}: groups is {}; need groups >= 1", op, groups);
  LILITH_CHECK(weight.size(1) * groups == x.size(1),
               "{}: input has {} channels, weight {} wants {} (groups={}).", op, x.size(1),
               weight.aval().str(), weight.size(1) * groups, groups);
  LILITH_CHECK(weight.size(0) % groups == 0,
               "{}: weight {} has {} outputs; need a multiple of groups={}", op,
               weight.aval().str(), weight.size(0), groups);
  ConvSpec s;
  s.stride = per_dim(op, "stride", stride, n);
  s.rhs_dilation = per_dim(op, "dilation", dilation, n);
  s.lhs_dilation = Ints(static_cast<std::size_t>(n), 1);
  s.groups = groups;
  s.lhs = s.rhs = s.out = range(n + 2);
  if (!padding.is_same()) s.lo = s.hi = per_dim(op, "padding", padding.amount(), n);
  for (int i = 0; i < n; ++i) {
    const auto d = static_cast<std::size_t>(i);
    LILITH_CHECK(s.stride[d] >= 1 && s.rhs_dilation[d] >= 1,
                 "{}: stride {}, dilation {}; need both >= 1", op, s.stride[d], s.rhs_dilation[d]);
    const I reach = (weight.shape()[i + 2] - 1) * s.rhs_dilation[d];
    if (padding.is_same()) {
      LILITH_CHECK(s.stride[d] == 1, "{}: padding \"same\" with stride {}; need stride 1", op,
                   s.stride[d]);
      s.lo.push_back(reach / 2);
      s.hi.push_back(reach - reach / 2);
    }
    LILITH_CHECK(s.lo[d] >= 0, "{}: padding {}; need padding >= 0", op, s.lo[d]);
    const I padded = x.shape()[i + 2] + s.lo[d] + s.hi[d];
    LILITH_CHECK(padded >= reach + 1 && weight.shape()[i + 2] > 0,
                 "{}: the window of {} (dilated) is larger than the padded input of {} in "
                 "dimension {}: input {}, weight {}",
                 op, reach + 1, padded, i + 2, x.aval().str(), weight.aval().str());
  }
  return finish(op, make_conv(joins(x, bias), joins(weight, bias), s), bias, single, x.dtype());
}

// The adjoint of conv: the input spread `stride` apart under the mirrored kernel.
Tensor conv_transpose(const char* op, int n, const Arg& input, const Tensor& given,
                      const Tensor& added, const IntList& stride, const IntList& padding,
                      const IntList& output_padding, I groups, const IntList& dilation) {
  LocScope scope(input.loc(), op);
  const Tensor weight = lowered(given), bias = lowered(added);
  const auto [x, single] = batched(op, lowered(input.tensor()), n);
  check_weight(op, x, weight, n);
  LILITH_CHECK(groups >= 1 && x.size(1) == weight.size(0) && x.size(1) % groups == 0,
               "{}: input has {} channels, weight {} wants {} (groups={}).", op, x.size(1),
               weight.aval().str(), weight.size(0), groups);
  const Ints pad = per_dim(op, "padding", padding, n),
             extra = per_dim(op, "output_padding", output_padding, n);
  ConvSpec s;
  s.lhs_dilation = per_dim(op, "stride", stride, n);
  s.rhs_dilation = per_dim(op, "dilation", dilation, n);
  s.stride = Ints(static_cast<std::size_t>(n), 1);
  s.groups = groups;
  s.lhs = s.rhs = s.out = range(n + 2);
  Ints spatial;
  for (int i = 0; i < n; ++i) {
    const auto d = static_cast<std::size_t>(i);
    LILITH_CHECK(s.lhs_dilation[d] >= 1 && s.rhs_dilation[d] >= 1,
                 "{}: stride {}, dilation {}; need both >= 1", op, s.lhs_dilation[d],
                 s.rhs_dilation[d]);
    LILITH_CHECK(extra[d] >= 0 && extra[d] < std::max(s.lhs_dilation[d], s.rhs_dilation[d]),
                 "{}: output_padding {}; need less than stride {} or dilation {}", op, extra[d],
                 s.lhs_dilation[d], s.rhs_dilation[d]);
    const I reach = (weight.shape()[i + 2] - 1) * s.rhs_dilation[d];
    s.lo.push_back(reach - pad[d]);
    s.hi.push_back(reach - pad[d] + extra[d]);
    spatial.push_back(i + 2);
  }
  // [C, O / g, k…] -> [O, C / g, k…], with each group's rows together.
  const I g = groups, per_group = weight.size(0) / g, out = weight.size(1);
  Shape split = weight.shape(), joined = weight.shape();
  split[0] = per_group;
  split.insert(0, g);
  Ints perm{0, 2, 1};
  for (int i = 0; i < n; ++i) perm.push_back(i + 3);
  joined[0] = g * out;
  joined[1] = per_group;
  const Tensor kernel = make_reshape(make_transpose(make_reshape(weight, split), perm), joined);
  const Tensor mirrored = make_reverse(kernel, spatial);
  return finish(op, make_conv(joins(x, bias), joins(mirrored, bias), s), bias, single, x.dtype());
}

}  // namespace

Tensor linear(const Arg& input, const Tensor& given, const Tensor& added) {
  LocScope scope(input.loc());
  const Tensor x = lowered(input.tensor()), weight = lowered(given), bias = lowered(added);
  LILITH_CHECK(x.ndim() >= 1 && (weight.ndim() == 1 || weight.ndim() == 2),
               "linear: got x {}, weight {}; need weight [out, in] or [in]", x.aval().str(),
               weight.aval().str());
  LILITH_CHECK(x.size(-1) == weight.size(-1), "linear: x {} has {} features, weight {} wants {}",
               x.aval().str(), x.size(-1), weight.aval().str(), weight.size(-1));
  const bool joined = bias.defined() && x.dtype() == weight.dtype();
  const Tensor y =
      joined ? dot_general(widened(x), widened(weight), {}, {}, {x.ndim() - 1}, {weight.ndim() - 1})
             : dot_general(x, weight, {}, {}, {x.ndim() - 1}, {weight.ndim() - 1});
  if (!bias.defined()) return y;
  LILITH_CHECK(bias.ndim() <= 1 &&
                   (bias.numel() == 1 || (weight.ndim() == 2 && bias.numel() == weight.size(0))),
               "linear: bias is {}; need [{}]", bias.aval().str(),
               weight.ndim() == 2 ? weight.size(0) : 1);
  return narrowed(add(y, widened(bias)), result_type(x, bias));
}

Tensor bilinear(const Arg& x1, const Tensor& second, const Tensor& given, const Tensor& added) {
  LocScope scope(x1.loc());
  Tensor a = x1.tensor(), x2 = second, weight = given, bias = added;
  meet({&a, &x2, &weight, &bias});
  LILITH_CHECK(weight.ndim() == 3 && a.ndim() >= 1 && a.ndim() == x2.ndim() &&
                   a.size(-1) == weight.size(1) && x2.size(-1) == weight.size(2),
               "bilinear: got x1 {}, x2 {}, weight {}; need [..., A], [..., B] and [out, A, B]",
               a.aval().str(), x2.aval().str(), weight.aval().str());
  const I n = a.numel() / std::max<I>(a.size(-1), 1);
  const Tensor flat1 = make_reshape(a, {n, a.size(-1)}), flat2 = make_reshape(x2, {n, x2.size(-1)});
  // [n, out, B], then the second contraction per row.
  LILITH_CHECK(a.dtype() == weight.dtype() && a.dtype() == x2.dtype(),
               "bilinear: dtypes differ: x1 {}, x2 {}, weight {}; need equal dtypes",
               a.aval().str(), x2.aval().str(), weight.aval().str());
  const Tensor left = dot_general(widened(flat1), widened(weight), {}, {}, {1}, {1});
  Shape out = a.shape();
  out[out.rank() - 1] = weight.size(0);
  const Tensor y = make_reshape(dot_general(left, widened(flat2), {0}, {0}, {2}, {1}), out);
  if (!bias.defined()) return narrowed(y, a.dtype());
  return narrowed(add(y, widened(bias)), result_type(a, bias));
}

Tensor conv1d(const Arg& x, const Tensor& weight, const Tensor& bias, const IntList& stride,
              const Padding& padding, const IntList& dilation, Int groups) {
  return conv("conv1d", 1, x, weight, bias, stride, padding, dilation, groups);
}
Tensor conv2d(const Arg& x, const Tensor& weight, const Tensor& bias, const IntList& stride,
              const Padding& padding, const IntList& dilation, Int groups) {
  return conv("conv2d", 2, x, weight, bias, stride, padding, dilation, groups);
}
Tensor conv3d(const Arg& x, const Tensor& weight, const Tensor& bias, const IntList& stride,
              const Padding& padding, const IntList& dilation, Int groups) {
  return conv("conv3d", 3, x, weight, bias, stride, padding, dilation, groups);
}
Tensor conv_transpose1d(const Arg& x, const Tensor& weight, const Tensor& bias,
                        const IntList& stride, const IntList& padding,
                        const IntList& output_padding, Int groups, const IntList& dilation) {
  return conv_transpose("conv_transpose1d", 1, x, weight, bias, stride, padding, output_padding,
                        groups, dilation);
}
Tensor conv_transpose2d(const Arg& x, const Tensor& weight, const Tensor& bias,
                        const IntList& stride, const IntList& padding,
                        const IntList& output_padding, Int groups, const IntList& dilation) {
  return conv_transpose("conv_transpose2d", 2, x, weight, bias, stride, padding, output_padding,
                        groups, dilation);
}
Tensor conv_transpose3d(const Arg& x, const Tensor& weight, const Tensor& bias,
                        const IntList& stride, const IntList& padding,
                        const IntList& output_padding, Int groups, const IntList& dilation) {
  return conv_transpose("conv_transpose3d", 3, x, weight, bias, stride, padding, output_padding,
                        groups, dilation);
}

}  // namespace lilith
