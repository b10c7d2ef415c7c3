#include <algorithm>

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/shape.h"
#include "ops/indices.h"
#include "ops/operand.h"
#include "ops/part_of.h"
#include "ops/primitives.h"

// Functions that take pieces of tensors or join them.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

int existing_dim(const char* op, const Tensor& x, int dim) {
  LILITH_CHECK(x.ndim() > 0, "{}: got {}; need at least 1 dimension", op, x.aval().str());
  return wrap_dim(op, dim, x.ndim());
}

std::vector<Tensor> cut(const Tensor& x, int dim, const std::vector<I>& sizes) {
  std::vector<Tensor> out;
  I start = 0;
  for (I size : sizes) {
    out.push_back(part_of(x, dim, start, start + size));
    start += size;
  }
  return out;
}

std::vector<Tensor> split_any(const Arg& x, const IntList& spec, int dim) {
  return spec.size() == 1 ? tensor_split(x, spec[0], dim) : tensor_split(x, spec.vec(), dim);
}

std::vector<Tensor> promoted(const std::vector<Tensor>& tensors) {
  DType dtype = tensors[0].dtype();
  for (const Tensor& t : tensors) dtype = promote_types(dtype, t.dtype());
  std::vector<Tensor> out;
  for (const Tensor& t : tensors) out.push_back(make_cast(t, dtype));
  return out;
}

void check_some(const char* op, const std::vector<Tensor>& tensors) {
  LILITH_CHECK(!tensors.empty(), "{}: no tensors; need at least one", op);
}

}  // namespace

Tensor slice(const Arg& x, Dim dim, Int start, Int end, Int step) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int d = existing_dim("slice", t, dim);
  LILITH_CHECK(step >= 1, "slice: step {}; need step >= 1 (flip reverses)", step);
  const SliceRange r(start, end, step, t.shape()[d]);
  return part_of(t, d, r.from, r.to, r.step);
}
Tensor narrow(const Arg& x, Dim dim, Int start, Int length) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int d = existing_dim("narrow", t, dim);
  const I n = t.shape()[d], a = from_end(start, n);
  LILITH_CHECK(
      a >= 0 && length >= 0 && a + length <= n,
      "narrow: {} indices from {} of dimension {} of {}; need 0 <= start and start + length <= {}",
      length, start, d, t.aval().str(), n);
  return part_of(t, d, a, a + length);
}
Tensor select(const Arg& x, Dim dim, Int index) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int d = existing_dim("select", t, dim);
  const I n = t.shape()[d], i = from_end(index, n);
  LILITH_CHECK(i >= 0 && i < n, "select: index {} of dimension {} of {}; need {} <= index < {}",
               index, d, t.aval().str(), -n, n);
  return make_reshape(part_of(t, d, i, i + 1), without(t.shape(), {d}));
}
std::vector<Tensor> unbind(const Arg& x, Dim dim) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int d = existing_dim("unbind", t, dim);
  std::vector<Tensor> out;
  for (I i = 0; i < t.shape()[d]; ++i) out.push_back(select(t, d, i));
  return out;
}
std::vector<Tensor> split(const Arg& x, Int split_size, Dim dim) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int d = existing_dim("split", t, dim);
  const I n = t.shape()[d];
  LILITH_CHECK(split_size > 0 || (split_size == 0 && n == 0),
               "split: pieces of {}; need at least 1", split_size);
  std::vector<I> sizes;
  for (I left = n; left > 0; left -= split_size) sizes.push_back(std::min<I>(left, split_size));
  if (sizes.empty()) sizes.push_back(0);
  return cut(t, d, sizes);
}
std::vector<Tensor> split(const Arg& x, const std::vector<I>& sizes, Dim dim) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int d = existing_dim("split", t, dim);
  I sum = 0;
  for (I size : sizes) {
    LILITH_CHECK(size >= 0, "split: a piece of {}; need sizes >= 0", size);
    sum += size;
  }
  LILITH_CHECK(sum == t.shape()[d], "split: the pieces of dimension {} of {} add up to {}; need {}",
               d, t.aval().str(), sum, t.shape()[d]);
  return cut(t, d, sizes);
}
std::vector<Tensor> split_with_sizes(const Arg& x, const std::vector<I>& sizes, Dim dim) {
  return split(x, sizes, dim);
}
std::vector<Tensor> chunk(const Arg& x, Int chunks, Dim dim) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int d = existing_dim("chunk", t, dim);
  LILITH_CHECK(chunks > 0, "chunk: {} chunks; need at least 1", chunks);
  const I n = t.shape()[d];
  if (n == 0) return cut(t, d, std::vector<I>(static_cast<std::size_t>(chunks), 0));
  return split(t, (n + chunks - 1) / chunks, d);
}
std::vector<Tensor> tensor_split(const Arg& x, Int sections, Dim dim) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int d = existing_dim("tensor_split", t, dim);
  LILITH_CHECK(sections > 0, "tensor_split: {} sections; need at least 1", sections);
  const I n = t.shape()[d];
  std::vector<I> sizes;
  for (I i = 0; i < sections; ++i) sizes.push_back(n / sections + (i < n % sections));
  return cut(t, d, sizes);
}
std::vector<Tensor> tensor_split(const Arg& x, const std::vector<I>& indices, Dim dim) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int d = existing_dim("tensor_split", t, dim);
  std::vector<Tensor> out;
  I start = 0;
  for (I end : indices) {
    out.push_back(slice(t, d, start, end));
    start = end;
  }
  out.push_back(slice(t, d, start));
  return out;
}
std::vector<Tensor> tensor_split(const Arg& x, std::initializer_list<Int> indices, Dim dim) {
  return tensor_split(x, std::vector<I>(indices.begin(), indices.end()), dim);
}
std::vector<Tensor> hsplit(const Arg& x, const IntList& spec) {
  return split_any(x, spec, x.tensor().ndim() == 1 ? 0 : 1);
}
std::vector<Tensor> vsplit(const Arg& x, const IntList& spec) { return split_any(x, spec, 0); }
std::vector<Tensor> dsplit(const Arg& x, const IntList& spec) { return split_any(x, spec, 2); }

