#pragma once
#include <optional>
#include <vector>

#include "lilith/ops/int_list.h"
#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

/// An empty stride is the window's size.
struct MaxPoolOptions {
  detail::Named named = {};
  IntList kernel_size = {};  // where it is not given in its place: MaxPool2d({.kernel_size = 2})
  IntList stride = {};
  IntList padding = 0;
  IntList dilation = 1;
  bool ceil_mode = false;
};
struct AvgPoolOptions {
  detail::Named named = {};
  IntList kernel_size = {};
  IntList stride = {};
  IntList padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;
  std::optional<Int> divisor_override = {};  // 2d and 3d
};

namespace detail {
class MaxPool {
 public:
  MaxPool(const IntList& kernel_size, const MaxPoolOptions& options = {},
          SourceLocation loc = SourceLocation::current());
  explicit MaxPool(const MaxPoolOptions& options, SourceLocation loc = SourceLocation::current())
      : MaxPool(IntList(), options, loc) {}
  /// PyTorch's order: MaxPool2d(3, 2, 1).
  MaxPool(const IntList& kernel_size, const IntList& stride, const IntList& padding = 0,
          const IntList& dilation = 1, detail::ByName return_indices = {},
          SourceLocation loc = SourceLocation::current());

  std::vector<std::int64_t> kernel_size, stride, padding, dilation;
  bool ceil_mode = false;
};
class AvgPool {
 public:
  AvgPool(const IntList& kernel_size, const AvgPoolOptions& options = {},
          SourceLocation loc = SourceLocation::current());
  explicit AvgPool(const AvgPoolOptions& options, SourceLocation loc = SourceLocation::current())
      : AvgPool(IntList(), options, loc) {}
  /// PyTorch's order: AvgPool2d(3, 2, 1).
  AvgPool(const IntList& kernel_size, const IntList& stride, const IntList& padding = 0,
          bool ceil_mode = false, bool count_include_pad = true,
          std::optional<Int> divisor_override = {}, SourceLocation loc = SourceLocation::current());

  std::vector<std::int64_t> kernel_size, stride, padding;
  bool ceil_mode = false;
  bool count_include_pad = true;
  std::optional<std::int64_t> divisor_override;
};
class AdaptivePool {
 public:
  explicit AdaptivePool(const IntList& output_size) : output_size(output_size.vec()) {}

  std::vector<std::int64_t> output_size;  // -1 keeps a size
};
class MaxUnpool {
 public:
  /// PyTorch's order: MaxUnpool2d(3, 2, 1). An empty stride is the window's size.
  MaxUnpool(const IntList& kernel_size, const IntList& stride = {}, const IntList& padding = 0);
  template <std::size_t K>
  explicit MaxUnpool(const std::int64_t (&kernel_size)[K])
      : MaxUnpool(IntList(std::vector<std::int64_t>(kernel_size, kernel_size + K))) {}

  std::vector<std::int64_t> kernel_size, stride, padding;
};
class LPPool {
 public:
  /// PyTorch's order: LPPool2d(2, 3, 1). An empty stride is the window's size.
  LPPool(Real norm_type, const IntList& kernel_size, const IntList& stride = {},
         bool ceil_mode = false);

  double norm_type;
  std::vector<std::int64_t> kernel_size, stride;
  bool ceil_mode;
};
}  // namespace detail

/// The largest of each window. x [N, C, L] or [C, L]. `MaxPool1d{3, {.stride = 2, .padding = 1}}`,
/// or short `MaxPool1d{2, 2}`; a window of two sizes alone is `MaxPool2d{{3, 2}}`. Ref:
/// torch.nn.MaxPool1d.
class MaxPool1d : public detail::MaxPool {
 public:
  using MaxPool::MaxPool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(kernel_size, stride, padding, dilation, ceil_mode)
};
/// The same for images: x [N, C, H, W] or [C, H, W].
class MaxPool2d : public detail::MaxPool {
 public:
  using MaxPool::MaxPool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(kernel_size, stride, padding, dilation, ceil_mode)
};
/// The same for volumes.
class MaxPool3d : public detail::MaxPool {
 public:
  using MaxPool::MaxPool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(kernel_size, stride, padding, dilation, ceil_mode)
};

