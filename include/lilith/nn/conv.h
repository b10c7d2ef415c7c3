#pragma once
#include <array>

#include "lilith/ops/int_list.h"
#include "lilith/ops/shape.h"
#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

/// Sizes are one number for all spatial dimensions or one for each; padding may be "same" or
/// "valid".
struct ConvOptions {
  detail::Named named = {};
  IntList kernel_size = {};  // where it is not given in its place: Conv2d(3, 8, {.kernel_size = 5})
  IntList stride = 1;
  Padding padding = 0;
  IntList dilation = 1;
  Int groups = 1;
  bool bias = true;
  PadMode padding_mode = PadMode::Constant;  // Constant pads with zeros
  DType dtype = DType::F32;
};

struct ConvTransposeOptions {
  detail::Named named = {};
  IntList kernel_size = {};
  IntList stride = 1;
  IntList padding = 0;
  IntList output_padding = 0;
  Int groups = 1;
  bool bias = true;
  IntList dilation = 1;
  DType dtype = DType::F32;
};

namespace detail {

/// What Conv1d, Conv2d and Conv3d share. D: spatial dimensions.
template <int D>
class Conv {
 public:
  Conv(Int in_channels, Int out_channels, const IntList& kernel_size,
       const ConvOptions& options = {}, SourceLocation loc = SourceLocation::current());
  /// The size of the kernel by name, too: Conv2d(1, 32, {.kernel_size = 3, .padding = 1}).
  Conv(Int in_channels, Int out_channels, const ConvOptions& options,
       SourceLocation loc = SourceLocation::current())
      : Conv(in_channels, out_channels, {}, options, loc) {}
  /// PyTorch's order: Conv2d(1, 32, 3, 1), Conv2d(16, 16, 3, 1, "same").
  Conv(Int in_channels, Int out_channels, const IntList& kernel_size, const IntList& stride,
       const Padding& padding = 0, const IntList& dilation = 1, Int groups = 1, bool bias = true,
       PadMode padding_mode = {}, SourceLocation loc = SourceLocation::current())
      : Conv(in_channels, out_channels, kernel_size,
             {.stride = stride,
              .padding = padding,
              .dilation = dilation,
              .groups = groups,
              .bias = bias,
              .padding_mode = padding_mode},
             loc) {}
  /// The rest by name: Conv2d(64, 128, 4, 2, 1, {.bias = false}).
  Conv(Int in_channels, Int out_channels, const IntList& kernel_size, const IntList& stride,
       const ConvOptions& options, SourceLocation loc = SourceLocation::current())
      : Conv(in_channels, out_channels, kernel_size,
             with_first(options, &ConvOptions::stride, stride, "stride", loc), loc) {}
  Conv(Int in_channels, Int out_channels, const IntList& kernel_size, const IntList& stride,
       const Padding& padding, const ConvOptions& options,
       SourceLocation loc = SourceLocation::current())
      : Conv(in_channels, out_channels, kernel_size, stride,
             with_first(options, &ConvOptions::padding, padding, "padding", loc), loc) {}

  /// Draws what a new one starts with. Ref: torch.nn.Module.reset_parameters
  void reset_parameters(SourceLocation loc = SourceLocation::current());

  Tensor weight;  // [out_channels, in_channels / groups, kernel…]
  Tensor bias;    // [out_channels]
  std::array<std::int64_t, D> stride, padding, dilation;
  std::int64_t groups = 1;
  bool same_padding = false;
  PadMode padding_mode = PadMode::Constant;

 protected:
  Tensor forward(const Tensor& x) const;

