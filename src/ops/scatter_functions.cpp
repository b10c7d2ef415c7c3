#include "lilith/ops/scatter.h"

#include "ir/one_device.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/asked_values.h"
#include "ops/half.h"
#include "ops/indices.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Writing at indices, and picking by masks.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

/// Operands of a scatter as its primitive takes them, but for the part of x that a smaller index
/// does not reach.
struct Scattered {
  Tensor x, index, src;
  int dim;
};

// 0-d operands are of one element.
Scattered scattered(const char* op, const Tensor& x, Dim dim, const Tensor& index,
                    const Tensor& src) {
  LILITH_CHECK(is_integral(index.dtype()), "{}: the index is {}; need integers", op,
               index.aval().str());
  LILITH_CHECK(src.dtype() == x.dtype(), "{}: x {}, src {}; need equal dtypes", op, x.aval().str(),
               src.aval().str());
  Scattered s{atleast_1d(x), atleast_1d(index), atleast_1d(src), wrap_dim(op, dim, x.ndim())};
  LILITH_CHECK(s.index.ndim() == s.x.ndim() && s.src.ndim() == s.x.ndim(),
               "{}: x {}, index {}, src {}; need as many dimensions", op, x.aval().str(),
               index.aval().str(), src.aval().str());
  for (int d = 0; d < s.x.ndim(); ++d) {
    const I n = s.index.shape()[d];
    LILITH_CHECK(n <= s.src.shape()[d] && (d == s.dim || n <= s.x.shape()[d]),
                 "{}: index {} is larger than src {} or x {} in dimension {}", op,
                 index.aval().str(), src.aval().str(), x.aval().str(), d);
    s.src = slice_dim(s.src, d, 0, n);
  }
  return s;
}

// f of the corner of x that the index reaches, x elsewhere.
template <class F>
Tensor at_corner(const Scattered& s, const Shape& shape, F&& f) {
  Tensor corner = s.x, inside;
  for (int d = 0; d < s.x.ndim(); ++d) {
    const I n = s.index.shape()[d];
    if (d == s.dim || n == s.x.shape()[d]) continue;
    corner = slice_dim(corner, d, 0, n);
    const Tensor here =
        compare("lt", make_iota(s.x.shape(), d, DType::I64, s.x.device()), static_cast<double>(n));
    inside = inside.defined() ? logical_and(inside, here) : here;
  }
  Tensor out = f(corner);
  for (int d = 0; inside.defined() && d < s.x.ndim(); ++d)
    out = pad_dim(out, d, 0, s.x.shape()[d] - out.shape()[d]);
  return make_reshape(inside.defined() ? make_select(inside, out, s.x) : out, shape);
}

// What changes nothing when it is combined.
Tensor neutral(const Tensor& x, ScatterReduction reduce) {
  switch (reduce.kind()) {
    case ScatterReduction::Prod:
      return full_as(x, 1);
    case ScatterReduction::Amax:
      return lowest_as(x);
    case ScatterReduction::Amin:
      return highest_as(x);
    case ScatterReduction::Sum:
    case ScatterReduction::Mean:
      break;
  }
  return full_as(x, 0);
}

// The mean of n elements; integers go down, as PyTorch's do.
Tensor divided(const Tensor& sum, const Tensor& n) {
  return is_floating(sum.dtype()) ? div(sum, make_cast(n, sum.dtype()))
                                  : make_cast(floor_divide(sum, n), sum.dtype());
}

Tensor reduced(const Tensor& x, int d, const Tensor& index, const Tensor& src,
               ScatterReduction reduce, bool include_self) {
  constexpr const char* kOps[] = {"scatter_add", "scatter_mul", "scatter_add", "scatter_max",
                                  "scatter_min"};
  const Tensor base = include_self
                          ? x
                          : make_scatter("scatter", x, d, index,
                                         broadcast_last(neutral(src, reduce), index.shape()));
  const Tensor out = make_scatter(kOps[static_cast<int>(reduce.kind())], base, d, index, src);
  if (reduce != ScatterReduction::Mean) return out;
  const Tensor none = make_full(x.shape(), include_self ? 1 : 0, DType::I64, x.device());
  const Tensor ones = make_full(index.shape(), 1, DType::I64, x.device());
  return divided(out, maximum(make_scatter_add(none, d, index, ones), full_as(none, 1)));
}

}  // namespace

