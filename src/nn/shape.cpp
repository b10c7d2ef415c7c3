#include "lilith/nn/shape.h"

#include "lilith/ops/nn.h"
#include "lilith/ops/shape.h"

namespace lilith {

namespace detail {

template <int D, PadMode Mode>
PadLayer<D, Mode>::PadLayer(const IntList& list, SourceLocation loc) : padding(list.vec()) {
  LocScope scope(loc, nullptr);
  if (padding.size() == 1) padding.assign(2 * D, padding[0]);
  LILITH_CHECK(padding.size() == 2 * D, "Pad{}d: padding takes 1 or {} numbers; got {}.", D, 2 * D,
               padding.size());
}
template <int D, PadMode Mode>
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

}  // namespace detail

Tensor PixelShuffle::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pixel_shuffle(x, upscale_factor);
}
Tensor PixelUnshuffle::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pixel_unshuffle(x, downscale_factor);
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
