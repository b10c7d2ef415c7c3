#include "lilith/nn/pool.h"

#include "lilith/ops/nn.h"
#include "lilith/ops/spatial.h"
#include "nn/kernel_size.h"

namespace lilith {

namespace detail {

MaxPool::MaxPool(const IntList& kernel_size, const MaxPoolOptions& options, SourceLocation loc)
    : kernel_size(kernel_size_of("MaxPool", kernel_size, options.kernel_size, loc).vec()),
      stride(options.stride.vec()),
      padding(options.padding.vec()),
      dilation(options.dilation.vec()),
      ceil_mode(options.ceil_mode) {}
MaxPool::MaxPool(const IntList& kernel_size, const IntList& stride, const IntList& padding,
                 const IntList& dilation, ByName, SourceLocation loc)
    : MaxPool(kernel_size,
              MaxPoolOptions{.stride = stride, .padding = padding, .dilation = dilation}, loc) {}

AvgPool::AvgPool(const IntList& kernel_size, const AvgPoolOptions& options, SourceLocation loc)
    : kernel_size(kernel_size_of("AvgPool", kernel_size, options.kernel_size, loc).vec()),
      stride(options.stride.vec()),
      padding(options.padding.vec()),
      ceil_mode(options.ceil_mode),
      count_include_pad(options.count_include_pad),
      divisor_override(options.divisor_override) {}
AvgPool::AvgPool(const IntList& kernel_size, const IntList& stride, const IntList& padding,
                 bool ceil_mode, bool count_include_pad, std::optional<Int> divisor_override,
                 SourceLocation loc)
    : AvgPool(kernel_size,
              AvgPoolOptions{.stride = stride,
                             .padding = padding,
                             .ceil_mode = ceil_mode,
                             .count_include_pad = count_include_pad,
                             .divisor_override = divisor_override},
              loc) {}

}  // namespace detail

Tensor MaxPool1d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return max_pool1d(x, kernel_size, stride, padding, dilation, ceil_mode);
}
Tensor MaxPool2d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode);
}
Tensor MaxPool3d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return max_pool3d(x, kernel_size, stride, padding, dilation, ceil_mode);
}
Tensor AvgPool1d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return avg_pool1d(x, kernel_size, stride, padding, ceil_mode, count_include_pad);
}
Tensor AvgPool2d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return avg_pool2d(x, kernel_size, stride, padding, ceil_mode, count_include_pad,
                    divisor_override);
}
Tensor AvgPool3d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return avg_pool3d(x, kernel_size, stride, padding, ceil_mode, count_include_pad,
                    divisor_override);
}
Tensor AdaptiveAvgPool1d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return adaptive_avg_pool1d(x, output_size);
}
Tensor AdaptiveAvgPool2d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return adaptive_avg_pool2d(x, output_size);
}
Tensor AdaptiveAvgPool3d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return adaptive_avg_pool3d(x, output_size);
}
Tensor AdaptiveMaxPool1d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return adaptive_max_pool1d(x, output_size);
}
Tensor AdaptiveMaxPool2d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return adaptive_max_pool2d(x, output_size);
}
Tensor AdaptiveMaxPool3d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return adaptive_max_pool3d(x, output_size);
}

namespace detail {

MaxUnpool::MaxUnpool(const IntList& kernel_size, const IntList& stride, const IntList& padding)
    : kernel_size(kernel_size.vec()), stride(stride.vec()), padding(padding.vec()) {}
LPPool::LPPool(Real norm_type, const IntList& kernel_size, const IntList& stride, bool ceil_mode)
    : norm_type(norm_type),
      kernel_size(kernel_size.vec()),
      stride(stride.vec()),
      ceil_mode(ceil_mode) {}

}  // namespace detail

Tensor MaxUnpool1d::operator()(const Tensor& x, const Tensor& indices, const IntList& output_size,
                               SourceLocation loc) const {
  LocScope scope(loc);
  return max_unpool1d(x, indices, kernel_size, stride, padding, output_size);
}
Tensor MaxUnpool2d::operator()(const Tensor& x, const Tensor& indices, const IntList& output_size,
                               SourceLocation loc) const {
  LocScope scope(loc);
  return max_unpool2d(x, indices, kernel_size, stride, padding, output_size);
}
Tensor MaxUnpool3d::operator()(const Tensor& x, const Tensor& indices, const IntList& output_size,
                               SourceLocation loc) const {
  LocScope scope(loc);
  return max_unpool3d(x, indices, kernel_size, stride, padding, output_size);
}
Tensor LPPool1d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return lp_pool1d(x, norm_type, kernel_size, stride, ceil_mode);
}
Tensor LPPool2d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return lp_pool2d(x, norm_type, kernel_size, stride, ceil_mode);
}
Tensor LPPool3d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return lp_pool3d(x, norm_type, kernel_size, stride, ceil_mode);
}
Tensor FractionalMaxPool2d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return fractional_max_pool2d(x, kernel_size,
                               {.output_size = output_size, .output_ratio = output_ratio});
}
Tensor FractionalMaxPool3d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return fractional_max_pool3d(x, kernel_size,
                               {.output_size = output_size, .output_ratio = output_ratio});
}

}  // namespace lilith
