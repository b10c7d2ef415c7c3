#include "lilith/nn/shape.h"

#include "lilith/ops/nn.h"
#include "lilith/ops/shape.h"

namespace lilith {

namespace detail {

template <int D>
PadLayer<D>::PadLayer(const IntList& list) : padding(list.vec()) {
  if (padding.size() == 1) padding.assign(2 * D, padding[0]);
  LILITH_CHECK(padding.size() == 2 * D, "Pad{}d: padding takes 1 or {} numbers; got {}.", D, 2 * D,
               padding.size());
}
template class PadLayer<1>;
template class PadLayer<2>;
template class PadLayer<3>;

}  // namespace detail

Tensor PixelShuffle::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pixel_shuffle(x, upscale_factor);
}
Tensor PixelUnshuffle::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pixel_unshuffle(x, downscale_factor);
}
Tensor ZeroPad1d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pad(x, padding, PadMode::Constant);
}
Tensor ZeroPad2d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pad(x, padding, PadMode::Constant);
}
Tensor ZeroPad3d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pad(x, padding, PadMode::Constant);
}
Tensor ReflectionPad1d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pad(x, padding, PadMode::Reflect);
}
Tensor ReflectionPad2d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pad(x, padding, PadMode::Reflect);
}
Tensor ReflectionPad3d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pad(x, padding, PadMode::Reflect);
}
Tensor ReplicationPad1d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pad(x, padding, PadMode::Replicate);
}
Tensor ReplicationPad2d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pad(x, padding, PadMode::Replicate);
}
Tensor ReplicationPad3d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return pad(x, padding, PadMode::Replicate);
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