/// The mean of each window. x [N, C, L] or [C, L]. Ref: torch.nn.AvgPool1d.
class AvgPool1d : public detail::AvgPool {
 public:
  using AvgPool::AvgPool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(kernel_size, stride, padding, ceil_mode, count_include_pad)
};
/// The same for images.
class AvgPool2d : public detail::AvgPool {
 public:
  using AvgPool::AvgPool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
};
/// The same for volumes.
class AvgPool3d : public detail::AvgPool {
 public:
  using AvgPool::AvgPool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
};

/// The mean of windows chosen so that the result has output_size. Ref: torch.nn.AdaptiveAvgPool1d.
class AdaptiveAvgPool1d : public detail::AdaptivePool {
 public:
  using AdaptivePool::AdaptivePool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(output_size)
};
class AdaptiveAvgPool2d : public detail::AdaptivePool {
 public:
  using AdaptivePool::AdaptivePool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(output_size)
};
class AdaptiveAvgPool3d : public detail::AdaptivePool {
 public:
  using AdaptivePool::AdaptivePool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(output_size)
};
/// The largest of windows chosen so that the result has output_size. Ref:
/// torch.nn.AdaptiveMaxPool1d.
class AdaptiveMaxPool1d : public detail::AdaptivePool {
 public:
  using AdaptivePool::AdaptivePool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(output_size)
};
class AdaptiveMaxPool2d : public detail::AdaptivePool {
 public:
  using AdaptivePool::AdaptivePool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(output_size)
};
class AdaptiveMaxPool3d : public detail::AdaptivePool {
 public:
  using AdaptivePool::AdaptivePool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(output_size)
};

/// What a max pooling picked, back at its places: x and indices [N, C, L'] or [C, L']. output_size:
/// the result's, where several pool to x's. Ref: torch.nn.MaxUnpool1d.
class MaxUnpool1d : public detail::MaxUnpool {
 public:
  using MaxUnpool::MaxUnpool;
  Tensor operator()(const Tensor& x, const Tensor& indices, const IntList& output_size = {},
                    SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(kernel_size, stride, padding)
};
/// The same for images.
class MaxUnpool2d : public detail::MaxUnpool {
 public:
  using MaxUnpool::MaxUnpool;
  Tensor operator()(const Tensor& x, const Tensor& indices, const IntList& output_size = {},
                    SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(kernel_size, stride, padding)
};
/// The same for volumes.
class MaxUnpool3d : public detail::MaxUnpool {
 public:
  using MaxUnpool::MaxUnpool;
  Tensor operator()(const Tensor& x, const Tensor& indices, const IntList& output_size = {},
                    SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(kernel_size, stride, padding)
};

/// (sum x^p)^(1/p) of each window, p = norm_type. Ref: torch.nn.LPPool1d.
class LPPool1d : public detail::LPPool {
 public:
  using LPPool::LPPool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(norm_type, kernel_size, stride, ceil_mode)
};
/// The same for images.
class LPPool2d : public detail::LPPool {
 public:
  using LPPool::LPPool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(norm_type, kernel_size, stride, ceil_mode)
};
/// The same for volumes.
class LPPool3d : public detail::LPPool {
 public:
  using LPPool::LPPool;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(norm_type, kernel_size, stride, ceil_mode)
};

/// The largest of windows of kernel_size whose distances vary at random, to output_size or
/// output_ratio of x's sizes. Ref: torch.nn.FractionalMaxPool2d.
struct FractionalMaxPool2d {
  IntList kernel_size;
  IntList output_size = {};
  RealList output_ratio = {};
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
/// The same for volumes.
struct FractionalMaxPool3d {
  IntList kernel_size;
  IntList output_size = {};
  RealList output_ratio = {};
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};

}  // namespace lilith
