#include <algorithm>
#include <bit>

#include "ir/one_device.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/scatter.h"
#include "lilith/ops/shape.h"
#include "ops/asked_values.h"
#include "ops/indices.h"
#include "ops/operand.h"
#include "ops/part_of.h"
#include "ops/primitives.h"

// Indexing by lists of items, and functions that give x with some elements replaced.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

// Where a mask of `size` elements is true, as an index on `device`. How many there are depends on
// the values: they are asked for.
Tensor true_places(const char* op, const Tensor& mask, I size, Device device) {
  LILITH_CHECK(mask.ndim() == 1 && mask.numel() == size,
               "{}: an index is {} for a dimension of {}; a mask needs as many elements (where and "
               "masked_fill take larger masks)",
               op, mask.aval().str(), size);
  std::vector<I> places;
  const auto values = asked_values<bool>(op, mask);
  for (I i = 0; i < size; ++i) {
    if (values[static_cast<std::size_t>(i)]) places.push_back(i);
  }
  return detail::copy_from(places.data(), {static_cast<I>(places.size())}, DType::I64, device, {});
}

// The element numbers, in row-major order, that the indices pick from dimensions of these sizes. Of
// several each is looked up in 0, 1, 2, …: as the index of a gather it is checked when it runs.
// Those that lie on the host go to where x is.
Tensor flat_index(const char* op, const Tensor& x, const std::vector<Tensor>& indices,
                  const Ints& sizes) {
  std::vector<Tensor> wide;
  for (std::size_t d = 0; d < indices.size(); ++d) {
    const Tensor& t = indices[d];
    LILITH_CHECK(t.defined() && (is_integral(t.dtype()) || t.dtype() == DType::Bool),
                 "{}: an index is {}; need integers, or a mask", op,
                 t.defined() ? t.aval().str() : "undefined");
    Tensor pair[] = {x, t};
    if (t.dtype() == DType::Bool)
      pair[1] = true_places(op, t, sizes[d], x.device());
    else if (t.device() == cpu())
      pair[1] = ir::on_device(t, x.device());
    ir::bring_together(op, pair);
    wide.push_back(make_cast(pair[1], DType::I64));
  }
  wide = broadcast_all(op, wide);
  Tensor flat;
  for (std::size_t d = 0; d < wide.size(); ++d) {
    Tensor i = from_end(wide[d], sizes[d]);
    if (wide.size() > 1) {
      const Tensor numbers = make_iota({sizes[d]}, 0, DType::I64, i.device());
      i = make_reshape(make_gather(numbers, 0, make_reshape(i, {i.numel()})), i.shape());
    }
    flat = d == 0 ? i : add(scale(flat, static_cast<double>(sizes[d])), i);
  }
  return flat;
}

// [sizes of the indexed dimensions..., rest] -> [their product, elements of the rest].
Tensor as_rows(const Tensor& x, int indexed) {
  I rows = 1;
  for (int d = 0; d < indexed; ++d) rows *= x.shape()[d];
  I columns = 1;
  for (int d = indexed; d < x.ndim(); ++d) columns *= x.shape()[d];
  return make_reshape(x, {rows, columns});
}

Shape tail(const Shape& shape, int from) {
  return Shape(shape.begin() + from, static_cast<std::size_t>(shape.rank() - from));
}

Shape joined(Shape a, const Shape& b) {
  for (const I d : b) a.push_back(d);
  return a;
}

Tensor repeat_columns(const Tensor& x, I columns) {
  return make_broadcast(x, {x.numel(), columns}, {0});
}

// True for the last of each set of equal indices (at: i64 [n], in [0, rows)). Its number is found
// bit by bit from the highest: those that lack a bit which another candidate of their row has drop
// out.
Tensor last_of_equals(const Tensor& at, I rows) {
  const I n = at.numel();
  const Tensor number = make_iota({n}, 0, DType::I64, at.device());
  const Tensor none = make_full({rows}, 0, DType::I64, at.device());
  Tensor candidate = compare("ge", number, 0);
  for (int b = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(n - 1))) - 1; b >= 0;
       --b) {
    const Tensor has =
        compare("ne", bitwise_and(number, full_as(number, static_cast<double>(I{1} << b))), 0);
    const Tensor votes = make_cast(logical_and(candidate, has), DType::I64);
    const Tensor contested =
        compare("gt", make_gather(make_scatter_add(none, 0, at, votes), 0, at), 0);
    candidate = logical_and(candidate, logical_or(has, logical_not(contested)));
  }
  return candidate;
}

