#pragma once
#include <array>
#include <functional>
#include <initializer_list>
#include <utility>
#include <vector>

#include "lilith/ops/nn.h"
#include "lilith/ops/shape.h"
#include "lilith/ops/spatial.h"
#include "lilith/tensor.h"

namespace lilith {

/// Transforms of images [..., C, H, W], floating unless said otherwise, as torchvision.transforms
/// has them. The random ones draw from the process's generator (manual_seed), one draw for all of
/// x.
namespace transforms {

/// Two numbers, from and to.
class Interval {
 public:
  Interval(double from, double to) : ends_{from, to} {}
  double operator[](std::size_t i) const { return ends_[i]; }
  operator const std::array<double, 2>&() const { return ends_; }

 private:
  std::array<double, 2> ends_;
};
/// The same, for which one number d stands: -d to d.
class Around : public Interval {
 public:
  using Interval::Interval;
  template <detail::AnyNumber N>
  Around(N d) : Interval(-static_cast<double>(d), static_cast<double>(d)) {}
};

/// Several, one after the other.
class Compose {
 public:
  template <class... F>
    requires(std::is_invocable_r_v<Tensor, F&, const Tensor&> && ...)
  explicit Compose(F... f) : steps_{std::function<Tensor(const Tensor&)>(std::move(f))...} {}
  /// PyTorch's list: Compose({ToTensor(), Normalize({0.5}, {0.5})}).
  explicit Compose(std::initializer_list<std::function<Tensor(const Tensor&)>> steps)
      : steps_(steps) {}
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;

 private:
  std::vector<std::function<Tensor(const Tensor&)>> steps_;
};
/// u8 as f32 in [0, 1]; floating as it is.
struct ToFloat {
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// (x - mean) / std for each channel.
struct Normalize {
  std::vector<double> mean, std;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// To sizes {h, w}; one number: the shorter side's, the other in proportion. Bilinear with
/// antialias, or another mode of interpolate.
struct Resize {
  IntList size;
  Interpolation mode = Interpolation::Bilinear;
  bool antialias = true;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// The middle {h, w}; smaller images are padded with zeros.
struct CenterCrop {
  IntList size;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// A random {h, w}, after padding each side by so many elements.
struct RandomCrop {
  IntList size;
  Int padding = 0;
  PadMode padding_mode = PadMode::Constant;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// A random part, by area and aspect, resized to {h, w}.
struct RandomResizedCrop {
  IntList size;
  Interval scale = {0.08, 1};
  Interval ratio = {3.0 / 4, 4.0 / 3};
  Interpolation mode = Interpolation::Bilinear;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// Left and right exchanged with probability p.
struct RandomHorizontalFlip {
  Real p = 0.5;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// Top and bottom exchanged with probability p.
struct RandomVerticalFlip {
  Real p = 0.5;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// Moved, turned and sheared about the middle: degrees anticlockwise, translations in parts of the
/// size, zeros from outside.
struct RandomAffine {
  Around degrees = {0, 0};
  Interval translate = {0, 0};  // at most so much of the width and the height
  Interval scale = {1, 1};
  Around shear = {0, 0};  // degrees along x
  GridMode mode = GridMode::Nearest;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// Turned by an angle in [-degrees, degrees], or from one to another: RandomRotation({0, 90}).
struct RandomRotation {
  Around degrees;
  GridMode mode = GridMode::Nearest;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// Brightness, contrast and saturation times a factor in [1 - b, 1 + b], the hue turned by at most
/// `hue` of a circle; in a random order. Three channels in [0, 1], or one, which has no saturation
/// and no hue.
struct ColorJitter {
  Real brightness = 0, contrast = 0, saturation = 0, hue = 0;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// With probability p a random part is set to `value`.
struct RandomErasing {
  Real p = 0.5;
  Interval scale = {0.02, 0.33};
  Interval ratio = {0.3, 3.3};
  Real value = 0;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};

/// Of batches x [N, C, H, W] and class numbers y [N]: rows mixed with rows in another order, y as
/// probabilities [N, classes] in the same proportion, drawn from Beta(alpha, alpha). Zhang et al.,
/// arXiv:1710.09412.
struct MixUp {
  Int num_classes;
  Real alpha = 1;
  std::pair<Tensor, Tensor> operator()(const Tensor& x, const Tensor& y,
                                       SourceLocation loc = SourceLocation::current()) const;
};
/// The same with a rectangle of the other row, y in the proportion of areas. Yun et al.,
/// arXiv:1905.04899.
struct CutMix {
  Int num_classes;
  Real alpha = 1;
  std::pair<Tensor, Tensor> operator()(const Tensor& x, const Tensor& y,
                                       SourceLocation loc = SourceLocation::current()) const;
};

}  // namespace transforms

}  // namespace lilith
