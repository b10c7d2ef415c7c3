#pragma once
#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "lilith/data/transforms.h"

namespace lilith::transforms {

/// A transform of any kind.
using Transform = std::function<Tensor(const Tensor&)>;

/// torchvision's name for ToFloat: u8 becomes f32 in [0, 1]. Images are [C, H, W] already.
using ToTensor = ToFloat;
/// u8 to floating in [0, 1], and back (cut to whole numbers as torchvision does). Errors: other
/// dtypes. Ref: torchvision.transforms.ConvertImageDtype
struct ConvertImageDtype {
  DType dtype = DType::F32;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// A function of one's own.
struct Lambda {
  Transform f;
  Tensor operator()(const Tensor& x) const { return f(x); }
};
/// 0.2989 r + 0.587 g + 0.114 b, in one channel or three equal ones; of one channel itself. Ref:
/// torchvision.transforms.Grayscale
struct Grayscale {
  Int num_output_channels = 1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// Grey in as many channels with probability p.
struct RandomGrayscale {
  Real p = 0.1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// More at the sides: one number for all, {left and right, top and bottom}, or {left, top, right,
/// bottom}. Ref: torchvision.transforms.Pad
struct Pad {
  IntList padding;
  Real fill = 0;
  PadMode padding_mode = PadMode::Constant;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// An Interval, for which one number stands: that one alone.
class Sigma : public Interval {
 public:
  using Interval::Interval;
  template <detail::AnyNumber N>
  Sigma(N sigma) : Interval(static_cast<double>(sigma), static_cast<double>(sigma)) {}
};
/// Weighted means of kernel_size neighbours in rows and columns (odd; one number or {x, y}), by a
/// normal curve whose width is drawn from sigma; the border is reflected. Ref:
/// torchvision.transforms.GaussianBlur
struct GaussianBlur {
  IntList kernel_size;
  Sigma sigma = {0.1, 2};
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// The steps, all or none, with probability p.
struct RandomApply {
  std::vector<Transform> transforms;
  Real p = 0.5;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// One of them.
struct RandomChoice {
  std::vector<Transform> transforms;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// White for black with probability p: 255 - x of u8, 1 - x of floating images.
struct RandomInvert {
  Real p = 0.5;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// With probability p what is not below the threshold is inverted.
struct RandomSolarize {
  Real threshold;
  Real p = 0.5;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// With probability p the highest `bits` bits of each byte are kept. Error: x is not u8.
struct RandomPosterize {
  Int bits;
  Real p = 0.5;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// With probability p each channel is stretched to reach from 0 to its top.
struct RandomAutocontrast {
  Real p = 0.5;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// With probability p: 0 blurred, 1 as it is, 2 twice as sharp. Ref:
/// torchvision.transforms.RandomAdjustSharpness
struct RandomAdjustSharpness {
  Real sharpness_factor;
  Real p = 0.5;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};

/// What they are made of, as torchvision.transforms.functional has it.
namespace functional {
inline Tensor hflip(const Tensor& x, SourceLocation loc = SourceLocation::current()) {
  const LocScope scope(loc);
  return flip(x, -1);
}
inline Tensor vflip(const Tensor& x, SourceLocation loc = SourceLocation::current()) {
  const LocScope scope(loc);
  return flip(x, -2);
}
inline Tensor resize(const Tensor& x, const IntList& size, Interpolation mode = "bilinear",
                     bool antialias = true, SourceLocation loc = SourceLocation::current()) {
  return Resize{size, mode, antialias}(x, loc);
}
inline Tensor center_crop(const Tensor& x, const IntList& size,
                          SourceLocation loc = SourceLocation::current()) {
  return CenterCrop{size}(x, loc);
}
/// Rows from top, columns from left of x [..., H, W]; zeros outside of it. Errors: other shapes,
/// sizes below 1.
Tensor crop(const Tensor& x, Int top, Int left, Int height, Int width,
            SourceLocation loc = SourceLocation::current());
inline Tensor pad(const Tensor& x, const IntList& padding, Real fill = 0, PadMode mode = {},
                  SourceLocation loc = SourceLocation::current()) {
  return Pad{padding, fill, mode}(x, loc);
}
/// Anticlockwise by so many degrees.
inline Tensor rotate(const Tensor& x, Real angle, GridMode mode = GridMode::Nearest,
                     SourceLocation loc = SourceLocation::current()) {
  return RandomAffine{.degrees = Around(angle, angle), .mode = mode}(x, loc);
}
inline Tensor normalize(const Tensor& x, std::vector<double> mean, std::vector<double> std,
                        SourceLocation loc = SourceLocation::current()) {
  return Normalize{std::move(mean), std::move(std)}(x, loc);
}
inline Tensor to_tensor(const Tensor& x, SourceLocation loc = SourceLocation::current()) {
  return ToFloat{}(x, loc);
}
inline Tensor convert_image_dtype(const Tensor& x, DType dtype = kFloat,
                                  SourceLocation loc = SourceLocation::current()) {
  return ConvertImageDtype{dtype}(x, loc);
}
inline Tensor rgb_to_grayscale(const Tensor& x, Int num_output_channels = 1,
                               SourceLocation loc = SourceLocation::current()) {
  return Grayscale{num_output_channels}(x, loc);
}
inline Tensor to_grayscale(const Tensor& x, Int num_output_channels = 1,
                           SourceLocation loc = SourceLocation::current()) {
  return rgb_to_grayscale(x, num_output_channels, loc);
}
inline Tensor gaussian_blur(const Tensor& x, const IntList& kernel_size, Real sigma,
                            SourceLocation loc = SourceLocation::current()) {
  return GaussianBlur{kernel_size, sigma}(x, loc);
}
inline Tensor invert(const Tensor& x, SourceLocation loc = SourceLocation::current()) {
  return RandomInvert{1}(x, loc);
}
inline Tensor solarize(const Tensor& x, Real threshold,
                       SourceLocation loc = SourceLocation::current()) {
  return RandomSolarize{threshold, 1}(x, loc);
}
inline Tensor posterize(const Tensor& x, Int bits, SourceLocation loc = SourceLocation::current()) {
  return RandomPosterize{bits, 1}(x, loc);
}
inline Tensor autocontrast(const Tensor& x, SourceLocation loc = SourceLocation::current()) {
  return RandomAutocontrast{1}(x, loc);
}
inline Tensor adjust_sharpness(const Tensor& x, Real factor,
                               SourceLocation loc = SourceLocation::current()) {
  return RandomAdjustSharpness{factor, 1}(x, loc);
}
/// Times the factor; towards the mean of the grey image; towards the grey image. One channel is
/// grey itself.
Tensor adjust_brightness(const Tensor& x, Real factor,
                         SourceLocation loc = SourceLocation::current());
Tensor adjust_contrast(const Tensor& x, Real factor,
                       SourceLocation loc = SourceLocation::current());
Tensor adjust_saturation(const Tensor& x, Real factor,
                         SourceLocation loc = SourceLocation::current());
}  // namespace functional

namespace v2 = ::lilith::transforms;

}  // namespace lilith::transforms
