#include <algorithm>

#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Functions that rearrange: reshape, dimensions, broadcasting, order.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

Shape infer_minus_one(std::string_view op, Shape shape, const Tensor& x, I numel) {
  int unknown = -1;
  I known = 1;
  for (int d = 0; d < shape.rank(); ++d) {
    if (shape[d] == -1) {
      LILITH_CHECK(unknown < 0, "{}: shape {} has two sizes -1; need at most one", op, shape.str());
      unknown = d;
    } else {
      LILITH_CHECK(shape[d] >= 0, "{}: shape {} has a negative size", op, shape.str());
      known *= shape[d];
    }
  }
  if (unknown >= 0) {
    LILITH_CHECK(known > 0 && numel % known == 0,
                 "{}: {} does not fit {}: {} elements are no multiple of {}", op, x.aval().str(),
                 shape.str(), numel, known);
    shape[unknown] = numel / known;
  } else {
    LILITH_CHECK(known == numel, "{}: {} does not fit {}; need as many elements ({} vs {})", op,
                 x.aval().str(), shape.str(), numel, known);
  }
  return shape;
}

Ints swapped(int rank, int a, int b) {
  Ints perm = range(rank);
  if (rank > 0) std::swap(perm[static_cast<std::size_t>(a)], perm[static_cast<std::size_t>(b)]);
  return perm;
}

}  // namespace

Tensor reshape(const Arg& x, const Shape& shape) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  return make_reshape(t, infer_minus_one("reshape", shape, t, t.numel()));
}
Tensor view(const Arg& x, const Shape& shape) {
  LocScope scope(x.loc());
  return reshape(x, shape);
}
Tensor reshape_as(const Arg& x, const Tensor& other) {
  LocScope scope(x.loc());
  return reshape(x, other.shape());
}
Tensor view_as(const Arg& x, const Tensor& other) {
  LocScope scope(x.loc());
  return reshape(x, other.shape());
}
Tensor ravel(const Arg& x) {
  LocScope scope(x.loc());
  return reshape(x, {-1});
}

Tensor flatten(const Arg& x, Dim start_dim, Dim end_dim) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int a = wrap_dim("flatten", start_dim, t.ndim()),
            b = wrap_dim("flatten", end_dim, t.ndim());
  LILITH_CHECK(a <= b, "flatten: start_dim {} comes after end_dim {}", start_dim, end_dim);
  if (t.ndim() == 0) return make_reshape(t, {1});
  Shape out;
  I joined = 1;
  for (int d = 0; d < t.ndim(); ++d) {
    if (d < a || d > b)
      out.push_back(t.shape()[d]);
    else
      joined *= t.shape()[d];
    if (d == b) out.push_back(joined);
  }
  return make_reshape(t, out);
}

Tensor unflatten(const Arg& x, Dim dim, const Shape& sizes) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int d = wrap_dim("unflatten", dim, t.ndim());
  const Shape inner = infer_minus_one("unflatten", sizes, t, t.shape()[d]);
  Shape out;
  for (int i = 0; i < t.ndim(); ++i) {
    if (i != d)
      out.push_back(t.shape()[i]);
    else
      for (I size : inner) out.push_back(size);
  }
  return make_reshape(t, out);
}

Tensor squeeze(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  Shape out;
  for (I size : t.shape()) {
    if (size != 1) out.push_back(size);
  }
  return make_reshape(t, out);
}
Tensor squeeze(const Arg& x, const IntList& dim) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  std::vector<bool> leaves(static_cast<std::size_t>(t.ndim()), false);
  for (const I d : dim) {
    const int at = wrap_dim("squeeze", d, t.ndim());
    if (t.ndim() > 0) leaves[static_cast<std::size_t>(at)] = t.shape()[at] == 1;
  }
  Shape out;
  for (int d = 0; d < t.ndim(); ++d)
    if (!leaves[static_cast<std::size_t>(d)]) out.push_back(t.shape()[d]);
  return make_reshape(t, out);
}
Tensor unsqueeze(const Arg& x, Dim dim) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  Shape out = t.shape();
  out.insert(wrap_dim("unsqueeze", dim, t.ndim() + 1), 1);
  return make_reshape(t, out);
}

Tensor atleast_1d(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  return t.ndim() >= 1 ? t : make_reshape(t, {1});
}
Tensor atleast_2d(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = atleast_1d(x);
  return t.ndim() >= 2 ? t : unsqueeze(t, 0);
}
Tensor atleast_3d(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = atleast_2d(x);
  return t.ndim() >= 3 ? t : unsqueeze(t, -1);
}

Tensor expand(const Arg& x, const Shape& shape) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(shape.rank() >= t.ndim(), "expand: {} to {}; need at least as many dimensions",
               t.aval().str(), shape.str());
  Shape out = shape;
  const int added = shape.rank() - t.ndim();
  for (int d = 0; d < out.rank(); ++d) {
    if (out[d] == -1 && d >= added) out[d] = t.shape()[d - added];
    LILITH_CHECK(out[d] >= 0, "expand: size {} of dimension {}; -1 keeps a size that x has", out[d],
                 d);
    LILITH_CHECK(d < added || t.shape()[d - added] == 1 || t.shape()[d - added] == out[d],
                 "expand: {} to {}: size {} does not repeat to {}; need 1 or {}", t.aval().str(),
                 shape.str(), t.shape()[d - added], out[d], out[d]);
  }
  return broadcast_last(t, out);
}
Tensor expand_as(const Arg& x, const Tensor& other) {
  LocScope scope(x.loc());
  return expand(x, other.shape());
}
Tensor broadcast_to(const Arg& x, const Shape& shape) {
  LocScope scope(x.loc());
  return expand(x, shape);
}

