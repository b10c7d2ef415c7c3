#pragma once
#include <vector>

#include "lilith/ops/int_list.h"
#include "lilith/ops/shape.h"
#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

// Layers without parameters that move elements or compare tensors.

/// [..., C r^2, H, W] -> [..., C, H r, W r]. Ref: torch.nn.PixelShuffle, arXiv:1609.05158.
struct PixelShuffle {
  Int upscale_factor = 1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct PixelUnshuffle {
  Int downscale_factor = 1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};

namespace detail {
/// Padding of the last D dimensions: one number for all sides, or {last low, last high, …}.
template <int D, PadMode Mode>
class PadLayer {
 public:
  explicit PadLayer(const IntList& padding, SourceLocation loc = SourceLocation::current());
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  std::vector<std::int64_t> padding;
  LILITH_FIELDS(padding)
};
}  // namespace detail

/// Zeros around the last dimensions. Ref: torch.nn.ZeroPad2d.
class ZeroPad1d : public detail::PadLayer<1, PadMode::Constant> {
 public:
  using PadLayer::PadLayer;
};
class ZeroPad2d : public detail::PadLayer<2, PadMode::Constant> {
 public:
  using PadLayer::PadLayer;
};
class ZeroPad3d : public detail::PadLayer<3, PadMode::Constant> {
 public:
  using PadLayer::PadLayer;
};
/// The mirror image around the last dimensions. Ref: torch.nn.ReflectionPad2d.
class ReflectionPad1d : public detail::PadLayer<1, PadMode::Reflect> {
 public:
  using PadLayer::PadLayer;
};
class ReflectionPad2d : public detail::PadLayer<2, PadMode::Reflect> {
 public:
  using PadLayer::PadLayer;
};
class ReflectionPad3d : public detail::PadLayer<3, PadMode::Reflect> {
 public:
  using PadLayer::PadLayer;
};
/// The nearest element around the last dimensions. Ref: torch.nn.ReplicationPad2d.
class ReplicationPad1d : public detail::PadLayer<1, PadMode::Replicate> {
 public:
  using PadLayer::PadLayer;
};
class ReplicationPad2d : public detail::PadLayer<2, PadMode::Replicate> {
 public:
  using PadLayer::PadLayer;
};
class ReplicationPad3d : public detail::PadLayer<3, PadMode::Replicate> {
 public:
  using PadLayer::PadLayer;
};

/// The cosine of the angle between a and b along dim. Ref: torch.nn.CosineSimilarity.
struct CosineSimilarity {
  Dim dim = 1;
  Real eps = 1e-8;
  Tensor operator()(const Tensor& a, const Tensor& b,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// The p-norm of a - b + eps along the last dimension. Ref: torch.nn.PairwiseDistance.
struct PairwiseDistance {
  Real p = 2;
  Real eps = 1e-6;
  bool keepdim = false;
  Tensor operator()(const Tensor& a, const Tensor& b,
                    SourceLocation loc = SourceLocation::current()) const;
};

}  // namespace lilith