Tensor cat(const std::vector<Tensor>& tensors, Dim dim, SourceLocation loc) {
  LocScope scope(loc);
  check_some("cat", tensors);
  // PyTorch skips empty 1-d tensors whatever the shape of the others.
  std::vector<Tensor> parts;
  for (const Tensor& t : promoted(tensors)) {
    LILITH_CHECK(t.ndim() > 0, "cat: got a 0-d tensor; need at least 1 dimension (use stack)");
    if (!(t.ndim() == 1 && t.numel() == 0)) parts.push_back(t);
  }
  if (parts.empty()) return tensors[0];
  const int d = wrap_dim("cat", dim, parts[0].ndim());
  for (const Tensor& t : parts) {
    Shape expected = parts[0].shape();
    if (t.ndim() == expected.rank()) expected[d] = t.shape()[d];
    LILITH_CHECK(t.shape() == expected,
                 "cat: {} and {} do not fit along dimension {}; need equal sizes elsewhere",
                 parts[0].aval().str(), t.aval().str(), d);
  }
  return joined(parts, d);
}
Tensor stack(const std::vector<Tensor>& tensors, Dim dim, SourceLocation loc) {
  LocScope scope(loc);
  check_some("stack", tensors);
  std::vector<Tensor> parts;
  const int d = wrap_dim("stack", dim, tensors[0].ndim() + 1);
  for (const Tensor& t : promoted(tensors)) {
    LILITH_CHECK(t.shape() == tensors[0].shape(), "stack: {} and {}; need equal shapes",
                 tensors[0].aval().str(), t.aval().str());
    parts.push_back(unsqueeze(t, d));
  }
  return joined(parts, d);
}
Tensor hstack(const std::vector<Tensor>& tensors, SourceLocation loc) {
  LocScope scope(loc);
  check_some("hstack", tensors);
  std::vector<Tensor> parts;
  for (const Tensor& t : tensors) parts.push_back(atleast_1d(t));
  return cat(parts, parts[0].ndim() == 1 ? 0 : 1);
}
Tensor vstack(const std::vector<Tensor>& tensors, SourceLocation loc) {
  LocScope scope(loc);
  check_some("vstack", tensors);
  std::vector<Tensor> parts;
  for (const Tensor& t : tensors) parts.push_back(atleast_2d(t));
  return cat(parts, 0);
}
Tensor dstack(const std::vector<Tensor>& tensors, SourceLocation loc) {
  LocScope scope(loc);
  check_some("dstack", tensors);
  std::vector<Tensor> parts;
  for (const Tensor& t : tensors) parts.push_back(atleast_3d(t));
  return cat(parts, 2);
}
Tensor column_stack(const std::vector<Tensor>& tensors, SourceLocation loc) {
  LocScope scope(loc);
  check_some("column_stack", tensors);
  std::vector<Tensor> parts;
  for (const Tensor& t : tensors)
    parts.push_back(t.ndim() <= 1 ? make_reshape(t, {t.numel(), 1}) : t);
  return cat(parts, 1);
}
Tensor block_diag(const std::vector<Tensor>& tensors, SourceLocation loc) {
  LocScope scope(loc);
  check_some("block_diag", tensors);
  std::vector<Tensor> matrices;
  I columns = 0;
  for (const Tensor& t : promoted(tensors)) {
    LILITH_CHECK(t.ndim() <= 2, "block_diag: got {}; need at most 2 dimensions", t.aval().str());
    matrices.push_back(atleast_2d(t));
    columns += matrices.back().shape()[1];
  }
  std::vector<Tensor> rows;
  I before = 0;
  for (const Tensor& m : matrices) {
    const I width = m.shape()[1];
    rows.push_back(pad_dim(m, 1, before, columns - before - width));
    before += width;
  }
  return make_concat(rows, 0);
}

