#include "ops/window.h"

#include <algorithm>
#include <cmath>

#include "core/dtype_limits.h"
#include "ops/define.h"
#include "ops/operand.h"

// Reductions over sliding windows, and the pair unpool / window_gather: the adjoints of choosing
// one element of each window.
namespace lilith::ops {

using I = std::int64_t;
using Cts = std::vector<Tensor>;
using kir::Expr;

Window Window::of(const Attrs& a) {
  return {a.ints("window"), a.ints("stride"), a.ints("lo"), a.ints("hi"), a.ints("dilation")};
}
Attrs Window::attrs() const {
  return {{"window", size}, {"stride", stride}, {"lo", lo}, {"hi", hi}, {"dilation", dilation}};
}
I Window::volume() const {
  I n = 1;
  for (I s : size) n *= s;
  return n;
}
I Window::count(std::size_t d, I n) const {
  const I room = n + lo[d] + hi[d] - ((size[d] - 1) * dilation[d] + 1);
  return room < 0 ? 0 : room / stride[d] + 1;
}

namespace {

constexpr std::string_view kPerDim[] = {"window", "stride", "lo", "hi", "dilation"};
std::vector<std::string> window_attrs() { return {std::begin(kPerDim), std::end(kPerDim)}; }

Window check_window(const InferCtx& c, int rank) {
  for (std::string_view key : kPerDim) ints_per_dim(c, key, rank);
  const Window w = Window::of(c.attrs);
  for (std::size_t d = 0; d < w.size.size(); ++d) {
    LILITH_CHECK(w.size[d] >= 1 && w.stride[d] >= 1 && w.dilation[d] >= 1,
                 "{}: window {}, stride {}, dilation {} of dimension {}; need each >= 1", c.op,
                 w.size[d], w.stride[d], w.dilation[d], d);
  }
  return w;
}

Shape windows_of(const Shape& in, const Window& w) {
  Shape out;
  for (int d = 0; d < in.rank(); ++d) out.push_back(w.count(static_cast<std::size_t>(d), in[d]));
  return out;
}

Aval infer_window(const InferCtx& c) {
  const Window w = check_window(c, c.in[0].shape.rank());
  return {.shape = windows_of(c.in[0].shape, w), .dtype = c.in[0].dtype, .device = c.in[0].device};
}

// Calls f(k, position, inside) for every element k of the window of output element `to`.
template <class F>
void for_each_in_window(const Window& w, const Shape& in, const Ints& to, F&& f) {
  Ints from(to.size());
  for_each_index(Shape(w.size), [&](const Ints& k, I offset) {
    bool inside = true;
    for (std::size_t d = 0; d < to.size(); ++d) {
      from[d] = to[d] * w.stride[d] + k[d] * w.dilation[d] - w.lo[d];
      inside = inside && from[d] >= 0 && from[d] < in[static_cast<int>(d)];
    }
    f(offset, from, inside);
  });
}

struct WindowElement {
  std::vector<Expr> at;
  Expr inside;  // null: always
};

// The element at output index, displaced by k (expressions or constants) inside the window.
WindowElement window_element(LowerCtx& c, const Window& w, const Shape& in,
                             const std::vector<Expr>& k) {
  WindowElement e;
  for (std::size_t d = 0; d < w.size.size(); ++d) {
    const I n = in[static_cast<int>(d)], windows = c.out.shape[static_cast<int>(d)];
    const Expr p =
        c.index[d] * c.integer(w.stride[d]) + k[d] * c.integer(w.dilation[d]) - c.integer(w.lo[d]);
    if (w.lo[d] > 0) e.inside = kir::logical_and(e.inside, kir::ge(p, c.integer(0)));
    const I last = (windows - 1) * w.stride[d] + (w.size[d] - 1) * w.dilation[d] - w.lo[d];
    if (last >= n) e.inside = kir::logical_and(e.inside, kir::lt(p, c.integer(n)));
    e.at.push_back(p);
  }
  return e;
}

// Folds `step(value, k, element, inside)` over the window, written out.
template <class F>
Expr unrolled(LowerCtx& c, F&& step) {
  const Window w = Window::of(c.attrs);
  Expr value;
  for_each_index(Shape(w.size), [&](const Ints& k, I offset) {
    std::vector<Expr> at;
    for (I i : k) at.push_back(c.integer(i));
    const WindowElement e = window_element(c, w, c.in[0].shape, at);
    const Expr x = e.inside ? c.guarded(0, e.at, e.inside) : c.element(0, e.at);
    value = step(value, offset, x, e.inside);
  });
  return value;
}

// Windows that lie apart or side by side: every element of a window gets its cotangent, the others
// get zeros.
Tensor repeat_in_windows(const Tensor& ct, const Window& w, const Shape& in) {
  Shape repeated, joined;
  Ints dims, gap, start, limit, lo, hi;
  for (std::size_t d = 0; d < w.size.size(); ++d) {
    const I n = in[static_cast<int>(d)], count = ct.shape()[static_cast<int>(d)];
    // One window is as good as one with no gap behind it.
    const I step = count == 1 ? w.size[d] : w.stride[d];
    dims.push_back(repeated.rank());
    repeated.push_back(count);
    gap.push_back(0);
    if (step > 1) {
      repeated.push_back(w.size[d]);
      gap.push_back(step - w.size[d]);
    }
    joined.push_back(count * step);
    start.push_back(std::max<I>(0, w.lo[d]));
    limit.push_back(std::min(count * step, n + w.lo[d]));
    lo.push_back(std::max<I>(0, -w.lo[d]));
    hi.push_back(n + w.lo[d] - limit.back());
  }
  const Ints none(gap.size(), 0), ones(w.size.size(), 1), zeros(w.size.size(), 0);
  const Tensor each = make_pad(make_broadcast(ct, repeated, dims), none, gap, none, 0);
  return make_pad(make_slice(make_reshape(each, joined), start, limit, ones), lo, hi, zeros, 0);
}

bool are_apart(const Window& w) {
  for (std::size_t d = 0; d < w.size.size(); ++d) {
    if ((w.dilation[d] != 1 && w.size[d] > 1) || w.stride[d] < w.size[d]) return false;
  }
  return 2 * w.size.size() <= static_cast<std::size_t>(Shape::kMaxRank);
}

// The window with stride 1 over the cotangent spread `stride` apart, that adds to each input
// element what the windows over it got.
Cts window_sum_vjp(const VjpCtx& c, const Tensor& ct) {
  const Window w = Window::of(c.attrs);
  if (are_apart(w)) return {repeat_in_windows(ct, w, c.in[0].shape())};
  const std::size_t n = w.size.size();
  Ints zeros(n, 0), interior(n);
  for (std::size_t d = 0; d < n; ++d)
    interior[d] = ct.shape()[static_cast<int>(d)] > 1 ? w.stride[d] - 1 : 0;
  const Tensor spread = make_pad(ct, zeros, zeros, interior, 0);
  Window back{w.size, Ints(n, 1), Ints(n), Ints(n), w.dilation};
  for (std::size_t d = 0; d < n; ++d) {
    const I reach = (w.size[d] - 1) * w.dilation[d];
    back.lo[d] = reach - w.lo[d];
    back.hi[d] = c.in[0].shape()[static_cast<int>(d)] - spread.shape()[static_cast<int>(d)] +
                 reach - back.lo[d];
  }
  return {make_window("reduce_window_sum", spread, back)};
}

const OpDef& window_sum_op = register_builtin(
    {.name = "reduce_window_sum",
     .cls = OpClass::Window,
     .infer = infer_window,
     .vjp = window_sum_vjp,
     .lower =
         [](LowerCtx& c) {
           return unrolled(c, [](Expr sum, I, Expr x, Expr) { return sum ? sum + x : x; });
         },
     .reference =
         [](RefCtx& c) {
           const Window w = Window::of(c.attrs);
           for_each_index(c.out.aval.shape, [&](const Ints& to, I k) {
             double sum = 0;
             I int_sum = 0;
             for_each_in_window(w, c.in[0]->aval.shape, to, [&](I, const Ints& from, bool inside) {
               if (!inside) return;
               const auto j = static_cast<std::size_t>(linear_index(c.in[0]->aval.shape, from));
               if (c.out.floating())
                 sum += c.in[0]->f[j];
               else
                 int_sum += c.in[0]->i[j];
             });
             if (c.out.floating())
               c.out.f[static_cast<std::size_t>(k)] = sum;
             else
               c.out.set_int(k, int_sum);
           });
         },
     .cost = 8,
     .dims = DimAttrs{.each = window_attrs()}});

// The offset of the first largest element and its value; a NaN beats all. -1 where a window is
// empty.
struct Best {
  I offset = -1;
  std::size_t at = 0;
};
Best best_of_window(const RefTensor& x, const Window& w, const Ints& to) {
  Best best;
  for_each_in_window(w, x.aval.shape, to, [&](I offset, const Ints& from, bool inside) {
    if (!inside) return;
    const auto j = static_cast<std::size_t>(linear_index(x.aval.shape, from));
    const bool better =
        best.offset < 0 ||
        (x.floating() ? !std::isnan(x.f[best.at]) && (std::isnan(x.f[j]) || x.f[j] > x.f[best.at])
                      : x.i[j] > x.i[best.at]);
    if (better) best = {offset, j};
  });
  return best;
}

const OpDef& window_max_op = register_builtin(
    {.name = "reduce_window_max",
     .cls = OpClass::Window,
     .infer = infer_window,
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       const Window w = Window::of(c.attrs);
       return {make_unpool(ct, make_window("window_argmax", c.in[0], w), w, c.in[0].shape())};
     },
     .lower =
         [](LowerCtx& c) {
           return unrolled(c, [&c](Expr best, I, Expr x, Expr inside) {
             const Expr value =
                 inside ? c.pool.select(inside, x, x.like(lowest(c.in[0].dtype))) : x;
             if (!best) return value;
             return value.dtype() == DType::Bool ? kir::logical_or(best, value)
                                                 : kir::max(best, value);
           });
         },
     .reference =
         [](RefCtx& c) {
           const Window w = Window::of(c.attrs);
           for_each_index(c.out.aval.shape, [&](const Ints& to, I k) {
             const Best best = best_of_window(*c.in[0], w, to);
             if (best.offset < 0)
               fill_element(c.out, k, lowest(c.out.aval.dtype));
             else
               copy_element(c.out, k, *c.in[0], static_cast<I>(best.at));
           });
         },
     .cost = 8,
     .dims = DimAttrs{.each = window_attrs()}});

const OpDef& window_argmax_op =
    register_builtin({.name = "window_argmax",
                      .cls = OpClass::Window,
                      .infer =
                          [](const InferCtx& c) {
                            Aval out = infer_window(c);
                            out.dtype = DType::I64;
                            return out;
                          },
                      .no_vjp_reason = "an index is piecewise constant",
                      .lower =
                          [](LowerCtx& c) {
                            const bool floats = is_floating(c.in[0].dtype);
                            Expr best, found;  // found: some element was inside
                            return unrolled(c, [&](Expr offset, I k, Expr x, Expr inside) {
                              const Expr here = c.integer(k);
                              if (!offset) {
                                best = x;
                                found = inside;
                                return inside ? c.pool.select(inside, here, c.integer(-1)) : here;
                              }
                              Expr better = kir::gt(x, best);
                              if (floats)
                                better = kir::logical_and(kir::logical_or(better, kir::isnan(x)),
                                                          kir::logical_not(kir::isnan(best)));
                              if (found) better = kir::logical_or(better, kir::logical_not(found));
                              if (inside) better = kir::logical_and(better, inside);
                              best = c.pool.select(better, x, best);
                              if (found) found = inside ? kir::logical_or(found, inside) : Expr();
                              return c.pool.select(better, here, offset);
                            });
                          },
                      .reference =
                          [](RefCtx& c) {
                            const Window w = Window::of(c.attrs);
                            for_each_index(c.out.aval.shape, [&](const Ints& to, I k) {
                              c.out.i[static_cast<std::size_t>(k)] =
                                  best_of_window(*c.in[0], w, to).offset;
                            });
                          },
                      .cost = 16,
                      .dims = DimAttrs{.each = window_attrs(), .numbered = "window"},
                      .below = [](const Attrs& a) { return Window::of(a).volume(); }});

// ---- unpool, window_gather ----

// Windows that do not overlap: the one that covers the element is asked for its offset.
Expr lower_unpool_apart(LowerCtx& c, const Window& w) {
  const Shape& windows = c.in[0].shape;
  std::vector<Expr> at;
  Expr inside, offset = c.integer(0);
  for (std::size_t d = 0; d < w.size.size(); ++d) {
    const I n = windows[static_cast<int>(d)], most = c.out.shape[static_cast<int>(d)] - 1 + w.lo[d];
    const Expr p = c.index[d] + c.integer(w.lo[d]);
    at.push_back(w.stride[d] > 1 ? kir::floor_div(p, w.stride[d]) : p);
    const Expr k = w.stride[d] > 1 ? kir::floor_mod(p, w.stride[d]) : c.integer(0);
    if (w.stride[d] > w.size[d])
      inside = kir::logical_and(inside, kir::lt(k, c.integer(w.size[d])));
    if (most >= n * w.stride[d])
      inside = kir::logical_and(inside, kir::lt(p, c.integer(n * w.stride[d])));
    offset = offset * c.integer(w.size[d]) + k;
  }
  const Expr chosen = inside ? c.guarded(1, at, inside) : c.element(1, at);
  const Expr x = inside ? c.guarded(0, at, inside) : c.element(0, at);
  return c.pool.select(kir::logical_and(inside, kir::eq(chosen, offset)), x, x.like(0));
}

// One window over an element along a dimension: where it lies, the offset in it, whether it exists.
struct Cover {
  Expr window, offset, inside;
};

// The windows that may cover the element at c.index: one in `stride` along each dimension, or,
// where a window has holes, one for each of its elements.
std::vector<Cover> covers(LowerCtx& c, const Window& w, std::size_t d) {
  const I s = w.stride[d], n = c.in[0].shape[static_cast<int>(d)];
  const bool holes = w.dilation[d] > 1 && w.size[d] > 1;
  const Expr p = c.index[d] + c.integer(w.lo[d]);
  const I most = c.out.shape[static_cast<int>(d)] - 1 + w.lo[d];
  std::vector<Cover> all;
  for (I j = 0; j < (holes ? w.size[d] : (w.size[d] + s - 1) / s); ++j) {
    const I back = holes ? j * w.dilation[d] : j * s;
    const Expr at = p - c.integer(back);
    const Expr rest = s > 1 ? kir::floor_mod(p, s) : c.integer(0);
    Cover k{s > 1 ? kir::floor_div(at, s) : at, holes ? c.integer(j) : rest + c.integer(back), {}};
    if (w.lo[d] < back) k.inside = kir::ge(at, c.integer(0));
    if (most - back >= n * s) k.inside = kir::logical_and(k.inside, kir::lt(at, c.integer(n * s)));
    if (holes && s > 1)
      k.inside = kir::logical_and(k.inside, kir::eq(kir::floor_mod(at, s), c.integer(0)));
    if (!holes && back + s > w.size[d])
      k.inside = kir::logical_and(k.inside, kir::lt(k.offset, c.integer(w.size[d])));
    all.push_back(k);
  }
  return all;
}

// Every element asks the windows that cover it whether their offset names it.
Expr lower_unpool(LowerCtx& c) {
  const Window w = Window::of(c.attrs);
  if (are_apart(w)) return lower_unpool_apart(c, w);
  std::vector<std::vector<Cover>> by_dim;
  Shape counts;
  for (std::size_t d = 0; d < w.size.size(); ++d) {
    by_dim.push_back(covers(c, w, d));
    counts.push_back(static_cast<I>(by_dim.back().size()));
  }
  Expr sum;
  for_each_index(counts, [&](const Ints& j, I) {
    std::vector<Expr> at;
    Expr inside, offset = c.integer(0);
    for (std::size_t d = 0; d < j.size(); ++d) {
      const Cover& k = by_dim[d][static_cast<std::size_t>(j[d])];
      inside = kir::logical_and(inside, k.inside);
      offset = offset * c.integer(w.size[d]) + k.offset;
      at.push_back(k.window);
    }
    const Expr chosen = inside ? c.guarded(1, at, inside) : c.element(1, at);
    const Expr hit = kir::logical_and(inside, kir::eq(chosen, offset));
    const Expr x = inside ? c.guarded(0, at, inside) : c.element(0, at);
    const Expr value = c.pool.select(hit, x, x.like(0));
    sum = sum ? sum + value : value;
  });
  return sum;
}

Aval infer_unpool(const InferCtx& c) {
  const Window w = check_window(c, c.in[0].shape.rank());
  const Shape shape = ints_per_dim(c, "shape", c.in[0].shape.rank());
  LILITH_CHECK(c.in[1].dtype == DType::I64 && c.in[1].shape == c.in[0].shape &&
                   windows_of(shape, w) == c.in[0].shape,
               "unpool: got {} for shape {}; need i64 offsets and one value per window",
               describe(c), shape.str());
  return {.shape = shape, .dtype = c.in[0].dtype, .device = c.in[0].device};
}

const OpDef& unpool_op = register_builtin(
    {.name = "unpool",
     .arity = 2,
     .cls = OpClass::Window,
     .infer = infer_unpool,
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       return {make_window_gather(ct, c.in[1], Window::of(c.attrs)), Tensor()};
     },
     .lower = lower_unpool,
     .reference =
         [](RefCtx& c) {
           const Window w = Window::of(c.attrs);
           for (I k = 0; k < c.out.aval.numel(); ++k) fill_element(c.out, k, 0);
           for_each_index(c.in[0]->aval.shape, [&](const Ints& o, I k) {
             const auto j = static_cast<std::size_t>(k);
             for_each_in_window(w, c.out.aval.shape, o, [&](I offset, const Ints& p, bool inside) {
               if (!inside || offset != c.in[1]->i[j]) return;
               const I to = linear_index(c.out.aval.shape, p);
               if (c.out.floating())
                 c.out.f[static_cast<std::size_t>(to)] += c.in[0]->f[j];
               else
                 c.out.set_int(to, c.out.i[static_cast<std::size_t>(to)] + c.in[0]->i[j]);
             });
           });
         },
     .cost = 8,
     .dims = DimAttrs{.each = {"window", "stride", "lo", "hi", "dilation", "shape"},
                      .numbered = "window"},
     .zeros = Zeros::Beside});

