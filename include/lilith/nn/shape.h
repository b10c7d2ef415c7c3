#pragma once
#include <optional>
#include <vector>

#include "lilith/ops/int_list.h"
#include "lilith/ops/nn.h"
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
template <int D, PadMode::Kind Mode>
class PadLayer {
 public:
  explicit PadLayer(const IntList& padding, SourceLocation loc = SourceLocation::current());
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  std::vector<std::int64_t> padding;
  LILITH_FIELDS(padding)
};
/// The same with a number.
template <int D>
class ConstantPad {
 public:
  ConstantPad(const IntList& padding, Real value, SourceLocation loc = SourceLocation::current());
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  std::vector<std::int64_t> padding;
  double value;
  LILITH_FIELDS(padding, value)
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

/// The elements of the other end around the last dimensions. Ref: torch.nn.CircularPad2d.
class CircularPad1d : public detail::PadLayer<1, PadMode::Circular> {
 public:
  using PadLayer::PadLayer;
};
class CircularPad2d : public detail::PadLayer<2, PadMode::Circular> {
 public:
  using PadLayer::PadLayer;
};
class CircularPad3d : public detail::PadLayer<3, PadMode::Circular> {
 public:
  using PadLayer::PadLayer;
};
/// A number around the last dimensions. Ref: torch.nn.ConstantPad2d.
class ConstantPad1d : public detail::ConstantPad<1> {
 public:
  using ConstantPad::ConstantPad;
};
class ConstantPad2d : public detail::ConstantPad<2> {
 public:
  using ConstantPad::ConstantPad;
};
class ConstantPad3d : public detail::ConstantPad<3> {
 public:
  using ConstantPad::ConstantPad;
};

/// Channels [N, g c, …] read as [N, c, g]. Ref: torch.nn.ChannelShuffle.
struct ChannelShuffle {
  Int groups = 1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// Blocks of kernel_size under a sliding window as columns: [N, C, H, W] -> [N, C k_h k_w, L].
/// Ref: torch.nn.Unfold.
struct Unfold {
  detail::FirstIntList kernel_size;
  IntList dilation = 1;
  IntList padding = 0;
  IntList stride = 1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// Its adjoint: [N, C k_h k_w, L] -> [N, C, H, W], overlapping blocks add up. Ref: torch.nn.Fold.
struct Fold {
  detail::FirstIntList output_size;
  IntList kernel_size;
  IntList dilation = 1;
  IntList padding = 0;
  IntList stride = 1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};

/// interpolate to `size`, or by `scale_factor`. Ref: torch.nn.Upsample.
struct Upsample {
  detail::FirstIntList size = {};
  RealList scale_factor = {};
  Interpolation mode = {};
  bool align_corners = false;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};

/// Upsample in mode "nearest". Ref: torch.nn.UpsamplingNearest2d.
struct UpsamplingNearest2d {
  detail::FirstIntList size = {};
  RealList scale_factor = {};
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// Upsample in mode "bilinear" with align_corners. Ref: torch.nn.UpsamplingBilinear2d.
struct UpsamplingBilinear2d {
  detail::FirstIntList size = {};
  RealList scale_factor = {};
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
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