Tensor scatter(const Arg& x, Dim dim, const Tensor& index, const Arg& src) {
  LocScope scope(src.loc());
  const Tensor t = x.tensor();
  const Tensor from = src.is_scalar() ? make_broadcast(make_cast(src.tensor(t.dtype()), t.dtype()),
                                                       index.shape(), {})
                                      : src.tensor();
  const Scattered s = scattered("scatter", t, dim, index, from);
  if (s.index.numel() == 0) return t;
  return at_corner(s, t.shape(), [&](const Tensor& corner) {
    return make_scatter("scatter", corner, s.dim, s.index, s.src);
  });
}

Tensor scatter_reduce(const Arg& x, Dim dim, const Tensor& index, const Tensor& src,
                      const ScatterReduction& reduce, bool include_self) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const Scattered s = scattered("scatter_reduce", t, dim, index, src);
  if (s.index.numel() == 0) return t;
  return at_corner(s, t.shape(), [&](const Tensor& corner) {
    return rounded_once(corner, [&](const Tensor& wide) {
      return reduced(wide, s.dim, s.index, widened(s.src), reduce, include_self);
    });
  });
}

namespace {

/// Operands of a write of whole slices.
Scattered whole_slices(const char* op, const Tensor& x, Dim dim, const Tensor& index,
                       const Tensor& source) {
  LILITH_CHECK(is_integral(index.dtype()) && index.ndim() <= 1,
               "{}: the index is {}; need integers of at most 1 dimension", op, index.aval().str());
  LILITH_CHECK(source.dtype() == x.dtype(), "{}: x {}, source {}; need equal dtypes", op,
               x.aval().str(), source.aval().str());
  const int d = wrap_dim(op, dim, x.ndim());
  Scattered s{atleast_1d(x), {}, {}, d};
  Shape wanted = s.x.shape();
  wanted[d] = index.numel();
  const bool fits = source.shape() == wanted || (source.numel() == 1 && wanted.numel() == 1);
  LILITH_CHECK(fits, "{}: source is {}; need shape {}", op, source.aval().str(), wanted.str());
  s.src = make_reshape(source, wanted);
  s.index =
      make_broadcast(make_reshape(make_cast(index, DType::I64), {index.numel()}), wanted, {d});
  return s;
}

}  // namespace

Tensor index_copy(const Arg& x, Dim dim, const Tensor& index, const Tensor& source) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const Scattered s = whole_slices("index_copy", t, dim, index, source);
  if (s.index.numel() == 0) return t;
  return make_reshape(make_scatter("scatter", s.x, s.dim, s.index, s.src), t.shape());
}

Tensor index_reduce(const Arg& x, Dim dim, const Tensor& index, const Tensor& source,
                    const ScatterReduction& reduce, bool include_self) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const Scattered s = whole_slices("index_reduce", t, dim, index, source);
  if (s.index.numel() == 0) return t;
  const Tensor out = rounded_once(s.x, [&](const Tensor& wide) {
    return reduced(wide, s.dim, s.index, widened(s.src), reduce, include_self);
  });
  return make_reshape(out, t.shape());
}

Tensor put(const Arg& x, const Tensor& index, const Tensor& source, bool accumulate) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(is_integral(index.dtype()), "put: the index is {}; need integers",
               index.aval().str());
  LILITH_CHECK(source.dtype() == t.dtype() && source.numel() == index.numel(),
               "put: x {}, index {}, source {}; need x's dtype and an element for each index",
               t.aval().str(), index.aval().str(), source.aval().str());
  if (index.numel() == 0) return t;
  const Shape flat{index.numel()};
  const Tensor at = from_end(make_reshape(index, flat), t.numel());
  const Tensor out = make_scatter(accumulate ? "scatter_add" : "scatter",
                                  make_reshape(t, {t.numel()}), 0, at, make_reshape(source, flat));
  return make_reshape(out, t.shape());
}

