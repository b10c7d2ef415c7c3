#include <algorithm>

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/scatter.h"
#include "lilith/ops/shape.h"
#include "ops/half.h"
#include "ops/indices.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Picking and writing at indices; triangles and diagonals.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

void check_index(const char* op, const Tensor& index) {
  LILITH_CHECK(is_integral(index.dtype()), "{}: the index is {}; need integers", op,
               index.aval().str());
}

// Whole slices: the index repeated over the other dimensions.
Tensor spread_index(const Tensor& index, const Shape& shape, int dim) {
  Shape wide = shape;
  wide[dim] = index.numel();
  return make_broadcast(make_reshape(index, {index.numel()}), wide, {dim});
}

int checked_dim(const char* op, const Tensor& x, int dim, const Tensor& index) {
  check_index(op, index);
  LILITH_CHECK(index.ndim() <= 1, "{}: the index is {}; need at most 1 dimension", op,
               index.aval().str());
  return wrap_dim(op, dim, x.ndim());
}

// True where column - row compares with `diagonal`.
Tensor triangle(const char* op, const char* comparison, const Arg& x, I diagonal) {
  LocScope scope(x.loc(), op);
  const Tensor t = x.tensor();
  LILITH_CHECK(t.ndim() >= 2, "{}: got {}; need at least 2 dimensions", op, t.aval().str());
  const Shape& s = t.shape();
  // All that lie further say the same.
  diagonal = std::clamp<I>(diagonal, -s[s.rank() - 2], s[s.rank() - 1]);
  const Tensor row = make_iota(s, s.rank() - 2, DType::I64, t.device());
  const Tensor column = make_iota(s, s.rank() - 1, DType::I64, t.device());
  return masked(compare(comparison, sub(column, row), diagonal), t);
}

}  // namespace

Tensor gather(const Arg& x, Dim dim, const Tensor& index) {
  LocScope scope(x.loc());
  Tensor t = x.tensor();
  check_index("gather", index);
  const int d = wrap_dim("gather", dim, t.ndim());
  // PyTorch lets an index of no elements have any shape.
  if (index.numel() == 0 && index.ndim() != t.ndim())
    return make_full(index.shape(), 0, t.dtype(), t.device());
  if (t.ndim() == 0 || index.ndim() == 0) {
    LILITH_CHECK(t.ndim() <= 1 && index.ndim() <= 1,
                 "gather: x {}, index {}; need as many dimensions", t.aval().str(),
                 index.aval().str());
    return make_reshape(
        gather(make_reshape(t, {t.numel()}), 0, make_reshape(index, {index.numel()})),
        index.shape());
  }
  LILITH_CHECK(index.ndim() == t.ndim(), "gather: x {}, index {}; need as many dimensions",
               t.aval().str(), index.aval().str());
  for (int i = 0; i < t.ndim(); ++i) {
    if (i == d) continue;
    LILITH_CHECK(index.shape()[i] <= t.shape()[i],
                 "gather: index {} is larger than x {} in dimension {}; need at most {}",
                 index.aval().str(), t.aval().str(), i, t.shape()[i]);
    t = slice_dim(t, i, 0, index.shape()[i]);
  }
  return make_gather(t, d, index);
}