Tensor repeat(const Arg& x, const IntList& repeats) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int rank = static_cast<int>(repeats.size()), added = rank - t.ndim();
  LILITH_CHECK(added >= 0, "repeat: {} repeats for {}; need at least {}", rank, t.aval().str(),
               t.ndim());
  // [r0, s0, r1, s1, …]: each repeat before its size, joined afterwards.
  Shape wide, joined;
  Ints dims;
  for (int d = 0; d < rank; ++d) {
    const I r = repeats[static_cast<std::size_t>(d)], s = d < added ? 1 : t.shape()[d - added];
    LILITH_CHECK(r >= 0, "repeat: {} repeats of dimension {}; need >= 0", r, d);
    if (r != 1) wide.push_back(r);
    if (d >= added) {
      dims.push_back(wide.rank());
      wide.push_back(s);
    }
  }
  const Tensor spread = make_broadcast(t, wide, dims);  // whose size is checked
  for (int d = 0; d < rank; ++d)
    joined.push_back(repeats[static_cast<std::size_t>(d)] * (d < added ? 1 : t.shape()[d - added]));
  return make_reshape(spread, joined);
}
Tensor tile(const Arg& x, const IntList& repeats) {
  LocScope scope(x.loc());
  Ints all = repeats.vec();
  while (static_cast<int>(all.size()) < x.tensor().ndim()) all.insert(all.begin(), 1);
  return repeat(x, all);
}
Tensor repeat_interleave(const Arg& x, Int repeats, std::optional<Dim> dim) {
  LocScope scope(x.loc());
  const Tensor t = dim ? x.tensor() : ravel(x);
  LILITH_CHECK(repeats >= 0, "repeat_interleave: {} repeats; need >= 0", repeats);
  const int d = existing_dim("repeat_interleave", t, dim.value_or(0));
  Shape wide = t.shape(), joined = t.shape();
  wide.insert(d + 1, repeats);
  const Tensor spread = make_broadcast(t, wide, other_dims(wide.rank(), Ints{d + 1}));
  joined[d] *= repeats;
  return make_reshape(spread, joined);
}
Tensor repeat_interleave(const Arg& x, const Tensor& repeats, std::optional<Dim> dim) {
  LocScope scope(x.loc());
  const Tensor t = dim ? x.tensor() : ravel(x);
  const int d = existing_dim("repeat_interleave", t, dim.value_or(0));
  LILITH_CHECK(
      is_integral(repeats.dtype()) && repeats.dtype() != DType::Bool && repeats.ndim() <= 1,
      "repeat_interleave: repeats is {}; need integers of at most 1 dimension",
      repeats.aval().str());
  LILITH_CHECK(repeats.numel() == 1 || repeats.numel() == t.shape()[d],
               "repeat_interleave: repeats {} for dimension {} of {}; need 1 or {}",
               repeats.aval().str(), d, t.aval().str(), t.shape()[d]);
  // The shape depends on the values, so they are asked for.
  const auto counts = repeats.to(DType::I64).to_vector<I>();
  if (counts.size() == 1) return repeat_interleave(t, counts[0], d);
  std::vector<I> index;
  for (I i = 0; i < t.shape()[d]; ++i) {
    const I n = counts[static_cast<std::size_t>(i)];
    LILITH_CHECK(n >= 0, "repeat_interleave: {} repeats; need >= 0", n);
    index.insert(index.end(), static_cast<std::size_t>(n), i);
  }
  const Shape count{static_cast<I>(index.size())};
  return index_select(t, d, detail::copy_from(index.data(), count, DType::I64, t.device(), {}));
}
std::vector<Tensor> meshgrid(const std::vector<Tensor>& tensors, bool xy_indexing,
                             SourceLocation loc) {
  LocScope scope(loc);
  check_some("meshgrid", tensors);
  const int n = static_cast<int>(tensors.size());
  Shape shape;
  for (const Tensor& t : tensors) {
    LILITH_CHECK(t.ndim() <= 1, "meshgrid: got {}; need at most 1 dimension", t.aval().str());
    shape.push_back(t.numel());
  }
  std::vector<Tensor> out;
  for (int i = 0; i < n; ++i) {
    const Tensor grid = make_broadcast(ravel(tensors[static_cast<std::size_t>(i)]), shape, {i});
    out.push_back(xy_indexing && n > 1 ? transpose(grid, 0, 1) : grid);
  }
  return out;
}

