#include <algorithm>

#include "lilith/ops/activation.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/window.h"

// Pooling over the last n dimensions.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

struct Pool {
  const char* op;
  int n;
  Ints size, stride, pad, dilation;
  bool ceil_mode;
};

Pool make_pool(const char* op, int n, const IntList& kernel_size, const IntList& stride,
               const IntList& padding, const IntList& dilation, bool ceil_mode) {
  Pool p{op,
         n,
         per_dim(op, "kernel_size", kernel_size, n),
         {},
         per_dim(op, "padding", padding, n),
         per_dim(op, "dilation", dilation, n),
         ceil_mode};
  p.stride = stride.empty() ? p.size : per_dim(op, "stride", stride, n);
  for (std::size_t d = 0; d < p.size.size(); ++d) {
    LILITH_CHECK(p.size[d] >= 1 && p.stride[d] >= 1 && p.dilation[d] >= 1,
                 "{}: kernel_size {}, stride {}, dilation {}; need each >= 1", op, p.size[d],
                 p.stride[d], p.dilation[d]);
    LILITH_CHECK(p.pad[d] >= 0 && 2 * p.pad[d] <= (p.size[d] - 1) * p.dilation[d] + 1,
                 "{}: padding {} with kernel_size {}; need at most half of the window", op,
                 p.pad[d], p.size[d]);
  }
  return p;
}

void check_input(const char* op, int n, const Tensor& x) {
  LILITH_CHECK(x.ndim() == n + 1 || x.ndim() == n + 2,
               "{}: input is {}; need [N, C, {} sizes] or [C, {} sizes]", op, x.aval().str(), n, n);
}

// The number of windows: with ceil_mode the last may hang over, if it starts inside.
I output_size(const Pool& p, std::size_t d, I n) {
  const I room = n + 2 * p.pad[d] - (p.size[d] - 1) * p.dilation[d] - 1;
  I out = (room + (p.ceil_mode ? p.stride[d] - 1 : 0)) / p.stride[d] + 1;
  if (room < 0 && !(p.ceil_mode && room + p.stride[d] - 1 >= 0)) out = 0;
  if (p.ceil_mode && (out - 1) * p.stride[d] >= n + p.pad[d]) --out;
  return out;
}

Window window_over(const Pool& p, const Tensor& x) {
  const std::size_t rank = x.shape().size(), lead = rank - static_cast<std::size_t>(p.n);
  Window w{Ints(rank, 1), Ints(rank, 1), Ints(rank, 0), Ints(rank, 0), Ints(rank, 1)};
  for (std::size_t d = 0; d < p.size.size(); ++d) {
    const I n = x.shape()[static_cast<int>(lead + d)], out = output_size(p, d, n);
    LILITH_CHECK(out >= 1,
                 "{}: the window of {} is larger than the padded input: dimension {} of {}", p.op,
                 p.size[d], lead + d, x.aval().str());
    w.size[lead + d] = p.size[d];
    w.stride[lead + d] = p.stride[d];
    w.dilation[lead + d] = p.dilation[d];
    w.lo[lead + d] = p.pad[d];
    w.hi[lead + d] = (out - 1) * p.stride[d] + (p.size[d] - 1) * p.dilation[d] + 1 - n - p.pad[d];
  }
  return w;
}

Tensor max_pool(const Pool& p, const Arg& input) {
  LocScope scope(input.loc(), p.op);
  const Tensor x = input.tensor();
  check_input(p.op, p.n, x);
  return make_window("reduce_window_max", x, window_over(p, x));
}

// Values and where they stood: row-major numbers among the pooled dimensions.
using Picked = std::pair<Tensor, Tensor>;

