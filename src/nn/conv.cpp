#include "lilith/nn/conv.h"

#include <algorithm>

#include "lilith/ops/nn.h"
#include "nn/default_init.h"
#include "nn/kernel_size.h"

namespace lilith {

namespace detail {

namespace {

constexpr const char* kConv[] = {"", "Conv1d", "Conv2d", "Conv3d"};
constexpr const char* kConvTranspose[] = {"", "ConvTranspose1d", "ConvTranspose2d",
                                          "ConvTranspose3d"};

// One number for all dimensions, or one for each; at least `least`.
template <int D>
std::array<std::int64_t, D> spatial(const IntList& list, const char* what, std::int64_t least) {
  LILITH_CHECK(list.size() == 1 || list.size() == D, "Conv{}d: {} takes 1 or {} numbers; got {}.",
               D, what, D, list.size());
  std::array<std::int64_t, D> out;
  for (std::size_t i = 0; i < D; ++i) {
    out[i] = list[list.size() == 1 ? 0 : i];
    LILITH_CHECK(out[i] >= least, "Conv{}d: {} must be at least {}; got {}.", D, what, least,
                 out[i]);
  }
  return out;
}

template <std::size_t D>
IntList list(const std::array<std::int64_t, D>& a) {
  return std::vector<std::int64_t>(a.begin(), a.end());
}

void check_channels(int d, std::int64_t in, std::int64_t out, std::int64_t groups) {
  LILITH_CHECK(in > 0 && out > 0, "Conv{}d: channels must be positive; got {} in, {} out.", d, in,
               out);
  LILITH_CHECK(
      groups > 0 && in % groups == 0 && out % groups == 0,
      "Conv{}d: groups must divide both numbers of channels; got {} in, {} out, groups={}.", d, in,
      out, groups);
}

template <int D>
Shape weight_shape(std::int64_t first, std::int64_t second,
                   const std::array<std::int64_t, D>& kernel) {
  Shape shape{first, second};
  for (const std::int64_t k : kernel) shape.push_back(k);
  return shape;
}

}  // namespace

// The scope is open before the first member is made.
template <int D>
Conv<D>::Conv(Int in_channels, Int out_channels, const IntList& kernel_size,
              const ConvOptions& options, SourceLocation loc)
    : Conv(in_channels, out_channels, kernel_size, options, LocScope(loc, kConv[D])) {}

template <int D>
Conv<D>::Conv(Int in_channels, Int out_channels, const IntList& kernel_size,
              const ConvOptions& options, const LocScope&)
    : stride(spatial<D>(options.stride, "stride", 1)),
      padding(spatial<D>(options.padding.amount(), "padding", 0)),
      dilation(spatial<D>(options.dilation, "dilation", 1)),
      groups(options.groups),
      same_padding(options.padding.is_same()),
      padding_mode(options.padding_mode) {
  check_channels(D, in_channels, out_channels, groups);
  const auto kernel =
      spatial<D>(kernel_size_of(kConv[D], kernel_size, options.kernel_size), "kernel_size", 1);
  const bool strided = std::any_of(stride.begin(), stride.end(), [](auto s) { return s != 1; });
  LILITH_CHECK(!same_padding || !strided, "Conv{}d: padding \"same\" needs stride 1.", D);
  const Shape shape = weight_shape<D>(out_channels, in_channels / groups, kernel);
  const std::int64_t fan_in = shape.numel() / out_channels;
  weight = detail::fan_in_uniform(shape, fan_in, options.dtype);
  if (options.bias) bias = detail::fan_in_uniform({out_channels}, fan_in, options.dtype);
}

template <int D>
void Conv<D>::reset_parameters(SourceLocation loc) {
  const LocScope scope(loc, kConv[D]);
  detail::reset_fan_in(weight.numel() / weight.size(0), {&weight, &bias});
}

template <int D>
Tensor Conv<D>::forward(const Tensor& x) const {
  using Function = Tensor (*)(const Arg&, const Tensor&, const Tensor&, const IntList&,
                              const Padding&, const IntList&, Int);
  const Function functions[] = {conv1d, conv2d, conv3d}, conv = functions[D - 1];
  const Padding given = same_padding ? Padding("same") : Padding(list(padding));
  if (padding_mode == PadMode::Constant)
    return conv(x, weight, bias, list(stride), given, list(dilation), groups);
  std::vector<std::int64_t> amounts;  // the last dimension first: low, high
  for (int d = D - 1; d >= 0; --d) {
    const auto i = static_cast<std::size_t>(d);
    const std::int64_t total = dilation[i] * (weight.size(d + 2) - 1);
    amounts.push_back(same_padding ? total / 2 : padding[i]);
    amounts.push_back(same_padding ? total - total / 2 : padding[i]);
  }
  return conv(pad(x, amounts, padding_mode), weight, bias, list(stride), 0, list(dilation), groups);
}

template <int D>
ConvTranspose<D>::ConvTranspose(Int in_channels, Int out_channels, const IntList& kernel_size,
                                const ConvTransposeOptions& options, SourceLocation loc)
    : ConvTranspose(in_channels, out_channels, kernel_size, options,
                    LocScope(loc, kConvTranspose[D])) {}

template <int D>
ConvTranspose<D>::ConvTranspose(Int in_channels, Int out_channels, const IntList& kernel_size,
                                const ConvTransposeOptions& options, const LocScope&)
    : stride(spatial<D>(options.stride, "stride", 1)),
      padding(spatial<D>(options.padding, "padding", 0)),
      output_padding(spatial<D>(options.output_padding, "output_padding", 0)),
      dilation(spatial<D>(options.dilation, "dilation", 1)),
      groups(options.groups) {
  check_channels(D, in_channels, out_channels, groups);
  const auto kernel = spatial<D>(
      kernel_size_of(kConvTranspose[D], kernel_size, options.kernel_size), "kernel_size", 1);
  const Shape shape = weight_shape<D>(in_channels, out_channels / groups, kernel);
  // PyTorch counts the fan of weight[1], which are the output's channels here.
  const std::int64_t fan_in = shape.numel() / in_channels;
  weight = detail::fan_in_uniform(shape, fan_in, options.dtype);
  if (options.bias) bias = detail::fan_in_uniform({out_channels}, fan_in, options.dtype);
}

template <int D>
void ConvTranspose<D>::reset_parameters(SourceLocation loc) {
  const LocScope scope(loc, kConvTranspose[D]);
  detail::reset_fan_in(weight.numel() / weight.size(0), {&weight, &bias});
}

template <int D>
Tensor ConvTranspose<D>::forward(const Tensor& x) const {
  using Function = Tensor (*)(const Arg&, const Tensor&, const Tensor&, const IntList&,
                              const IntList&, const IntList&, Int, const IntList&);
  const Function functions[] = {conv_transpose1d, conv_transpose2d, conv_transpose3d},
                 conv = functions[D - 1];
  return conv(x, weight, bias, list(stride), list(padding), list(output_padding), groups,
              list(dilation));
}

template class Conv<1>;
template class Conv<2>;
template class Conv<3>;
template class ConvTranspose<1>;
template class ConvTranspose<2>;
template class ConvTranspose<3>;

}  // namespace detail

Tensor Conv1d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return forward(x);
}
Tensor Conv2d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return forward(x);
}
Tensor Conv3d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return forward(x);
}
Tensor ConvTranspose1d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return forward(x);
}
Tensor ConvTranspose2d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return forward(x);
}
Tensor ConvTranspose3d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return forward(x);
}

}  // namespace lilith
