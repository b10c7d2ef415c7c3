#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/random.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "lilith/ops/spatial.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"
#include "ops/window.h"

// Poolings that remember or draw places: max_unpool, fractional_max_pool.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

void check_image(const char* op, int n, const Tensor& x) {
  LILITH_CHECK(x.ndim() == n + 1 || x.ndim() == n + 2,
               "{}: input is {}; need [N, C, {} sizes] or [C, {} sizes]", op, x.aval().str(), n, n);
}

// The sizes that x was pooled from: those given, which must pool to x's, or the smallest.
Ints unpooled_sizes(const char* op, int n, const Tensor& x, const Ints& kernel, const Ints& stride,
                    const Ints& padding, const IntList& output_size) {
  Ints out;
  const std::size_t count = output_size.size(), last = static_cast<std::size_t>(n);
  LILITH_CHECK(count == 0 || count == last || count == x.shape().size(),
               "{}: output_size has {} sizes; need {}, or all {} of the result", op, count, n,
               x.ndim());
  for (std::size_t d = 0; d < last; ++d) {
    const I in = x.shape()[x.ndim() - n + static_cast<int>(d)];
    const I least = (in - 1) * stride[d] - 2 * padding[d] + kernel[d];
    out.push_back(count == 0 ? least : output_size[count - last + d]);
    LILITH_CHECK(out[d] > least - stride[d] && out[d] < least + stride[d] && out[d] >= 0,
                 "{}: output_size {} in dimension {}; need {} to {}, what pools to {}", op, out[d],
                 d, std::max<I>(least - stride[d] + 1, 0), least + stride[d] - 1, in);
  }
  return out;
}

Tensor max_unpool(const char* op, int n, const Arg& input, const Tensor& indices,
                  const IntList& kernel_size, const IntList& given_stride,
                  const IntList& given_padding, const IntList& output_size) {
  LocScope scope(input.loc(), op);
  const Tensor x = input.tensor();
  check_image(op, n, x);
  LILITH_CHECK(is_integral(indices.dtype()) && indices.shape() == x.shape(),
               "{}: input is {}, indices are {}; need integers of one shape", op, x.aval().str(),
               indices.aval().str());
  const Ints kernel = per_dim(op, "kernel_size", kernel_size, n),
             stride = given_stride.empty() ? kernel : per_dim(op, "stride", given_stride, n),
             padding = per_dim(op, "padding", given_padding, n);
  const Ints sizes = unpooled_sizes(op, n, x, kernel, stride, padding, output_size);
  Shape out(x.shape().begin(), x.shape().size() - sizes.size());
  I planes = out.numel(), area = 1;
  bool overlap = false;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    out.push_back(sizes[d]);
    area *= sizes[d];
    overlap = overlap || kernel[d] > stride[d];
  }
  const Tensor sums = scatter_in_planes(x, indices, out, n);
  if (!overlap || x.numel() == 0) return sums;
  const Shape flat{planes, x.numel() / planes};
  // Windows that overlap may have picked one element. All of them pass its gradient on.
  const Tensor plane = make_iota(flat, 0, DType::I64, x.device());
  const Tensor place = add(scale(plane, static_cast<double>(area)),
                           make_gather(make_iota({planes, area}, 1, DType::I64, x.device()), 1,
                                       make_reshape(make_cast(indices, DType::I64), flat)));
  const Tensor put = index_put(make_full({planes * area}, 0, x.dtype(), x.device()), {place},
                               stop_gradient(make_reshape(x, flat)));
  return straight_through(make_reshape(put, out), sums);
}