Picked max_pool_at(const Pool& p, const Tensor& x) {
  check_input(p.op, p.n, x);
  const Window w = window_over(p, x);
  const Tensor offsets = make_window("window_argmax", x, w);
  Tensor at;
  I below = w.volume();
  for (int d = x.ndim() - p.n; d < x.ndim(); ++d) {
    const auto k = static_cast<std::size_t>(d);
    below /= w.size[k];
    const Tensor inside = remainder(floor_divide(offsets, below), w.size[k]);
    const Tensor start = scale(make_iota(offsets.shape(), d, DType::I64, x.device()),
                               static_cast<double>(w.stride[k]));
    const Tensor here = shift(add(start, scale(inside, static_cast<double>(w.dilation[k]))),
                              static_cast<double>(-w.lo[k]));
    at = at.defined() ? add(scale(at, static_cast<double>(x.shape()[d])), here) : here;
  }
  return {make_window("reduce_window_max", x, w), at};
}

// How many elements each window along a dimension averages: a vector, or one number when all are
// equal.
Ints window_counts(const Pool& p, std::size_t d, I n, I windows, bool include_pad) {
  Ints out;
  for (I o = 0; o < windows; ++o) {
    I start = o * p.stride[d] - p.pad[d], end = std::min(start + p.size[d], n + p.pad[d]);
    if (!include_pad) {
      start = std::max<I>(start, 0);
      end = std::min(end, n);
    }
    out.push_back(end - start);
  }
  return out;
}

// The same counts as a graph: clamped differences of a counter.
Tensor counts_tensor(const Pool& p, std::size_t d, I n, const Tensor& like, int dim,
                     bool include_pad) {
  const Tensor o = make_iota(like.shape(), dim, like.dtype(), like.device());
  Tensor start = shift(scale(o, static_cast<double>(p.stride[d])), static_cast<double>(-p.pad[d]));
  Tensor end = shift(start, static_cast<double>(p.size[d]));
  end = minimum(end, full_as(end, static_cast<double>(include_pad ? n + p.pad[d] : n)));
  if (!include_pad) start = maximum(start, full_as(start, 0));
  return sub(end, start);
}

// Averages of integers are cut to integers, as PyTorch's are.
Tensor whole_averages(const Pool& p, const Tensor& x, bool include_pad, std::optional<I> divisor) {
  const Tensor y = make_window("reduce_window_sum", make_cast(x, DType::I64), window_over(p, x));
  Tensor count = full_as(y, static_cast<double>(divisor.value_or(1)));
  for (std::size_t d = 0; !divisor && d < p.size.size(); ++d) {
    const int dim = x.ndim() - p.n + static_cast<int>(d);
    count = mul(count, counts_tensor(p, d, x.shape()[dim], y, dim, include_pad));
  }
  return make_cast(div(y, count, "trunc"), x.dtype());
}

Tensor avg_pool(const Pool& p, const Arg& input, bool include_pad, std::optional<I> divisor) {
  LocScope scope(input.loc(), p.op);
  const Tensor x = input.tensor();
  check_input(p.op, p.n, x);
  LILITH_CHECK(x.dtype() != DType::Bool, "{}: got {}; need numbers", p.op, x.aval().str());
  LILITH_CHECK(!divisor || *divisor != 0, "{}: divisor_override is 0", p.op);
  if (!is_floating(x.dtype())) return whole_averages(p, x, include_pad, divisor);
  Tensor y = make_window("reduce_window_sum", widened(x), window_over(p, x));
  if (divisor) return narrowed(scale(y, 1.0 / static_cast<double>(*divisor)), x.dtype());
  double constant = 1;
  for (std::size_t d = 0; d < p.size.size(); ++d) {
    const int dim = x.ndim() - p.n + static_cast<int>(d);
    const I n = x.shape()[dim];
    const Ints counts = window_counts(p, d, n, y.shape()[dim], include_pad);
    if (std::all_of(counts.begin(), counts.end(), [&](I v) { return v == counts[0]; })) {
      constant *= static_cast<double>(counts[0]);
    } else {
      y = div(y, counts_tensor(p, d, n, y, dim, include_pad));
    }
  }
  return narrowed(scale(y, 1 / constant), x.dtype());
}

