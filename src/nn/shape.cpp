#include "lilith/nn/shape.h"

#include "lilith/ops/nn.h"
#include "lilith/ops/shape.h"
#include "lilith/ops/spatial.h"

namespace lilith {

namespace detail {

namespace {
std::vector<std::int64_t> sides(const IntList& list, std::size_t d, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  LILITH_CHECK(list.size() == 1 || list.size() == 2 * d,
               "Pad{}d: padding takes 1 or {} numbers; got {}.", d, 2 * d, list.size());
  return list.size() == 1 ? std::vector<std::int64_t>(2 * d, list[0]) : list.vec();
}
}  // namespace

template <int D, PadMode::Kind Mode>
PadLayer<D, Mode>::PadLayer(const IntList& list, SourceLocation loc)
    : padding(sides(list, D, loc)) {}
template <int D>
ConstantPad<D>::ConstantPad(const IntList& list, Real value, SourceLocation loc)
    : padding(sides(list, D, loc)), value(value) {}
template <int D>
Tensor ConstantPad<D>::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return constant_pad_nd(x, padding, value);
}
template <int D, PadMode::Kind Mode>
Tensor PadLayer<D, Mode>::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pad(x, padding, Mode);
}
template class PadLayer<1, PadMode::Constant>;
template class PadLayer<2, PadMode::Constant>;
template class PadLayer<3, PadMode::Constant>;
template class PadLayer<1, PadMode::Reflect>;
template class PadLayer<2, PadMode::Reflect>;
template class PadLayer<3, PadMode::Reflect>;
template class PadLayer<1, PadMode::Replicate>;
template class PadLayer<2, PadMode::Replicate>;
template class PadLayer<3, PadMode::Replicate>;
template class PadLayer<1, PadMode::Circular>;
template class PadLayer<2, PadMode::Circular>;
template class PadLayer<3, PadMode::Circular>;
template class ConstantPad<1>;
template class ConstantPad<2>;
template class ConstantPad<3>;

}  // namespace detail

Tensor PixelShuffle::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pixel_shuffle(x, upscale_factor);
}
Tensor PixelUnshuffle::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pixel_unshuffle(x, downscale_factor);
}
Tensor ChannelShuffle::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return channel_shuffle(x, groups);
}
Tensor Upsample::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return interpolate(
      x,
      {.size = size, .scale_factor = scale_factor, .mode = mode, .align_corners = align_corners});
}
Tensor UpsamplingNearest2d::operator()(const Tensor& x, SourceLocation loc) const {
  return Upsample{.size = size, .scale_factor = scale_factor}(x, loc);
}
Tensor UpsamplingBilinear2d::operator()(const Tensor& x, SourceLocation loc) const {
  return Upsample{.size = size,
                  .scale_factor = scale_factor,
                  .mode = Interpolation::Bilinear,
                  .align_corners = true}(x, loc);
}
Tensor Unfold::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return unfold(x, kernel_size, dilation, padding, stride);
}
Tensor Fold::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return fold(x, output_size, kernel_size, dilation, padding, stride);
}
Tensor CosineSimilarity::operator()(const Tensor& a, const Tensor& b, SourceLocation loc) const {
  LocScope scope(loc);
  return cosine_similarity(a, b, dim, eps);
}
Tensor PairwiseDistance::operator()(const Tensor& a, const Tensor& b, SourceLocation loc) const {
  LocScope scope(loc);
  return pairwise_distance(a, b, p, eps, keepdim);
}

}  // namespace lilith
