#include <algorithm>
#include <numeric>

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "lilith/ops/sorting.h"
#include "ops/asked_values.h"
#include "ops/autocast.h"
#include "ops/operand.h"
#include "ops/primitives.h"
#include "ops/sort.h"

// Values each once, combinations of elements, distances of rows.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

Tensor whole_numbers(const std::vector<I>& values, Device device) {
  return detail::copy_from(values.data(), {static_cast<I>(values.size())}, DType::I64, device, {});
}

/// Runs of equal slices of x (along dimension 0): `begins` [n] says where one begins. order [n] are
/// the slices' places before they were sorted, if they were.
UniqueResult of_runs(const char* op, const Tensor& x, const Tensor& begins, const Tensor& order,
                     bool inverse, bool counts) {
  const I n = x.shape()[0];
  std::vector<I> first;
  const std::vector<bool> is_first = asked_values<bool>(op, begins);
  for (I i = 0; i < n; ++i)
    if (is_first[static_cast<std::size_t>(i)]) first.push_back(i);
  UniqueResult out;
  const Tensor at = whole_numbers(first, x.device());
  out.values = at.numel() == 0 ? x : index_select(x, 0, at);
  if (counts) {
    std::vector<I> length(first.size());
    std::adjacent_difference(first.begin(), first.end(), length.begin());
    if (!length.empty()) {
      std::rotate(length.begin(), length.begin() + 1, length.end());
      length.back() = n - first.back();
    }
    out.counts = whole_numbers(length, x.device());
  }
  if (inverse) {
    std::vector<I> run(static_cast<std::size_t>(n));
    I k = -1;
    for (I i = 0; i < n; ++i)
      run[static_cast<std::size_t>(i)] = is_first[static_cast<std::size_t>(i)] ? ++k : k;
    const Tensor of_sorted = whole_numbers(run, x.device());
    out.inverse = order.defined() && n > 0
                      ? make_scatter("scatter", full_as(of_sorted, 0), 0, order, of_sorted)
                      : of_sorted;
  }
  return out;
}

// Where a slice differs from the one before it, NaN from all.
Tensor begins_of(const Tensor& x) {
  const I n = x.shape()[0];
  const Tensor first = make_full({std::min<I>(n, 1)}, 1, DType::Bool, x.device());
  if (n <= 1) return first;
  Tensor differs = ne(slice_dim(x, 0, 1, n), slice_dim(x, 0, 0, n - 1));
  Ints rest;
  for (int d = 1; d < x.ndim(); ++d) rest.push_back(d);
  if (!rest.empty()) differs = any(differs, IntList(rest));
  return make_concat({first, differs}, 0);
}

// The order of slices by their elements, compared one after another; on the host, which is asked
// for their number anyway.
Tensor order_of_slices(const char* op, const Tensor& x) {
  const I n = x.shape()[0], m = n == 0 ? 0 : x.numel() / n;
  std::vector<I> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), I{0});
  const auto sort_by = [&](const auto& values) {
    std::stable_sort(order.begin(), order.end(), [&](I a, I b) {
      const auto first = values.begin() + a * m, second = values.begin() + b * m;
      return std::lexicographical_compare(first, first + m, second, second + m);
    });
  };
  if (is_floating(x.dtype()))
    sort_by(asked_values<double>(op, make_cast(x, DType::F64)));
  else
    sort_by(asked_values<I>(op, make_cast(x, DType::I64)));
  return whole_numbers(order, x.device());
}

// Slices of the dimension in front, one after another; the result's go back.
Tensor in_front(const Tensor& x, int d) { return movedim(x, d, 0); }

UniqueResult back(UniqueResult r, int d, const Shape& inverse_shape) {
  r.values = movedim(r.values, 0, d);
  if (r.inverse.defined()) r.inverse = make_reshape(r.inverse, inverse_shape);
  return r;
}

}  // namespace

UniqueResult unique(const Arg& x, const UniqueOptions& o) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const bool inverse = o.return_inverse, counts = o.return_counts;
  if (!o.dim) {
    const I n = t.numel();
    const Tensor flat = make_reshape(t, {n});
    const Tensor order = make_argsort(stop_gradient(flat), 0, n, false);
    const Tensor sorted = n == 0 ? flat : make_gather(flat, 0, order);
    return back(of_runs("unique", sorted, begins_of(sorted), order, inverse, counts), 0, t.shape());
  }
  const int d = wrap_dim("unique", *o.dim, t.ndim());
  LILITH_CHECK(t.ndim() > 0, "unique: got a 0-d tensor and a dim; need at least 1 dimension");
  const Tensor front = in_front(t, d);
  const Tensor order = order_of_slices("unique", front);
  const Tensor sorted = t.numel() == 0 ? front : index_select(front, 0, order);
  return back(of_runs("unique", sorted, begins_of(sorted), order, inverse, counts), d,
              {front.shape()[0]});
}