// Where the windows of a dimension of n begin: i64 [P, out], P planes with a sample each. The last
// one ends at the end.
Tensor drawn_starts(const Tensor& sample, I n, I window, I out) {
  const Shape shape{sample.numel(), out};
  if (out == 1)
    return make_full(shape, static_cast<double>(n - window), DType::I64, sample.device());
  const Tensor i = make_iota(shape, 1, sample.dtype(), sample.device());
  const Tensor u = make_broadcast(sample, shape, {0});
  const double alpha = static_cast<double>(n - window) / static_cast<double>(out - 1);
  const Tensor start = sub(floor(scale(add(i, u), alpha)), floor(scale(u, alpha)));
  const Tensor is_last = compare("eq", i, static_cast<double>(out - 1));
  return make_cast(make_select(is_last, full_as(start, static_cast<double>(n - window)), start),
                   DType::I64);
}

Ints fractional_sizes(const char* op, int n, const Tensor& x, const FractionalPoolOptions& o) {
  LILITH_CHECK(o.output_size.empty() != o.output_ratio.empty(),
               "{}: need output_size or output_ratio, one of them", op);
  if (!o.output_size.empty()) return per_dim(op, "output_size", o.output_size, n);
  LILITH_CHECK(o.output_ratio.size() == 1 || static_cast<int>(o.output_ratio.size()) == n,
               "{}: output_ratio has {} entries; need 1 or {}", op, o.output_ratio.size(), n);
  Ints out;
  for (int d = 0; d < n; ++d) {
    const double ratio =
        o.output_ratio[o.output_ratio.size() == 1 ? 0 : static_cast<std::size_t>(d)];
    LILITH_CHECK(ratio > 0 && ratio < 1, "{}: output_ratio {}; need 0 < ratio < 1", op, ratio);
    out.push_back(static_cast<I>(static_cast<double>(x.size(d - n)) * ratio));
  }
  return out;
}

// Values and where they stood: row-major numbers among the pooled dimensions.
using Picked = std::pair<Tensor, Tensor>;

// The largest of each drawn window of one dimension of [P, sizes...].
Picked pooled_at(const Picked& from, int dim, const Tensor& start, I window) {
  const auto& [values, at] = from;
  const I out = start.size(1);
  const Tensor places =
      add(make_broadcast(start, {start.size(0), out, window}, {0, 1}),
          make_iota({start.size(0), out, window}, 2, DType::I64, values.device()));
  Shape shape = values.shape();
  shape[dim] = out * window;
  const Tensor index =
      make_broadcast(make_reshape(places, {start.size(0), out * window}), shape, {0, dim});
  Shape windows(shape.begin(), static_cast<std::size_t>(dim));
  windows.push_back(out);
  windows.push_back(window);
  for (int d = dim + 1; d < shape.rank(); ++d) windows.push_back(shape[d]);
  const auto [best, which] = max(make_reshape(make_gather(values, dim, index), windows), dim + 1);
  const Tensor numbers = make_reshape(make_gather(at, dim, index), windows);
  return {best, squeeze(make_gather(numbers, dim + 1, unsqueeze(which, dim + 1)), dim + 1)};
}

