#pragma once
#include <optional>
#include <utility>

#include "lilith/detail/choice.h"
#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

namespace lilith {

// torch.nn.functional's functions that move the elements of images: blocks, grids, unpooling.

struct UnfoldOptions {
  detail::Named named = {};
  IntList dilation = 1;
  IntList padding = 0;
  IntList stride = 1;
};
/// Blocks of kernel_size under a sliding window as columns. x [N, C, H, W] or [C, H, W] ->
/// [N, C k_h k_w, L], row-major over the places. Errors: a window larger than the padded input.
/// Ref: torch.nn.functional.unfold. (Four numbers after x are Tensor.unfold's.)
Tensor unfold(const Arg& x, const IntList& kernel_size, const UnfoldOptions& options = {});
/// PyTorch's order: unfold(x, 3, 1, 1, 2).
inline Tensor unfold(const Arg& x, const IntList& kernel_size, const IntList& dilation,
                     const IntList& padding, const IntList& stride) {
  return unfold(x, kernel_size,
                UnfoldOptions{.dilation = dilation, .padding = padding, .stride = stride});
}
/// The same without the stride, of sizes in braces: unfold(x, {3, 3}, 1, 1).
template <std::size_t K>
Tensor unfold(const Arg& x, const std::int64_t (&kernel_size)[K], const IntList& dilation,
              const IntList& padding = 0) {
  return unfold(x, IntList(std::vector<std::int64_t>(kernel_size, kernel_size + K)), dilation,
                padding, 1);
}
/// The adjoint of unfold: overlapping blocks add up. x [N, C k_h k_w, L] or [C k_h k_w, L] ->
/// [N, C, H, W], (H, W) = output_size. Errors: columns or places that do not fit. Ref:
/// torch.nn.functional.fold.
Tensor fold(const Arg& x, const IntList& output_size, const IntList& kernel_size,
            const UnfoldOptions& options = {});
/// PyTorch's order: fold(x, {8, 8}, 3, 1, 1, 2).
inline Tensor fold(const Arg& x, const IntList& output_size, const IntList& kernel_size,
                   const IntList& dilation, const IntList& padding = 0, const IntList& stride = 1) {
  return fold(x, output_size, kernel_size,
              UnfoldOptions{.dilation = dilation, .padding = padding, .stride = stride});
}

namespace detail {
struct GridModeNames {
  enum class Kind : std::uint8_t { Bilinear, Nearest, Bicubic };
  static constexpr Kind Bilinear = Kind::Bilinear, Nearest = Kind::Nearest, Bicubic = Kind::Bicubic;
  static constexpr const char* what = "mode";
  static constexpr std::string_view words[] = {"bilinear", "nearest", "bicubic"};
};
struct GridPaddingNames {
  enum class Kind : std::uint8_t { Zeros, Border, Reflection };
  static constexpr Kind Zeros = Kind::Zeros, Border = Kind::Border, Reflection = Kind::Reflection;
  static constexpr const char* what = "padding_mode";
  static constexpr std::string_view words[] = {"zeros", "border", "reflection"};
};
}  // namespace detail
using GridMode = detail::Choice<detail::GridModeNames>;
using GridPadding = detail::Choice<detail::GridPaddingNames>;
struct GridSampleOptions {
  detail::Named named = {};
  GridMode mode = GridMode::Bilinear;
  GridPadding padding_mode = GridPadding::Zeros;
  bool align_corners = false;  // -1 and 1 are the centres of the outer elements, else their edges
};
/// x at the places of grid, whose last dimension holds (x, y) or (x, y, z) in [-1, 1]. x
/// [N, C, H, W], grid [N, H', W', 2] -> [N, C, H', W']; volumes alike with 3. Errors: other shapes,
/// bicubic volumes. Ref: torch.nn.functional.grid_sample, arXiv:1506.02025.
Tensor grid_sample(const Arg& x, const Tensor& grid, const GridSampleOptions& options = {});
inline Tensor grid_sample(const Arg& x, const Tensor& grid, GridMode mode,
                          GridPadding padding_mode = {}, bool align_corners = false) {
  return grid_sample(
      x, grid,
      GridSampleOptions{
          .mode = mode, .padding_mode = padding_mode, .align_corners = align_corners});
}
/// The grid of an affine map, for grid_sample. theta [N, 2, 3] and size {N, C, H, W} ->
/// [N, H, W, 2]; theta [N, 3, 4] and size {N, C, D, H, W} -> [N, D, H, W, 3]. Ref:
/// torch.nn.functional.affine_grid.
Tensor affine_grid(const Arg& theta, const IntList& size, bool align_corners = false);

/// What a max pooling picked, back at its places, zeros elsewhere. x and indices (as those of
/// max_pool2d_with_indices) [N, C, L'] or [C, L']; output_size: the last sizes, else the smallest
/// that pool to x's. Of equal indices the last is what stays. Errors: an index out of range, where
/// it runs. Ref: torch.nn.functional.max_unpool1d.
Tensor max_unpool1d(const Arg& x, const Tensor& indices, const IntList& kernel_size,
                    const IntList& stride = {}, const IntList& padding = 0,
                    const IntList& output_size = {});
/// The same for x [N, C, H', W'] or [C, H', W'].
Tensor max_unpool2d(const Arg& x, const Tensor& indices, const IntList& kernel_size,
                    const IntList& stride = {}, const IntList& padding = 0,
                    const IntList& output_size = {});
/// The same for volumes.
Tensor max_unpool3d(const Arg& x, const Tensor& indices, const IntList& kernel_size,
                    const IntList& stride = {}, const IntList& padding = 0,
                    const IntList& output_size = {});

struct FractionalPoolOptions {
  detail::Named named = {};
  IntList output_size = {};    // of the result, or
  RealList output_ratio = {};  // its sizes over those of x
  Tensor random_samples = {};  // [N, C, 2] (volumes 3) in [0, 1); none: drawn
};
/// The largest of windows of kernel_size whose distances vary at random. x [N, C, H, W] or
/// [C, H, W]. Errors: neither or both of output_size and output_ratio. Ref:
/// torch.nn.functional.fractional_max_pool2d, arXiv:1412.6071.
Tensor fractional_max_pool2d(const Arg& x, const IntList& kernel_size,
                             const FractionalPoolOptions& options);
/// The same for volumes.
Tensor fractional_max_pool3d(const Arg& x, const IntList& kernel_size,
                             const FractionalPoolOptions& options);
/// The same with i64 indices, as those of max_pool2d_with_indices.
std::pair<Tensor, Tensor> fractional_max_pool2d_with_indices(const Arg& x,
                                                             const IntList& kernel_size,
                                                             const FractionalPoolOptions& options);
std::pair<Tensor, Tensor> fractional_max_pool3d_with_indices(const Arg& x,
                                                             const IntList& kernel_size,
                                                             const FractionalPoolOptions& options);

}  // namespace lilith