Tensor unique(const Arg& x) {
  LocScope scope(x.loc());
  return unique(x, UniqueOptions{}).values;
}

UniqueResult unique_consecutive(const Arg& x, const UniqueConsecutiveOptions& o) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const bool inverse = o.return_inverse, counts = o.return_counts;
  if (!o.dim) {
    const Tensor flat = make_reshape(t, {t.numel()});
    return back(of_runs("unique_consecutive", flat, begins_of(flat), {}, inverse, counts), 0,
                t.shape());
  }
  const int d = wrap_dim("unique_consecutive", *o.dim, t.ndim());
  LILITH_CHECK(t.ndim() > 0,
               "unique_consecutive: got a 0-d tensor and a dim; need at least 1 dimension");
  const Tensor front = in_front(t, d);
  return back(of_runs("unique_consecutive", front, begins_of(front), {}, inverse, counts), d,
              {front.shape()[0]});
}

Tensor unique_consecutive(const Arg& x) {
  LocScope scope(x.loc());
  return unique_consecutive(x, UniqueConsecutiveOptions{}).values;
}

Tensor combinations(const Arg& x, Int r, bool with_replacement) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(t.ndim() == 1 && r >= 0, "combinations: x is {}, r {}; need 1 dimension and r >= 0",
               t.aval().str(), r);
  const I n = t.numel();
  if (r == 0) return make_full({0}, 0, t.dtype(), t.device());
  std::vector<I> rows, at(static_cast<std::size_t>(r));
  const auto least = [&](std::size_t k) { return with_replacement ? at[k - 1] : at[k - 1] + 1; };
  for (std::size_t k = 1; k < at.size(); ++k) at[k] = least(k);
  // The last position that can still go on does, and those behind it begin again.
  while (n > 0 && at.back() < n) {
    rows.insert(rows.end(), at.begin(), at.end());
    std::size_t k = at.size();
    const auto limit = [&](std::size_t p) {
      return with_replacement ? n - 1 : n - static_cast<I>(at.size() - p);
    };
    while (k > 1 && at[k - 1] >= limit(k - 1)) --k;
    ++at[k - 1];
    for (; k < at.size(); ++k) at[k] = least(k);
  }
  const Shape shape{static_cast<I>(rows.size()) / r, r};
  if (rows.empty()) return make_full(shape, 0, t.dtype(), t.device());
  return make_reshape(make_gather(t, 0, whole_numbers(rows, t.device())), shape);
}

Tensor cdist(const Arg& a, const Arg& b, Real p) {
  LocScope scope(a.loc());
  const Tensor x = lifted(a.tensor()), y = lifted(b.tensor());
  LILITH_CHECK(is_floating(x.dtype()) && x.dtype() == y.dtype() && x.ndim() >= 2 && y.ndim() >= 2 &&
                   x.size(-1) == y.size(-1),
               "cdist: a {}, b {}; need floating [..., P, M] and [..., R, M] of one dtype",
               x.aval().str(), y.aval().str());
  LILITH_CHECK(p >= 0, "cdist: p is {}; need p >= 0", double{p});
  return norm(sub(unsqueeze(x, -2), unsqueeze(y, -3)), p, {-1});
}

Tensor pdist(const Arg& x, Real p) {
  LocScope scope(x.loc());
  const Tensor t = lifted(x.tensor());
  LILITH_CHECK(is_floating(t.dtype()) && t.ndim() == 2, "pdist: x is {}; need floating [n, m]",
               t.aval().str());
  LILITH_CHECK(p >= 0, "pdist: p is {}; need p >= 0", double{p});
  std::vector<I> first, second;
  for (I i = 0; i < t.shape()[0]; ++i) {
    for (I j = i + 1; j < t.shape()[0]; ++j) {
      first.push_back(i);
      second.push_back(j);
    }
  }
  if (first.empty()) return make_full({0}, 0, t.dtype(), t.device());
  return norm(sub(index_select(t, 0, whole_numbers(first, t.device())),
                  index_select(t, 0, whole_numbers(second, t.device()))),
              p, {-1});
}

}  // namespace lilith