Tensor scatter_add(const Arg& x, Dim dim, const Tensor& index, const Tensor& src) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  check_index("scatter_add", index);
  LILITH_CHECK(src.dtype() == t.dtype(), "scatter_add: x {}, src {}; need equal dtypes",
               t.aval().str(), src.aval().str());
  if (t.ndim() == 0) {
    const Tensor flat = scatter_add(make_reshape(t, {1}), 0, make_reshape(index, {index.numel()}),
                                    make_reshape(src, {src.numel()}));
    return make_reshape(flat, {});
  }
  const int d = wrap_dim("scatter_add", dim, t.ndim());
  if (index.ndim() <= 1 && src.ndim() <= 1 && t.ndim() == 1 &&
      (index.ndim() == 0 || src.ndim() == 0)) {
    return scatter_add(t, 0, make_reshape(index, {index.numel()}),
                       make_reshape(src, {src.numel()}));
  }
  LILITH_CHECK(index.ndim() == t.ndim() && src.ndim() == t.ndim(),
               "scatter_add: x {}, index {}, src {}; need as many dimensions", t.aval().str(),
               index.aval().str(), src.aval().str());
  if (index.numel() == 0) return t;
  Tensor from = src, part = t;
  bool whole = true;
  for (int i = 0; i < t.ndim(); ++i) {
    const I n = index.shape()[i];
    LILITH_CHECK(n <= src.shape()[i] && (i == d || n <= t.shape()[i]),
                 "scatter_add: index {} is larger than src {} or x {} in dimension {}",
                 index.aval().str(), src.aval().str(), t.aval().str(), i);
    from = slice_dim(from, i, 0, n);
    if (i == d || n == t.shape()[i]) continue;
    part = slice_dim(part, i, 0, n);
    whole = false;
  }
  if (whole) return make_scatter_add(t, d, index, from);
  // A smaller index touches a corner of x: what it adds there, padded to the whole.
  Tensor added = make_scatter_add(full_as(widened(part), 0), d, index, from);
  for (int i = 0; i < t.ndim(); ++i) added = pad_dim(added, i, 0, t.shape()[i] - added.shape()[i]);
  return narrowed(add(widened(t), added), t.dtype());
}

Tensor take_along_dim(const Arg& x, const Tensor& index, std::optional<Dim> dim) {
  LocScope scope(x.loc());
  check_index("take_along_dim", index);
  const Tensor t = x.tensor();
  if (!dim)
    return make_gather(make_reshape(t, {t.numel()}), 0,
                       make_reshape(from_end(index, t.numel()), {index.numel()}));
  LILITH_CHECK(t.ndim() == index.ndim(), "take_along_dim: x {}, index {}; need as many dimensions",
               t.aval().str(), index.aval().str());
  const int d = wrap_dim("take_along_dim", *dim, t.ndim());
  if (t.ndim() == 0) return gather(t, 0, index);
  Shape of_x = t.shape(), of_index = index.shape();
  of_x[d] = of_index[d] = 1;
  const Tensor stand_ins[] = {make_full(of_x, 0, t.dtype(), t.device()),
                              make_full(of_index, 0, t.dtype(), t.device())};
  of_x = of_index = broadcast_shapes("take_along_dim", stand_ins);
  of_x[d] = t.shape()[d];
  of_index[d] = index.shape()[d];
  return make_gather(broadcast_last(t, of_x), d,
                     broadcast_last(from_end(index, t.shape()[d]), of_index));
}

Tensor take(const Arg& x, const Tensor& index) {
  LocScope scope(x.loc());
  check_index("take", index);
  const Tensor t = x.tensor();
  const Tensor at = from_end(make_reshape(index, {index.numel()}), t.numel());
  return make_reshape(make_gather(make_reshape(t, {t.numel()}), 0, at), index.shape());
}

Tensor index_select(const Arg& x, Dim dim, const Tensor& index) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int d = checked_dim("index_select", t, dim, index);
  if (t.ndim() == 0) return make_reshape(gather(t, 0, make_reshape(index, {index.numel()})), {});
  return make_gather(t, d, spread_index(index, t.shape(), d));
}

Tensor index_add(const Arg& x, Dim dim, const Tensor& index, const Tensor& source, Real alpha) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int d = checked_dim("index_add", t, dim, index);
  LILITH_CHECK(source.dtype() == t.dtype(), "index_add: x {}, source {}; need equal dtypes",
               t.aval().str(), source.aval().str());
  const Tensor src = alpha == 1 ? source : scale(widened(source), alpha);
  if (t.ndim() == 0) {
    const DType wide = compute_dtype(t.dtype());
    return narrowed(add(widened(t), sum(widened(src), {}, false, wide)), t.dtype());
  }
  Shape expected = t.shape();
  expected[d] = index.numel();
  LILITH_CHECK(src.numel() == expected.numel(), "index_add: source is {}; need shape {}",
               src.aval().str(), expected.str());
  return make_scatter_add(t, d, spread_index(index, t.shape(), d), make_reshape(src, expected));
}