Picked fractional_max_pool(const char* op, int n, const Arg& input, const IntList& kernel_size,
                           const FractionalPoolOptions& o) {
  LocScope scope(input.loc(), op);
  const Tensor x = input.tensor();
  check_image(op, n, x);
  const Ints kernel = per_dim(op, "kernel_size", kernel_size, n),
             out = fractional_sizes(op, n, x, o);
  I planes = 1, area = 1;
  Shape sizes, result(x.shape().begin(), x.shape().size() - out.size());
  for (int d = 0; d < x.ndim() - n; ++d) planes *= x.size(d);
  for (int d = 0; d < n; ++d) {
    const auto k = static_cast<std::size_t>(d);
    const I in = x.size(d - n);
    LILITH_CHECK(kernel[k] >= 1 && out[k] >= 1 && out[k] + kernel[k] - 1 <= in,
                 "{}: {} windows of {} in dimension {} of {}; need at most its size", op, out[k],
                 kernel[k], x.ndim() - n + d, x.aval().str());
    sizes.push_back(in);
    result.push_back(out[k]);
    area *= in;
  }
  const DType dtype = is_floating(x.dtype()) ? widened(x).dtype() : DType::F32;
  const Shape drawn{planes, n};
  LILITH_CHECK(!o.random_samples.defined() || o.random_samples.numel() == drawn.numel(),
               "{}: random_samples are {}; need [N, C, {}]", op,
               o.random_samples.defined() ? o.random_samples.aval().str() : "", n);
  const Tensor samples = o.random_samples.defined()
                             ? make_cast(make_reshape(o.random_samples, drawn), dtype)
                             : rand(drawn, {.dtype = dtype, .device = x.device()});
  Shape flat = sizes;
  flat.insert(0, planes);
  Ints dims;
  for (int d = 1; d <= n; ++d) dims.push_back(d);
  const Tensor numbers = make_iota({area}, 0, DType::I64, x.device());
  Picked picked{make_reshape(x, flat), make_broadcast(make_reshape(numbers, sizes), flat, dims)};
  // The last dimension first, so that of equals the first in row-major order is picked. Of images
  // the first sample is the width's, of volumes the depth's.
  for (int d = n - 1; d >= 0; --d) {
    const auto k = static_cast<std::size_t>(d);
    const int column = n == 2 ? 1 - d : d;
    const Tensor sample = make_reshape(slice_dim(samples, 1, column, column + 1), {planes});
    picked = pooled_at(picked, d + 1, drawn_starts(sample, sizes[d], kernel[k], out[k]), kernel[k]);
  }
  return {make_reshape(picked.first, result), make_reshape(picked.second, result)};
}

}  // namespace

Tensor ops::scatter_in_planes(const Tensor& values, const Tensor& indices, const Shape& shape,
                              int n) {
  if (values.numel() == 0) return make_full(shape, 0, values.dtype(), values.device());
  I planes = 1;
  for (int d = 0; d < shape.rank() - n; ++d) planes *= shape[d];
  const Shape flat{planes, values.numel() / planes};
  const Tensor zeros =
      make_full({planes, shape.numel() / planes}, 0, values.dtype(), values.device());
  return make_reshape(make_scatter_add(zeros, 1, make_reshape(make_cast(indices, DType::I64), flat),
                                       make_reshape(values, flat)),
                      shape);
}

Tensor max_unpool1d(const Arg& x, const Tensor& indices, const IntList& kernel_size,
                    const IntList& stride, const IntList& padding, const IntList& output_size) {
  return max_unpool("max_unpool1d", 1, x, indices, kernel_size, stride, padding, output_size);
}
Tensor max_unpool2d(const Arg& x, const Tensor& indices, const IntList& kernel_size,
                    const IntList& stride, const IntList& padding, const IntList& output_size) {
  return max_unpool("max_unpool2d", 2, x, indices, kernel_size, stride, padding, output_size);
}
Tensor max_unpool3d(const Arg& x, const Tensor& indices, const IntList& kernel_size,
                    const IntList& stride, const IntList& padding, const IntList& output_size) {
  return max_unpool("max_unpool3d", 3, x, indices, kernel_size, stride, padding, output_size);
}

Tensor fractional_max_pool2d(const Arg& x, const IntList& kernel_size,
                             const FractionalPoolOptions& o) {
  return fractional_max_pool("fractional_max_pool2d", 2, x, kernel_size, o).first;
}
Tensor fractional_max_pool3d(const Arg& x, const IntList& kernel_size,
                             const FractionalPoolOptions& o) {
  return fractional_max_pool("fractional_max_pool3d", 3, x, kernel_size, o).first;
}
Picked fractional_max_pool2d_with_indices(const Arg& x, const IntList& kernel_size,
                                          const FractionalPoolOptions& o) {
  return fractional_max_pool("fractional_max_pool2d", 2, x, kernel_size, o);
}
Picked fractional_max_pool3d_with_indices(const Arg& x, const IntList& kernel_size,
                                          const FractionalPoolOptions& o) {
  return fractional_max_pool("fractional_max_pool3d", 3, x, kernel_size, o);
}

}  // namespace lilith