// Gathers at the dimensions `dims` of x, one index for each.
Tensor pick(const Tensor& x, const std::vector<int>& dims, const std::vector<Tensor>& indices) {
  const int n = static_cast<int>(dims.size());
  Ints perm, sizes;
  for (const int d : dims) {
    perm.push_back(d);
    sizes.push_back(x.shape()[d]);
  }
  for (const I d : other_dims(x.ndim(), perm)) perm.push_back(d);
  const Tensor front = make_transpose(x, perm);
  const Tensor at = flat_index("index", x, indices, sizes);
  const Tensor rows = as_rows(front, n);
  const Tensor flat = make_reshape(at, {at.numel()});
  Tensor out = make_reshape(make_gather(rows, 0, repeat_columns(flat, rows.size(1))),
                            joined(at.shape(), tail(front.shape(), n)));
  if (dims.back() - dims.front() + 1 != n || dims.front() == 0) return out;
  // Adjacent tensors: their dimensions go back behind those that stood before them.
  Ints back;
  for (int d = 0; d < dims.front(); ++d) back.push_back(at.ndim() + d);
  for (int d = 0; d < at.ndim(); ++d) back.push_back(d);
  for (int d = at.ndim() + dims.front(); d < out.ndim(); ++d) back.push_back(d);
  return make_transpose(out, back);
}

}  // namespace

Tensor Tensor::index(const std::vector<TensorIndex>& items, SourceLocation loc) && {
  const Tensor self = std::move(*this);
  return self.index(items, loc);
}

namespace {

void check_mask(const Tensor& mask, const Tensor& x, int first) {
  const Shape& shape = mask.shape();
  bool fits = shape.rank() > 0 && first + shape.rank() <= x.ndim();
  for (int d = 0; fits && d < shape.rank(); ++d) fits = shape[d] == x.shape()[first + d];
  LILITH_CHECK(fits, "index: a mask {} for {} at dimension {}; need a mask of x's sizes there",
               mask.aval().str(), x.aval().str(), first);
}

// The places, row by row, where a mask is true: an index for each of its dimensions. How many there
// are depends on the values: they are asked for.
std::vector<Tensor> places_of(const Tensor& mask, const Tensor& x, int first) {
  check_mask(mask, x, first);
  const Shape& shape = mask.shape();
  const auto values = asked_values<bool>("index", mask);
  std::vector<std::vector<I>> places(shape.size());
  for (I i = 0; i < mask.numel(); ++i) {
    if (!values[static_cast<std::size_t>(i)]) continue;
    I rest = i;
    for (int d = shape.rank(); d-- > 0; rest /= shape[d])
      places[static_cast<std::size_t>(d)].push_back(rest % shape[d]);
  }
  std::vector<Tensor> out;
  for (const auto& p : places)
    out.push_back(from_data(p.data(), {static_cast<I>(p.size())}).to(x.device()));
  return out;
}

// Dimensions that an item takes.
int dims_of(const TensorIndex& item) {
  using Kind = TensorIndex::Kind;
  if (item.kind == Kind::Ellipsis || item.kind == Kind::None) return 0;
  const bool mask = item.kind == Kind::Tensor && item.tensor.dtype() == DType::Bool;
  return mask ? item.tensor.ndim() : 1;
}

}  // namespace

Tensor Tensor::index(const std::vector<TensorIndex>& items, SourceLocation loc) const& {
  using Kind = TensorIndex::Kind;
  LocScope scope(loc);
  int named = 0, ellipses = 0;
  for (const TensorIndex& item : items) {
    ellipses += item.kind == Kind::Ellipsis;
    named += dims_of(item);
  }
  LILITH_CHECK(named <= ndim() && ellipses <= 1,
               "index: {} items and {} Ellipsis for {}; need at most one item a dimension and one "
               "Ellipsis",
               named, ellipses, aval().str());
  Tensor x = *this;
  int d = 0;
  std::vector<int> dims;
  std::vector<Tensor> indices;
  for (const TensorIndex& item : items) {
    switch (item.kind) {
      case Kind::Integer: {
        const I n = x.shape()[d], i = from_end(item.integer, n);
        LILITH_CHECK(i >= 0 && i < n,
                     "index: index {} of dimension {} of {} is out of range; need {} <= index < {}",
                     item.integer, d, x.aval().str(), -n, n);
        Shape without_d = without(x.shape(), {d});
        x = make_reshape(part_of(x, d, i, i + 1), without_d);
        break;
      }
      case Kind::Slice:
        x = x.slice(d++, item.slice.start, item.slice.stop, item.slice.step);
        break;
      case Kind::None:
        x = lilith::unsqueeze(x, d++);
        break;
      case Kind::Ellipsis:
        d += ndim() - named;
        break;
      case Kind::Tensor:
        if (item.tensor.dtype() != DType::Bool) {
          dims.push_back(d++);
          indices.push_back(item.tensor);
          break;
        }
        for (const Tensor& places : places_of(item.tensor, x, d)) {
          dims.push_back(d++);
          indices.push_back(places);
        }
        break;
    }
  }
  return dims.empty() ? x : pick(x, dims, indices);
}