Tensor index_fill(const Arg& x, Dim dim, const Tensor& index, const Arg& value) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int d = checked_dim("index_fill", t, dim, index);
  if (t.ndim() == 0) return index.numel() > 0 ? make_cast(value.tensor(t.dtype()), t.dtype()) : t;
  const I n = t.shape()[d];
  const Tensor named = rows_named(from_end(make_reshape(index, {index.numel()}), n), n);
  return masked_fill(t, make_broadcast(named, t.shape(), {d}), value);
}

Tensor one_hot(const Arg& x, Int num_classes) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  check_index("one_hot", t);
  if (num_classes == -1) num_classes = t.numel() == 0 ? 0 : max(t).item<I>() + 1;
  LILITH_CHECK(num_classes >= 1,
               "one_hot: num_classes is {}; need num_classes >= 1, or -1 for as many as x has",
               num_classes);
  Shape shape = t.shape();
  shape.push_back(num_classes);
  const Tensor wide = make_broadcast(make_cast(t, DType::I64), shape, range(t.ndim()));
  return make_cast(apply("eq", {wide, make_iota(shape, t.ndim(), DType::I64, t.device())}),
                   DType::I64);
}

Tensor tril(const Arg& x, Int diagonal) { return triangle("tril", "le", x, diagonal); }
Tensor triu(const Arg& x, Int diagonal) { return triangle("triu", "ge", x, diagonal); }

Tensor diagonal(const Arg& x, Int offset, Dim dim1, Dim dim2) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(t.ndim() >= 2, "diagonal: got {}; need at least 2 dimensions", t.aval().str());
  const int a = wrap_dim("diagonal", dim1, t.ndim()), b = wrap_dim("diagonal", dim2, t.ndim());
  LILITH_CHECK(a != b, "diagonal: dim1 and dim2 are both {}", a);
  const I rows = t.shape()[a], columns = t.shape()[b];
  // Beyond the sizes nothing is left, however far; the lowest number has no negative.
  const I bounded = std::clamp<I>(offset, -rows, columns);
  const I start_row = std::max<I>(-bounded, 0), start_column = std::max<I>(bounded, 0);
  const I n = std::max<I>(std::min(rows - start_row, columns - start_column), 0);
  Ints perm = other_dims(t.ndim(), Ints{a, b});
  perm.push_back(a);
  perm.push_back(b);
  Tensor m = make_transpose(t, perm);
  const int last = t.ndim() - 1;
  if (n == 0) {
    Shape none(m.shape().begin(), static_cast<std::size_t>(last - 1));
    none.push_back(0);
    return make_full(none, 0, t.dtype(), t.device());
  }
  // Column i + offset of row i: gathered along the last dimension.
  m = slice_dim(m, last - 1, start_row, start_row + n);
  Shape index_shape = m.shape();
  index_shape[last] = 1;
  const Tensor index = shift(make_iota(index_shape, last - 1, DType::I64, t.device()),
                             static_cast<double>(start_column));
  return squeeze(make_gather(m, last, index), last);
}

Tensor diag_embed(const Arg& x, Int offset, Dim dim1, Dim dim2) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(t.ndim() >= 1, "diag_embed: got a 0-d tensor; need at least 1 dimension");
  const int rank = t.ndim() + 1;
  const int a = wrap_dim("diag_embed", dim1, rank), b = wrap_dim("diag_embed", dim2, rank);
  LILITH_CHECK(a != b, "diag_embed: dim1 and dim2 are both {}", a);
  const I n = t.size(-1) + std::abs(offset);
  const I before = std::max<I>(-offset, 0), after = n - before - t.size(-1);
  Shape wide = t.shape();
  wide[rank - 2] = n;
  wide.push_back(n);
  const Tensor rows = pad_dim(t, rank - 2, before, after);
  const Tensor spread = make_broadcast(rows, wide, range(rank - 1));
  const Tensor row = make_iota(wide, rank - 2, DType::I64, t.device()),
               column = make_iota(wide, rank - 1, DType::I64, t.device());
  const Tensor m = masked(compare("eq", sub(column, row), offset), spread);
  return movedim(m, {rank - 2, rank - 1}, {a, b});
}