// The root of the windows' sums of powers: their means, times the size of a whole window.
Tensor lp_pool(const Pool& p, const Arg& input, double power) {
  LocScope scope(input.loc(), p.op);
  LILITH_CHECK(power != 0, "{}: norm_type is 0; need another number", p.op);
  double size = 1;
  for (const I n : p.size) size *= static_cast<double>(n);
  return rounded_once(input.tensor(), [&](const Tensor& x) {
    const Tensor powers = avg_pool(p, pow(x, full_as(x, power)), true, {});
    const Tensor sums = scale(mul(sign(powers), relu(abs(powers))), size);
    return pow(sums, full_as(sums, 1 / power));
  });
}

// One dimension: output i is f of the indices [floor(i n / out), ceil((i + 1) n / out)).
template <class F>
Tensor adaptive_dim(const Tensor& x, int dim, I out, F&& f) {
  const I n = x.shape()[dim];
  std::vector<Tensor> parts;
  for (I i = 0; i < out; ++i)
    parts.push_back(f(slice_dim(x, dim, i * n / out, ((i + 1) * n + out - 1) / out)));
  return make_concat(parts, dim);
}

// What an adaptive pooling is: one window for all where the sizes divide, else the sizes.
struct Adaptive {
  Ints out;
  std::optional<Pool> even;
};
Adaptive adaptive_of(const char* op, int n, const Tensor& x, const IntList& output_size) {
  check_input(op, n, x);
  Ints out = per_dim(op, "output_size", output_size, n);
  Ints kernel(out.size());
  bool divides = true;
  for (std::size_t d = 0; d < out.size(); ++d) {
    const I size = x.shape()[x.ndim() - n + static_cast<int>(d)];
    if (out[d] == -1) out[d] = size;
    LILITH_CHECK(out[d] >= 1 && size >= 1,
                 "{}: output_size {} for {}; need sizes >= 1 (-1 keeps a size)", op, out[d],
                 x.aval().str());
    divides = divides && size % out[d] == 0;
    kernel[d] = size / out[d];
  }
  Adaptive a{std::move(out), {}};
  if (divides) a.even = make_pool(op, n, kernel, {}, 0, 1, false);
  return a;
}

Tensor adaptive_avg(const char* op, int n, const Arg& input, const IntList& output_size) {
  LocScope scope(input.loc(), op);
  Tensor x = input.tensor();
  const Adaptive a = adaptive_of(op, n, x, output_size);
  if (a.even) return avg_pool(*a.even, x, true, {});
  const DType dtype = x.dtype();
  x = widened(x);
  for (int d = 0; d < n; ++d) {
    const int dim = x.ndim() - n + d;
    x = adaptive_dim(x, dim, a.out[static_cast<std::size_t>(d)],
                     [&](const Tensor& t) { return mean(t, dim, true); });
  }
  return narrowed(x, dtype);
}

// The last dimension first, so that of equals the first in row-major order is picked.
Tensor adaptive_max(const char* op, int n, const Arg& input, const IntList& output_size) {
  LocScope scope(input.loc(), op);
  Tensor x = input.tensor();
  const Adaptive a = adaptive_of(op, n, x, output_size);
  if (a.even) return max_pool(*a.even, x);
  for (int d = n - 1; d >= 0; --d) {
    const int dim = x.ndim() - n + d;
    x = adaptive_dim(x, dim, a.out[static_cast<std::size_t>(d)],
                     [&](const Tensor& t) { return max(t, dim, true).values; });
  }
  return x;
}
Picked adaptive_max_at(const char* op, int n, const Arg& input, const IntList& output_size) {
  LocScope scope(input.loc(), op);
  const Tensor x = input.tensor();
  const Adaptive a = adaptive_of(op, n, x, output_size);
  if (a.even) return max_pool_at(*a.even, x);
  Shape pooled;
  Ints dims;
  for (int dim = x.ndim() - n; dim < x.ndim(); ++dim) {
    pooled.push_back(x.shape()[dim]);
    dims.push_back(dim);
  }
  const Tensor numbers = make_iota({pooled.numel()}, 0, DType::I64, x.device());
  Tensor at = make_broadcast(make_reshape(numbers, pooled), x.shape(), dims);
  Tensor values = x;
  for (int d = n - 1; d >= 0; --d) {
    const int dim = x.ndim() - n + d;
    const I out = a.out[static_cast<std::size_t>(d)], size = x.shape()[dim];
    std::vector<Tensor> best, where;
    for (I i = 0; i < out; ++i) {
      const I begin = i * size / out, end = ((i + 1) * size + out - 1) / out;
      const auto [largest, index] = max(slice_dim(values, dim, begin, end), dim, true);
      best.push_back(largest);
      where.push_back(gather(slice_dim(at, dim, begin, end), dim, index));
    }
    values = make_concat(best, dim);
    at = make_concat(where, dim);
  }
  return {values, at};
}

}  // namespace