 private:
  Conv(Int in_channels, Int out_channels, const IntList& kernel_size, const ConvOptions& options,
       const LocScope&);
};

template <int D>
class ConvTranspose {
 public:
  ConvTranspose(Int in_channels, Int out_channels, const IntList& kernel_size,
                const ConvTransposeOptions& options = {},
                SourceLocation loc = SourceLocation::current());
  ConvTranspose(Int in_channels, Int out_channels, const ConvTransposeOptions& options,
                SourceLocation loc = SourceLocation::current())
      : ConvTranspose(in_channels, out_channels, {}, options, loc) {}
  /// PyTorch's order: ConvTranspose2d(100, 64, 4, 2, 1).
  ConvTranspose(Int in_channels, Int out_channels, const IntList& kernel_size,
                const IntList& stride, const IntList& padding = 0,
                const IntList& output_padding = 0, Int groups = 1, bool bias = true,
                const IntList& dilation = 1, SourceLocation loc = SourceLocation::current())
      : ConvTranspose(in_channels, out_channels, kernel_size,
                      {.stride = stride,
                       .padding = padding,
                       .output_padding = output_padding,
                       .groups = groups,
                       .bias = bias,
                       .dilation = dilation},
                      loc) {}
  ConvTranspose(Int in_channels, Int out_channels, const IntList& kernel_size,
                const IntList& stride, const ConvTransposeOptions& options,
                SourceLocation loc = SourceLocation::current())
      : ConvTranspose(in_channels, out_channels, kernel_size,
                      with_first(options, &ConvTransposeOptions::stride, stride, "stride", loc),
                      loc) {}
  ConvTranspose(Int in_channels, Int out_channels, const IntList& kernel_size,
                const IntList& stride, const IntList& padding, const ConvTransposeOptions& options,
                SourceLocation loc = SourceLocation::current())
      : ConvTranspose(in_channels, out_channels, kernel_size, stride,
                      with_first(options, &ConvTransposeOptions::padding, padding, "padding", loc),
                      loc) {}

  /// Draws what a new one starts with. Ref: torch.nn.Module.reset_parameters
  void reset_parameters(SourceLocation loc = SourceLocation::current());

  Tensor weight;  // [in_channels, out_channels / groups, kernel…]
  Tensor bias;    // [out_channels]
  std::array<std::int64_t, D> stride, padding, output_padding, dilation;
  std::int64_t groups = 1;

 protected:
  Tensor forward(const Tensor& x) const;

 private:
  ConvTranspose(Int in_channels, Int out_channels, const IntList& kernel_size,
                const ConvTransposeOptions& options, const LocScope&);
};

}  // namespace detail

/// Cross-correlation with weight, plus bias. x [N, C, L] or [C, L]. Both are uniform in
/// ±1/sqrt(fan_in). Errors: sizes below 1, channels that groups does not divide. Ref:
/// torch.nn.Conv1d.
class Conv1d : public detail::Conv<1> {
 public:
  using Conv::Conv;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(weight, bias, stride, padding, dilation, groups, same_padding, padding_mode)
};

/// The same for images: x [N, C, H, W] or [C, H, W]. Ref: torch.nn.Conv2d.
class Conv2d : public detail::Conv<2> {
 public:
  using Conv::Conv;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(weight, bias, stride, padding, dilation, groups, same_padding, padding_mode)
};

/// The same for volumes: x [N, C, D, H, W] or [C, D, H, W]. Ref: torch.nn.Conv3d.
class Conv3d : public detail::Conv<3> {
 public:
  using Conv::Conv;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(weight, bias, stride, padding, dilation, groups, same_padding, padding_mode)
};

/// The gradient of a convolution with respect to its input, as a layer. Ref:
/// torch.nn.ConvTranspose1d.
class ConvTranspose1d : public detail::ConvTranspose<1> {
 public:
  using ConvTranspose::ConvTranspose;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(weight, bias, stride, padding, output_padding, dilation, groups)
};

class ConvTranspose2d : public detail::ConvTranspose<2> {
 public:
  using ConvTranspose::ConvTranspose;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(weight, bias, stride, padding, output_padding, dilation, groups)
};

class ConvTranspose3d : public detail::ConvTranspose<3> {
 public:
  using ConvTranspose::ConvTranspose;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(weight, bias, stride, padding, output_padding, dilation, groups)
};

}  // namespace lilith
