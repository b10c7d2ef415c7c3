#include "schedule/rewrite/rewrites.h"

#include <numeric>
#include <optional>
#include <string_view>

#include "ir/node.h"
#include "ops/window.h"

namespace lilith::schedule {
namespace {

using namespace ops;
using I = std::int64_t;

constexpr I kWrittenOut = 16;  // elements of a window that an expression reads one by one

int last_windowed(const Window& w) {
  int d = static_cast<int>(w.size.size()) - 1;
  while (d >= 0 && w.size[static_cast<std::size_t>(d)] == 1) --d;
  return d;
}

// The window of dimension d alone, and the rest of it.
Window along(const Window& w, std::size_t d) {
  const std::size_t n = w.size.size();
  Window one{Ints(n, 1), Ints(n, 1), Ints(n, 0), Ints(n, 0), Ints(n, 1)};
  one.size[d] = w.size[d];
  one.stride[d] = w.stride[d];
  one.lo[d] = w.lo[d];
  one.hi[d] = w.hi[d];
  one.dilation[d] = w.dilation[d];
  return one;
}
Window without_dim(Window w, std::size_t d) {
  w.size[d] = w.stride[d] = w.dilation[d] = 1;
  w.lo[d] = w.hi[d] = 0;
  return w;
}

// Windows that tile a part of the input: each element of it is in one window.
bool side_by_side(const Window& w, const Shape& in) {
  for (std::size_t d = 0; d < w.size.size(); ++d) {
    const I n = in[static_cast<int>(d)], count = w.count(d, n);
    if (w.dilation[d] != 1 && w.size[d] > 1) return false;
    if (w.stride[d] != w.size[d] && count > 1) return false;
    if (w.lo[d] > 0 || count * w.size[d] - w.lo[d] > n) return false;
  }
  return true;
}

// [… n …] -> [… windows, elements …], the elements' dimensions of all windows last.
Tensor by_reshape(std::string_view op, const Tensor& x, const Window& w) {
  Ints start, limit, perm, inside;
  Shape split, out;
  for (std::size_t d = 0; d < w.size.size(); ++d) {
    const I count = w.count(d, x.shape()[static_cast<int>(d)]);
    start.push_back(-w.lo[d]);
    limit.push_back(start.back() + count * w.size[d]);
    out.push_back(count);
    perm.push_back(split.rank());
    split.push_back(count);
    if (w.size[d] == 1) continue;
    inside.push_back(split.rank());
    split.push_back(w.size[d]);
  }
  const Tensor cut = make_slice(x, start, limit, Ints(w.size.size(), 1));
  const Tensor parts = make_reshape(cut, split);
  if (op == "window_argmax") {  // over one axis: the elements in the order of their offsets
    perm.insert(perm.end(), inside.begin(), inside.end());
    Shape rows = out;
    rows.push_back(w.volume());
    return make_reduce("argmax", make_reshape(make_transpose(parts, perm), rows), {out.rank()});
  }
  const Tensor r =
      make_reduce(op == "reduce_window_max" ? "reduce_max" : "reduce_sum", parts, inside);
  return make_reshape(r, out);
}

// The first of two levels, and the second, that reads what the first made.
struct Levels {
  Window first, second;
};

// A window of a * b elements is b windows of a elements, a apart.
std::optional<Levels> two_levels(const Window& w, std::size_t d, const Shape& in) {
  I a = 1;
  for (I k = 2; k * k <= w.size[d]; ++k) {
    if (w.size[d] % k == 0) a = k;
  }
  if (a == 1) return {};
  const I n = in[static_cast<int>(d)], windows = w.count(d, n);
  Levels l{along(w, d), along(w, d)};
  l.first.size[d] = a;
  l.first.stride[d] = 1;
  l.second.size[d] = w.size[d] / a;
  l.second.dilation[d] = a * w.dilation[d];
  l.second.lo[d] = l.second.hi[d] = 0;
  const I places = (windows - 1) * w.stride[d] + (l.second.size[d] - 1) * l.second.dilation[d] + 1;
  l.first.hi[d] = places + (a - 1) * w.dilation[d] - n - w.lo[d];
  return l;
}

std::optional<Levels> levels(const Window& w, const Shape& in) {
  const auto d = static_cast<std::size_t>(last_windowed(w));
  if (w.volume() == w.size[d]) return two_levels(w, d, in);
  return Levels{along(w, d), without_dim(w, d)};
}

// Whether every window holds an element: there is no offset into an empty one.
bool never_empty(const Window& w, const Shape& in) {
  for (std::size_t d = 0; d < w.size.size(); ++d) {
    const I n = in[static_cast<int>(d)], end = (w.count(d, n) - 1) * w.stride[d] - w.lo[d];
    const bool padded = w.lo[d] > 0 || end + (w.size[d] - 1) * w.dilation[d] >= n;
    if (padded && (w.dilation[d] > 1 || w.lo[d] >= w.size[d] || end >= n)) return false;
  }
  return true;
}

Tensor reduce_windows(std::string_view op, const Tensor& x, const Window& w) {
  if (w.volume() <= kWrittenOut) return make_window(op, x, w);
  if (side_by_side(w, x.shape())) return by_reshape(op, x, w);
  const std::optional<Levels> l = levels(w, x.shape());
  if (!l) return make_window(op, x, w);
  if (op != "window_argmax") return reduce_windows(op, reduce_windows(op, x, l->first), l->second);
  const Tensor best = reduce_windows("reduce_window_max", x, l->first);
  if (!never_empty(l->first, x.shape()) || !never_empty(l->second, best.shape()))
    return make_window(op, x, w);
  // The offset in the second level, then in the first at that place.
  const Tensor inner = reduce_windows(op, x, l->first), outer = reduce_windows(op, best, l->second);
  const Tensor chosen = make_window_gather(inner, outer, l->second);
  return apply("add", {scale(outer, static_cast<double>(l->first.volume())), chosen});
}

}  // namespace

Tensor split_windows(const Node& n, const std::vector<Tensor>& in) {
  const std::string_view op = n.op_name();
  const Window w = Window::of(n.attrs());
  if (w.volume() <= kWrittenOut) return {};
  const Tensor y = reduce_windows(op, in[0], w);
  return y.node()->op == n.tensor().node()->op && y.node()->attrs == n.attrs() ? Tensor() : y;
}

}  // namespace lilith::schedule