std::vector<Tensor> meshgrid(const std::vector<Tensor>& tensors, const char* indexing,
                             SourceLocation loc) {
  LocScope scope(loc);
  const std::string_view word = indexing;
  LILITH_CHECK(word == "ij" || word == "xy", "meshgrid: indexing is '{}'; need \"ij\" or \"xy\"",
               word);
  return meshgrid(tensors, word == "xy");
}

Tensor cartesian_prod(const std::vector<Tensor>& tensors, SourceLocation loc) {
  LocScope scope(loc);
  check_some("cartesian_prod", tensors);
  for (const Tensor& t : tensors)
    LILITH_CHECK(t.ndim() == 1, "cartesian_prod: got {}; need one dimension", t.aval().str());
  if (tensors.size() == 1) return tensors[0];
  std::vector<Tensor> columns = meshgrid(tensors);
  for (Tensor& c : columns) c = ravel(c);
  return stack(columns, 1);
}

Shape broadcast_shapes(const std::vector<Shape>& shapes, SourceLocation loc) {
  LocScope scope(loc);
  std::vector<Tensor> stand_ins;
  for (const Shape& s : shapes) stand_ins.push_back(make_full(s, 0, DType::Bool, {}));
  return shapes.empty() ? Shape() : ops::broadcast_shapes("broadcast_shapes", stand_ins);
}

Tensor unfold(const Arg& x, Dim dim, Int size, Int step) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int d = wrap_dim("unfold", dim, t.ndim());
  const I n = t.ndim() == 0 ? 1 : t.shape()[d];
  LILITH_CHECK(size >= 0 && size <= n && step > 0,
               "unfold: windows of {} in steps of {} in {}; need 0 <= size <= {} and a step > 0",
               size, step, t.aval().str(), n);
  if (t.ndim() == 0) return size == 1 ? make_reshape(t, {1}) : slice(make_reshape(t, {1}), 0, 0, 0);
  const I windows = (n - size) / step + 1;
  Shape shape = t.shape();
  shape[d] = windows;
  if (size == 0) {
    shape.push_back(0);
    return make_full(shape, 0, t.dtype(), t.device());
  }
  std::vector<Tensor> columns;
  for (I k = 0; k < size; ++k) {
    columns.push_back(unsqueeze(slice_dim(t, d, k, k + (windows - 1) * step + 1, step), -1));
  }
  return make_concat(columns, t.ndim());
}

}  // namespace lilith