namespace {

// x where none of the ranges (one a dimension) reaches; elsewhere src, of the ranges' sizes, in its
// place, or added.
Tensor put_in_ranges(const Tensor& x, const std::vector<SliceRange>& ranges, const Tensor& src,
                     bool accumulate) {
  Ints lo(ranges.size(), 0), hi = lo, interior = lo;
  Tensor here;
  for (int d = 0; d < x.ndim(); ++d) {
    const auto k = static_cast<std::size_t>(d);
    const SliceRange& r = ranges[k];
    if (r.count() == 0) return x;
    if (r.count() == x.shape()[d]) continue;
    const I reach = (r.count() - 1) * r.step + 1;
    lo[k] = r.from;
    hi[k] = x.shape()[d] - r.from - reach;
    interior[k] = r.step - 1;
    const Tensor at = make_iota(x.shape(), d, DType::I64, x.device());
    Tensor in = logical_and(compare("ge", at, static_cast<double>(r.from)),
                            compare("lt", at, static_cast<double>(r.from + reach)));
    if (r.step > 1 && r.count() > 1) {
      const Tensor offset = shift(at, static_cast<double>(-r.from));
      in = logical_and(in, compare("eq", remainder(offset, r.step), 0));
    }
    here = here.defined() ? logical_and(here, in) : in;
  }
  const Tensor spread = here.defined() ? make_pad(src, lo, hi, interior, 0) : src;
  const Tensor value = accumulate ? add(x, spread) : spread;
  return here.defined() ? make_select(here, value, x) : value;
}

// x with x[items] = values, where no item is a tensor: the part is a range of each dimension.
Tensor put_in_part(const Tensor& x, const std::vector<TensorIndex>& items, const Arg& values,
                   bool accumulate) {
  using Kind = TensorIndex::Kind;
  const Shape part = x.index(items).shape();  // checks the items
  std::vector<SliceRange> ranges;
  int named = 0;
  for (const TensorIndex& item : items) named += dims_of(item);
  const auto whole = [&] {
    const I n = x.shape()[static_cast<int>(ranges.size())];
    ranges.emplace_back(0, n, 1, n);
  };
  for (const TensorIndex& item : items) {
    const I n = dims_of(item) == 0 ? 0 : x.shape()[static_cast<int>(ranges.size())];
    if (item.kind == Kind::Integer) {
      const I i = from_end(item.integer, n);
      ranges.emplace_back(i, i + 1, 1, n);
    } else if (item.kind == Kind::Slice) {
      ranges.emplace_back(item.slice.start, item.slice.stop, item.slice.step, n);
    } else if (item.kind == Kind::Ellipsis) {
      for (int d = named; d < x.ndim(); ++d) whole();
    }
  }
  while (std::ssize(ranges) < x.ndim()) whole();
  Tensor source = values.tensor(x.dtype());
  // As in PyTorch, leading dimensions of 1 are no obstacle.
  while (source.ndim() > part.rank() && source.shape()[0] == 1) source = lilith::squeeze(source, 0);
  source = make_cast(source, x.dtype()).to(x.device());
  Shape sizes = x.shape();
  for (int d = 0; d < x.ndim(); ++d) sizes[d] = ranges[static_cast<std::size_t>(d)].count();
  return put_in_ranges(x, ranges,
                       make_reshape(broadcast_into("index_put", "values", source, part), sizes),
                       accumulate);
}

}  // namespace