std::vector<Tensor> broadcast_tensors(const std::vector<Tensor>& tensors, SourceLocation loc) {
  LocScope scope(loc);
  return broadcast_all("broadcast_tensors", tensors);
}

Tensor sum_to_size(const Arg& x, const Shape& shape) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int extra = t.ndim() - shape.rank();
  LILITH_CHECK(extra >= 0, "sum_to_size: {} to {}; need no more dimensions", t.aval().str(),
               shape.str());
  Ints axes = range(extra);
  for (int d = 0; d < shape.rank(); ++d) {
    const I from = t.shape()[d + extra];
    LILITH_CHECK(shape[d] == from || shape[d] == 1,
                 "sum_to_size: {} to {}; need sizes that are equal or 1", t.aval().str(),
                 shape.str());
    if (shape[d] != from) axes.push_back(d + extra);
  }
  if (axes.empty()) return make_reshape(t, shape);
  return make_reshape(sum(t, axes), shape);
}

Tensor transpose(const Arg& x, Dim dim0, Dim dim1) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const int a = wrap_dim("transpose", dim0, t.ndim()), b = wrap_dim("transpose", dim1, t.ndim());
  return make_transpose(t, swapped(t.ndim(), a, b));
}
Tensor swapaxes(const Arg& x, Dim dim0, Dim dim1) {
  LocScope scope(x.loc());
  return transpose(x, dim0, dim1);
}
Tensor t(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor matrix = x.tensor();
  LILITH_CHECK(matrix.ndim() <= 2, "t: got {}; need at most 2 dimensions (use transpose)",
               matrix.aval().str());
  return matrix.ndim() < 2 ? matrix : make_transpose(matrix, {1, 0});
}
Tensor permute(const Arg& x, const IntList& dims) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(static_cast<int>(dims.size()) == t.ndim(), "permute: {} dimensions for {}; need {}",
               dims.size(), t.aval().str(), t.ndim());
  return make_transpose(t, wrap_dims("permute", dims, t.ndim()));
}
Tensor movedim(const Arg& x, const IntList& source, const IntList& destination) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(source.size() == destination.size(),
               "movedim: {} sources and {} destinations; need as many", source.size(),
               destination.size());
  if (t.ndim() == 0 || source.empty()) return t;
  const Ints from = wrap_dims("movedim", source, t.ndim()),
             to = wrap_dims("movedim", destination, t.ndim());
  Ints perm(t.shape().size(), -1);
  for (std::size_t i = 0; i < from.size(); ++i) perm[static_cast<std::size_t>(to[i])] = from[i];
  const Ints rest = other_dims(t.ndim(), from);
  auto next = rest.begin();
  for (I& p : perm) {
    if (p < 0) p = *next++;
  }
  return make_transpose(t, perm);
}

Tensor flip(const Arg& x, const IntList& dims) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  if (dims.empty()) return t;
  Ints wrapped = wrap_dims("flip", dims, t.ndim());
  std::sort(wrapped.begin(), wrapped.end());
  return make_reverse(t, wrapped);
}
Tensor fliplr(const Arg& x) {
  LocScope scope(x.loc());
  LILITH_CHECK(x.tensor().ndim() >= 2, "fliplr: got {}; need at least 2 dimensions", describe(x));
  return flip(x, 1);
}
Tensor flipud(const Arg& x) {
  LocScope scope(x.loc());
  LILITH_CHECK(x.tensor().ndim() >= 1, "flipud: got {}; need at least 1 dimension", describe(x));
  return flip(x, 0);
}

Tensor roll(const Arg& x, const IntList& shifts, const IntList& dims) {
  LocScope scope(x.loc());
  Tensor t = x.tensor();
  if (dims.empty()) {
    LILITH_CHECK(shifts.size() == 1, "roll: {} shifts and no dims; need one shift", shifts.size());
    return make_reshape(roll(make_reshape(t, {t.numel()}), shifts, 0), t.shape());
  }
  LILITH_CHECK(shifts.size() == dims.size(), "roll: {} shifts and {} dims; need as many",
               shifts.size(), dims.size());
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const int d = wrap_dim("roll", dims[i], t.ndim());
    const I n = t.ndim() == 0 ? 1 : t.shape()[d];
    if (n < 2) continue;
    const I shift = ((shifts[i] % n) + n) % n;
    if (shift != 0)
      t = make_concat({slice_dim(t, d, n - shift, n), slice_dim(t, d, 0, n - shift)}, d);
  }
  return t;
}

Tensor rot90(const Arg& x, Int k, const IntList& dims) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(dims.size() == 2, "rot90: {} dims; need 2", dims.size());
  const Ints d = wrap_dims("rot90", dims, t.ndim());
  const int a = static_cast<int>(d[0]), b = static_cast<int>(d[1]);
  switch (((k % 4) + 4) % 4) {
    case 1:
      return transpose(flip(t, b), a, b);
    case 2:
      return flip(t, {a, b});
    case 3:
      return flip(transpose(t, a, b), b);
    default:
      return t;
  }
}

}  // namespace lilith