Tensor diag(const Arg& x, Int offset) {
  LocScope scope(x.loc());
  const int rank = x.tensor().ndim();
  LILITH_CHECK(rank == 1 || rank == 2, "diag: got {}; need 1 or 2 dimensions", describe(x));
  return rank == 1 ? diag_embed(x, offset) : diagonal(x, offset);
}
Tensor diagflat(const Arg& x, Int offset) {
  LocScope scope(x.loc());
  return diag_embed(ravel(x), offset);
}
Tensor trace(const Arg& x) {
  LocScope scope(x.loc());
  LILITH_CHECK(x.tensor().ndim() == 2, "trace: got {}; need 2 dimensions", describe(x));
  return sum(diagonal(x));
}
Tensor select_scatter(const Arg& x, const Tensor& src, Dim dim, Int index) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(t.ndim() > 0, "select_scatter: got a 0-d tensor; need at least 1 dimension");
  const int d = wrap_dim("select_scatter", dim, t.ndim());
  const I n = t.shape()[d], i = from_end(index, n);
  LILITH_CHECK(i >= 0 && i < n, "select_scatter: index {} of dimension {} of {}", index, d,
               t.aval().str());
  LILITH_CHECK(src.shape() == without(t.shape(), {d}), "select_scatter: src is {}; need shape {}",
               src.aval().str(), without(t.shape(), {d}).str());
  const Tensor here =
      compare("eq", make_iota(t.shape(), d, DType::I64, t.device()), static_cast<double>(i));
  return make_select(here, broadcast_over(make_cast(src, t.dtype()), t.shape(), {d}), t);
}

Tensor slice_scatter(const Arg& x, const Tensor& src, Dim dim, Int start, Int end, Int step) {
  LocScope scope(x.loc());
  return slice_update(x, src, dim, start, end, step);
}

Tensor diagonal_scatter(const Arg& x, const Tensor& src, Int offset, Dim dim1, Dim dim2) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const Shape wanted = diagonal(t, offset, dim1, dim2).shape();
  LILITH_CHECK(src.shape() == wanted, "diagonal_scatter: src is {}; need shape {}",
               src.aval().str(), wanted.str());
  const int a = wrap_dim("diagonal_scatter", dim1, t.ndim()),
            b = wrap_dim("diagonal_scatter", dim2, t.ndim());
  const auto place = [&](int d) { return make_iota(t.shape(), d, DType::I64, t.device()); };
  const Tensor here = compare("eq", sub(place(b), place(a)), static_cast<double>(offset));
  // src along the dimension that starts at 0 on this diagonal, the other of size 1.
  Tensor spread = diag_embed(make_cast(src, t.dtype()), offset, a, b);
  for (const int d : {a, b}) spread = slice_dim(spread, d, 0, std::min(spread.size(d), t.size(d)));
  Ints lo(t.shape().size(), 0), hi;
  for (int d = 0; d < t.ndim(); ++d) hi.push_back(t.shape()[d] - spread.shape()[d]);
  return make_select(here, make_pad(spread, lo, hi, Ints(hi.size(), 0), 0), t);
}