const OpDef& window_gather_op = register_builtin(
    {.name = "window_gather",
     .arity = 2,
     .cls = OpClass::Window,
     .infer =
         [](const InferCtx& c) {
           const Aval out = infer_window(c);
           LILITH_CHECK(c.in[1].dtype == DType::I64 && c.in[1].shape == out.shape,
                        "window_gather: got {}; need i64 offsets of shape {}", describe(c),
                        out.shape.str());
           return out;
         },
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       return {make_unpool(ct, c.in[1], Window::of(c.attrs), c.in[0].shape()), Tensor()};
     },
     .lower =
         [](LowerCtx& c) {
           const Window w = Window::of(c.attrs);
           const Expr offset = c[1];
           std::vector<Expr> k(w.size.size());
           Expr rest = offset;
           for (std::size_t d = w.size.size(); d-- > 0;) {
             k[d] = w.size[d] == 1 ? c.integer(0) : kir::floor_mod(rest, w.size[d]);
             if (w.size[d] > 1) rest = kir::floor_div(rest, w.size[d]);
           }
           WindowElement e = window_element(c, w, c.in[0].shape, k);
           e.inside = kir::logical_and(e.inside, kir::ge(offset, c.integer(0)));
           return c.guarded(0, e.at,
                            kir::logical_and(e.inside, kir::lt(offset, c.integer(w.volume()))));
         },
     .reference =
         [](RefCtx& c) {
           const Window w = Window::of(c.attrs);
           for_each_index(c.out.aval.shape, [&](const Ints& to, I k) {
             fill_element(c.out, k, 0);
             for_each_in_window(
                 w, c.in[0]->aval.shape, to, [&](I offset, const Ints& from, bool inside) {
                   if (inside && offset == c.in[1]->i[static_cast<std::size_t>(k)]) {
                     copy_element(c.out, k, *c.in[0], linear_index(c.in[0]->aval.shape, from));
                   }
                 });
           });
         },
     .cost = 8,
     .dims = DimAttrs{.each = window_attrs(), .numbered = "window"}});

}  // namespace

Tensor make_window(std::string_view op, const Tensor& x, const Window& w) {
  return apply(op, {x}, w.attrs());
}

Tensor make_unpool(const Tensor& ct, const Tensor& offsets, const Window& w, const Shape& shape) {
  Attrs attrs = w.attrs();
  attrs.set("shape", shape.vec());
  return apply(unpool_op, {ct, offsets}, std::move(attrs));
}

Tensor make_window_gather(const Tensor& x, const Tensor& offsets, const Window& w) {
  return apply(window_gather_op, {x, offsets}, w.attrs());
}

}  // namespace lilith::ops