Tensor masked_scatter(const Arg& x, const Tensor& mask, const Tensor& source) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(mask.dtype() == DType::Bool, "masked_scatter: mask is {}; need bool",
               mask.aval().str());
  LILITH_CHECK(source.dtype() == t.dtype(), "masked_scatter: x {}, source {}; need equal dtypes",
               t.aval().str(), source.aval().str());
  std::vector<Tensor> both = broadcast_all("masked_scatter", {t, mask});
  const I n = both[0].numel();
  if (n == 0) return both[0];
  LILITH_CHECK(source.numel() > 0, "masked_scatter: source {} has no elements",
               source.aval().str());
  const Tensor flat = make_reshape(both[1], {n});
  const Tensor place = shift(cumsum(make_cast(flat, DType::I64), 0), -1);
  const Tensor from = make_gather(make_reshape(source, {source.numel()}), 0, masked(flat, place));
  return make_select(both[1], make_reshape(from, both[0].shape()), both[0]);
}

namespace {

// Where x is not 0, a column a dimension.
std::vector<std::vector<I>> places(const char* op, const Tensor& x) {
  const Tensor is = x.dtype() == DType::Bool ? x : compare("ne", x, 0);
  const std::vector<bool> values = asked_values<bool>(op, is);
  const Shape& shape = x.shape();
  std::vector<std::vector<I>> columns(shape.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) continue;
    auto rest = static_cast<I>(i);
    for (int d = shape.rank(); d-- > 0; rest /= shape[d])
      columns[static_cast<std::size_t>(d)].push_back(rest % shape[d]);
  }
  return columns;
}

Tensor column(const std::vector<I>& values, Device device) {
  return detail::copy_from(values.data(), {static_cast<I>(values.size())}, DType::I64, device, {});
}

Tensor nonzero_of(const char* op, const Arg& x) {
  const Tensor t = x.tensor();
  if (t.ndim() == 0) {
    const Tensor one = make_reshape(t, {1});
    return make_full({static_cast<I>(places(op, one)[0].size()), 0}, 0, DType::I64, t.device());
  }
  std::vector<Tensor> columns;
  for (const std::vector<I>& c : places(op, t)) columns.push_back(column(c, t.device()));
  return stack(columns, 1);
}

}  // namespace

Tensor nonzero(const Arg& x) {
  LocScope scope(x.loc());
  return nonzero_of("nonzero", x);
}
Tensor nonzero_static(const Arg& x, Int size, Int fill_value) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const I n = t.numel(), rows = size, rank = t.ndim();
  LILITH_CHECK(rows >= 0, "nonzero_static: size is {}; need size >= 0", rows);
  const Tensor none = integer_as(make_full({rows, rank}, 0, DType::I64, t.device()), fill_value);
  if (rank == 0 || n == 0 || rows == 0) return none;
  // The k-th that is not 0 goes to row k, all that is too much to one row more.
  const Tensor there = make_cast(make_reshape(t, {n}), DType::Bool);
  const Tensor count = cumsum(make_cast(there, DType::I64), 0), limit = integer_as(count, rows);
  const Tensor row = make_select(there, minimum(shift(count, -1), limit), limit);
  std::vector<Tensor> places;
  for (int d = 0; d < rank; ++d)
    places.push_back(make_reshape(make_iota(t.shape(), d, DType::I64, t.device()), {n}));
  const Tensor room =
      integer_as(make_full({rows + 1, rank}, 0, DType::I64, t.device()), fill_value);
  const Tensor all =
      make_scatter("scatter", room, 0, make_broadcast(row, {n, rank}, {0}), stack(places, 1));
  return slice_dim(all, 0, 0, rows);
}
Tensor argwhere(const Arg& x) {
  LocScope scope(x.loc());
  return nonzero_of("argwhere", x);
}
std::vector<Tensor> nonzero_as_tuple(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = atleast_1d(x.tensor());
  std::vector<Tensor> columns;
  for (const std::vector<I>& c : places("nonzero", t)) columns.push_back(column(c, t.device()));
  return columns;
}

Tensor masked_select(const Arg& x, const Tensor& mask) {
  LocScope scope(x.loc());
  LILITH_CHECK(mask.dtype() == DType::Bool, "masked_select: mask is {}; need bool",
               mask.aval().str());
  std::vector<Tensor> both = broadcast_all("masked_select", {x.tensor(), mask});
  const Shape flat{both[0].numel()};
  const Tensor at =
      column(places("masked_select", make_reshape(both[1], flat))[0], both[0].device());
  if (at.numel() == 0) return make_full({0}, 0, both[0].dtype(), both[0].device());
  return make_gather(make_reshape(both[0], flat), 0, at);
}

}  // namespace lilith