namespace {

// Where the elements of a strided piece of t lie: i64 [n].
Tensor strided_places(const char* op, const Tensor& t, const Shape& size, const IntList& stride,
                      I offset) {
  LILITH_CHECK(stride.size() == size.size(), "{}: size {} and {} strides; need as many", op,
               size.str(), stride.size());
  I low = offset, high = offset;
  bool holds = true;
  for (int d = 0; d < size.rank(); ++d) {
    const I step = stride[static_cast<std::size_t>(d)];
    LILITH_CHECK(size[d] >= 0, "{}: size {}; need sizes >= 0", op, size.str());
    I& end = step < 0 ? low : high;
    I reach = 0;
    holds = holds && !__builtin_mul_overflow(step, std::max<I>(size[d] - 1, 0), &reach) &&
            !__builtin_add_overflow(end, reach, &end);
  }
  if (size.numel() == 0) return make_full({0}, 0, DType::I64, t.device());
  LILITH_CHECK(holds, "{}: size {}, strides {} and offset {}; need places below 2^63", op,
               size.str(), Shape(stride.vec()).str(), offset);
  LILITH_CHECK(low >= 0 && high < t.numel(),
               "{}: places {} to {} of {}; need them within its {} elements", op, low, high,
               t.aval().str(), t.numel());
  Tensor place = integer_as(make_full(size, 0, DType::I64, t.device()), offset);
  for (int d = 0; d < size.rank(); ++d) {
    const Tensor at = make_iota(size, d, DType::I64, t.device());
    place = add(place, mul(at, integer_as(at, stride[static_cast<std::size_t>(d)])));
  }
  return make_reshape(place, {size.numel()});
}

}  // namespace

Tensor as_strided(const Arg& x, const Shape& size, const IntList& stride, Int storage_offset) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const Tensor place = strided_places("as_strided", t, size, stride, storage_offset);
  if (size.numel() == 0) return make_full(size, 0, t.dtype(), t.device());
  return make_reshape(make_gather(make_reshape(t, {t.numel()}), 0, place), size);
}

Tensor as_strided_scatter(const Arg& x, const Tensor& src, const Shape& size, const IntList& stride,
                          Int storage_offset) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(src.shape() == size, "as_strided_scatter: src is {}; need the shape {}",
               src.aval().str(), size.str());
  const Tensor place = strided_places("as_strided_scatter", t, size, stride, storage_offset);
  return make_reshape(put(make_reshape(t, {t.numel()}), place, make_cast(src, t.dtype())),
                      t.shape());
}

std::vector<Tensor> unravel_index(const Arg& indices, const Shape& shape) {
  LocScope scope(indices.loc());
  const Tensor given = indices.tensor();
  LILITH_CHECK(is_integral(given.dtype()) && given.dtype() != DType::Bool,
               "unravel_index: the indices are {}; need integers", given.aval().str());
  std::vector<Tensor> out;
  Tensor rest = make_cast(given, DType::I64);
  for (int d = shape.rank() - 1; d >= 0; --d) {
    LILITH_CHECK(shape[d] > 0 || (shape[d] == 0 && given.numel() == 0),
                 "unravel_index: the shape is {}; need sizes > 0", shape.str());
    const Tensor size = integer_as(rest, std::max<I>(shape[d], 1));
    out.push_back(remainder(rest, size));
    rest = floor_divide(rest, size);
  }
  std::ranges::reverse(out);
  return out;
}

namespace {

Tensor triangle_indices(const char* op, I rows, I columns, I offset, bool lower) {
  LILITH_CHECK(rows >= 0 && columns >= 0, "{}: {} rows and {} columns; need at least 0", op, rows,
               columns);
  std::vector<I> r, c;
  for (I i = 0; i < rows; ++i) {
    const I edge = std::clamp<I>(i + offset + (lower ? 1 : 0), 0, columns);
    for (I j = lower ? 0 : edge; j < (lower ? edge : columns); ++j) {
      r.push_back(i);
      c.push_back(j);
    }
  }
  r.insert(r.end(), c.begin(), c.end());
  return from_data(r.data(), {2, static_cast<I>(c.size())});
}

}  // namespace

Tensor tril_indices(Int row, Int col, Int offset, SourceLocation loc) {
  LocScope scope(loc);
  return triangle_indices("tril_indices", row, col, offset, true);
}
Tensor triu_indices(Int row, Int col, Int offset, SourceLocation loc) {
  LocScope scope(loc);
  return triangle_indices("triu_indices", row, col, offset, false);
}

}  // namespace lilith