Tensor ops::put_at(const Arg& target, const std::vector<TensorIndex>& items, const Arg& values,
                   bool accumulate) {
  using Kind = TensorIndex::Kind;
  const Tensor x = target.tensor();
  std::vector<Tensor> indices;
  for (const TensorIndex& item : items)
    if (item.kind == Kind::Tensor && item.tensor.dtype() != DType::Bool)
      indices.push_back(item.tensor);
  if (!items.empty() && indices.size() == items.size())
    return lilith::index_put(x, indices, values, accumulate);
  const auto is_tensor = [](const TensorIndex& item) { return item.kind == Kind::Tensor; };
  if (std::ranges::none_of(items, is_tensor) && !(accumulate && x.dtype() == DType::Bool))
    return put_in_part(x, items, values, accumulate);
  const bool one_mask = items.size() == 1 && items[0].kind == Kind::Tensor;
  if (one_mask && !accumulate && (values.is_scalar() || values.tensor().numel() == 1)) {
    Tensor mask = items[0].tensor;
    check_mask(mask, x, 0);
    while (mask.ndim() < x.ndim()) mask = lilith::unsqueeze(mask, -1);
    const Tensor value = make_cast(make_reshape(values.tensor(x.dtype()), {}), x.dtype());
    return where(mask, value, x);
  }
  int named = 0, at = 0;
  for (const TensorIndex& item : items) named += dims_of(item);
  for (const TensorIndex& item : items) {
    if (is_tensor(item) && item.tensor.dtype() == DType::Bool) check_mask(item.tensor, x, at);
    at += item.kind == Kind::Ellipsis ? std::max(0, x.ndim() - named) : dims_of(item);
  }
  const Tensor places = arange(x.numel(), {.device = x.device()}).view(x.shape()).index(items);
  const Tensor source = make_cast(values.tensor(x.dtype()), x.dtype()).to(x.device());
  return put(x, places, lilith::expand(source, places.shape()), accumulate);
}

Tensor slice_update(const Arg& x, const Tensor& src, Dim dim, Int start, Int end, Int step) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(t.ndim() > 0, "slice_update: got a 0-d tensor; need at least 1 dimension");
  LILITH_CHECK(step >= 1, "slice_update: step is {}; need step >= 1", step);
  const int d = wrap_dim("slice_update", dim, t.ndim());
  const SliceRange r(start, end, step, t.shape()[d]);
  Shape expected = t.shape();
  expected[d] = r.count();
  LILITH_CHECK(src.shape() == expected,
               "slice_update: src is {}; need shape {} for [{}:{}:{}] of {}", src.aval().str(),
               expected.str(), r.from, r.to, r.step, t.aval().str());
  std::vector<SliceRange> ranges;
  for (const I n : t.shape()) ranges.emplace_back(0, n, 1, n);
  ranges[static_cast<std::size_t>(d)] = r;
  return put_in_ranges(t, ranges, make_cast(src, t.dtype()), false);
}

Tensor index_put(const Arg& x, const std::vector<Tensor>& indices, const Arg& values,
                 bool accumulate) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int n = static_cast<int>(indices.size());
  LILITH_CHECK(n >= 1 && n <= t.ndim(), "index_put: {} indices for {}; need 1 to {}", n,
               t.aval().str(), t.ndim());
  Ints sizes;
  for (int d = 0; d < n; ++d) sizes.push_back(t.shape()[d]);
  const Tensor at = flat_index("index_put", t, indices, sizes);
  Tensor pair[] = {t, values.tensor(t.dtype())};
  ir::bring_together("index_put", pair);
  const Tensor v = make_cast(pair[1], t.dtype());
  const Shape wanted = joined(at.shape(), tail(t.shape(), n));
  const Tensor stand_ins[] = {v, make_full(wanted, 0, t.dtype(), t.device())};
  LILITH_CHECK(broadcast_shapes("index_put", stand_ins) == wanted,
               "index_put: values are {}; need a shape that broadcasts to {}", v.aval().str(),
               wanted.str());
  if (wanted.numel() == 0) return t;
  const Tensor rows = as_rows(t, n), flat = make_reshape(at, {at.numel()});
  const I columns = rows.size(1);
  const Tensor src = make_reshape(broadcast_last(v, wanted), {at.numel(), columns});
  const Tensor spread = repeat_columns(flat, columns);
  if (accumulate) return make_reshape(make_scatter_add(rows, 0, spread, src), t.shape());
  const Tensor kept = last_of_equals(flat, rows.size(0));
  const Tensor put =
      make_scatter_add(full_as(rows, 0), 0, spread, masked(repeat_columns(kept, columns), src));
  const Tensor named = make_broadcast(rows_named(flat, rows.size(0)), rows.shape(), {0});
  return make_reshape(make_select(named, put, rows), t.shape());
}

}  // namespace lilith