Tensor max_pool1d(const Arg& x, const IntList& kernel_size, const IntList& stride,
                  const IntList& padding, const IntList& dilation, bool ceil_mode) {
  LocScope scope(x.loc());
  return max_pool(make_pool("max_pool1d", 1, kernel_size, stride, padding, dilation, ceil_mode), x);
}
Tensor max_pool2d(const Arg& x, const IntList& kernel_size, const IntList& stride,
                  const IntList& padding, const IntList& dilation, bool ceil_mode) {
  LocScope scope(x.loc());
  return max_pool(make_pool("max_pool2d", 2, kernel_size, stride, padding, dilation, ceil_mode), x);
}
Tensor max_pool3d(const Arg& x, const IntList& kernel_size, const IntList& stride,
                  const IntList& padding, const IntList& dilation, bool ceil_mode) {
  LocScope scope(x.loc());
  return max_pool(make_pool("max_pool3d", 3, kernel_size, stride, padding, dilation, ceil_mode), x);
}
Picked max_pool1d_with_indices(const Arg& x, const IntList& kernel_size, const IntList& stride,
                               const IntList& padding, const IntList& dilation, bool ceil_mode) {
  LocScope scope(x.loc());
  return max_pool_at(make_pool("max_pool1d", 1, kernel_size, stride, padding, dilation, ceil_mode),
                     x.tensor());
}
Picked max_pool2d_with_indices(const Arg& x, const IntList& kernel_size, const IntList& stride,
                               const IntList& padding, const IntList& dilation, bool ceil_mode) {
  LocScope scope(x.loc());
  return max_pool_at(make_pool("max_pool2d", 2, kernel_size, stride, padding, dilation, ceil_mode),
                     x.tensor());
}
Tensor max_pool2d_with_indices_backward(const Arg& grad_output, const Tensor& x,
                                        const IntList& kernel_size, const IntList& stride,
                                        const IntList& padding, const IntList& dilation,
                                        bool ceil_mode, const Tensor& indices) {
  constexpr const char* kName = "max_pool2d_with_indices_backward";
  LocScope scope(grad_output.loc());
  const Tensor g = grad_output.tensor();
  check_input(kName, 2, x);
  const Window w =
      window_over(make_pool(kName, 2, kernel_size, stride, padding, dilation, ceil_mode), x);
  Aval pooled = x.aval();
  for (int d = 0; d < x.ndim(); ++d)
    pooled.shape[d] = w.count(static_cast<std::size_t>(d), x.size(d));
  LILITH_CHECK(g.shape() == pooled.shape && g.dtype() == x.dtype() &&
                   is_integral(indices.dtype()) && indices.shape() == g.shape(),
               "{}: grad_output is {}, indices {}, input {}; need {} and integers of its shape",
               kName, g.aval().str(), indices.aval().str(), x.aval().str(), pooled.str());
  // Windows over padding alone may be some where x has no elements.
  if (x.numel() == 0) return full_as(x, 0);
  return scatter_in_planes(g, indices, x.shape(), 2);
}
Picked max_pool3d_with_indices(const Arg& x, const IntList& kernel_size, const IntList& stride,
                               const IntList& padding, const IntList& dilation, bool ceil_mode) {
  LocScope scope(x.loc());
  return max_pool_at(make_pool("max_pool3d", 3, kernel_size, stride, padding, dilation, ceil_mode),
                     x.tensor());
}
Tensor avg_pool1d(const Arg& x, const IntList& kernel_size, const IntList& stride,
                  const IntList& padding, bool ceil_mode, bool count_include_pad) {
  LocScope scope(x.loc());
  return avg_pool(make_pool("avg_pool1d", 1, kernel_size, stride, padding, 1, ceil_mode), x,
                  count_include_pad, {});
}
Tensor avg_pool2d(const Arg& x, const IntList& kernel_size, const IntList& stride,
                  const IntList& padding, bool ceil_mode, bool count_include_pad,
                  std::optional<Int> divisor_override) {
  LocScope scope(x.loc());
  return avg_pool(make_pool("avg_pool2d", 2, kernel_size, stride, padding, 1, ceil_mode), x,
                  count_include_pad, divisor_override);
}
Tensor avg_pool3d(const Arg& x, const IntList& kernel_size, const IntList& stride,
                  const IntList& padding, bool ceil_mode, bool count_include_pad,
                  std::optional<Int> divisor_override) {
  LocScope scope(x.loc());
  return avg_pool(make_pool("avg_pool3d", 3, kernel_size, stride, padding, 1, ceil_mode), x,
                  count_include_pad, divisor_override);
}
Tensor lp_pool1d(const Arg& x, Real norm_type, const IntList& kernel_size, const IntList& stride,
                 bool ceil_mode) {
  LocScope scope(x.loc());
  return lp_pool(make_pool("lp_pool1d", 1, kernel_size, stride, 0, 1, ceil_mode), x, norm_type);
}
Tensor lp_pool2d(const Arg& x, Real norm_type, const IntList& kernel_size, const IntList& stride,
                 bool ceil_mode) {
  LocScope scope(x.loc());
  return lp_pool(make_pool("lp_pool2d", 2, kernel_size, stride, 0, 1, ceil_mode), x, norm_type);
}
Tensor lp_pool3d(const Arg& x, Real norm_type, const IntList& kernel_size, const IntList& stride,
                 bool ceil_mode) {
  LocScope scope(x.loc());
  return lp_pool(make_pool("lp_pool3d", 3, kernel_size, stride, 0, 1, ceil_mode), x, norm_type);
}
Tensor adaptive_avg_pool1d(const Arg& x, const IntList& s) {
  return adaptive_avg("adaptive_avg_pool1d", 1, x, s);
}
Tensor adaptive_avg_pool2d(const Arg& x, const IntList& s) {
  return adaptive_avg("adaptive_avg_pool2d", 2, x, s);
}
Tensor adaptive_avg_pool3d(const Arg& x, const IntList& s) {
  return adaptive_avg("adaptive_avg_pool3d", 3, x, s);
}
Tensor adaptive_max_pool1d(const Arg& x, const IntList& s) {
  return adaptive_max("adaptive_max_pool1d", 1, x, s);
}
Tensor adaptive_max_pool2d(const Arg& x, const IntList& s) {
  return adaptive_max("adaptive_max_pool2d", 2, x, s);
}
Tensor adaptive_max_pool3d(const Arg& x, const IntList& s) {
  return adaptive_max("adaptive_max_pool3d", 3, x, s);
}

Picked adaptive_max_pool1d_with_indices(const Arg& x, const IntList& s) {
  return adaptive_max_at("adaptive_max_pool1d", 1, x, s);
}
Picked adaptive_max_pool2d_with_indices(const Arg& x, const IntList& s) {
  return adaptive_max_at("adaptive_max_pool2d", 2, x, s);
}
Picked adaptive_max_pool3d_with_indices(const Arg& x, const IntList& s) {
  return adaptive_max_at("adaptive_max_pool3d", 3, x, s);
}

}  // namespace lilith
