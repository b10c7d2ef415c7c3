#include "ops/conv.h"

#include <algorithm>

#include "ops/batch.h"
#include "ops/define.h"
#include "ops/operand.h"

// conv_general: cross-correlation over any layout, with strides, dilations and groups. Its two
// gradients are convolutions again: stride and dilation change places, and groups become batch
// groups.
namespace lilith::ops {

using I = std::int64_t;
using Cts = std::vector<Tensor>;

ConvSpec ConvSpec::of(const Attrs& a) {
  return {a.ints("stride"),
          a.ints("lo"),
          a.ints("hi"),
          a.ints("lhs_dilation"),
          a.ints("rhs_dilation"),
          a.integer("groups"),
          a.integer("batch_groups"),
          a.ints("lhs_spec"),
          a.ints("rhs_spec"),
          a.ints("out_spec"),
          a.has("stacked") ? a.integer("stacked") : 0};
}
Attrs ConvSpec::attrs() const {
  Attrs a{{"stride", stride},
          {"lo", lo},
          {"hi", hi},
          {"lhs_dilation", lhs_dilation},
          {"rhs_dilation", rhs_dilation},
          {"groups", groups},
          {"batch_groups", batch_groups},
          {"lhs_spec", lhs},
          {"rhs_spec", rhs},
          {"out_spec", out}};
  if (stacked > 0) a.set("stacked", stacked);
  return a;
}

namespace {

I extent(const Shape& shape, const Ints& spec, std::size_t i) {
  return shape[static_cast<int>(spec[i])];
}
I dilated(I n, I dilation) { return n == 0 ? 0 : (n - 1) * dilation + 1; }

void check_spec(const Ints& spec, int stacked, int rank) {
  Ints sorted = spec;
  for (int d = 0; d < stacked; ++d) sorted.push_back(d);
  std::sort(sorted.begin(), sorted.end());
  LILITH_CHECK(sorted == range(rank), "conv_general: a spec is no permutation of {} dimensions",
               rank);
}

Aval infer_conv(const InferCtx& c) {
  const int rank = c.in[0].shape.rank();
  const ConvSpec s = ConvSpec::of(c.attrs);
  LILITH_CHECK(s.stacked >= 0 && s.stacked <= rank - 2 && c.in[1].shape.rank() == rank &&
                   c.in[0].dtype == c.in[1].dtype,
               "conv_general: got {}; need two operands of one rank (>= {}) and dtype", describe(c),
               2 + s.stacked);
  const auto stacked = static_cast<int>(s.stacked);
  for (const char* key : {"stride", "lo", "hi", "lhs_dilation", "rhs_dilation"})
    ints_per_dim(c, key, rank - 2 - stacked);
  for (const Ints* spec : {&s.lhs, &s.rhs, &s.out}) check_spec(*spec, stacked, rank);
  LILITH_CHECK(s.groups >= 1 && s.batch_groups >= 1 && (s.groups == 1 || s.batch_groups == 1),
               "conv_general: groups {}, batch_groups {}; need both >= 1 and one of them 1",
               s.groups, s.batch_groups);
  const Shape &lhs = c.in[0].shape, &rhs = c.in[1].shape;
  for (int d = 0; d < stacked; ++d)
    LILITH_CHECK(lhs[d] == rhs[d], "conv_general: got {}: stacked dimension {} differs",
                 describe(c), d);
  const I features = extent(lhs, s.lhs, 1), out_features = extent(rhs, s.rhs, 0),
          batch = extent(lhs, s.lhs, 0);
  LILITH_CHECK(extent(rhs, s.rhs, 1) * s.groups == features,
               "conv_general: got {}: {} input features, the kernel takes {} (groups={})",
               describe(c), features, extent(rhs, s.rhs, 1) * s.groups, s.groups);
  LILITH_CHECK(
      out_features % (s.groups * s.batch_groups) == 0 && batch % s.batch_groups == 0,
      "conv_general: got {}: {} output features or batch {} do not divide by groups {} x {}",
      describe(c), out_features, batch, s.groups, s.batch_groups);
  Shape out = lhs;
  out[static_cast<int>(s.out[0])] = batch / s.batch_groups;
  out[static_cast<int>(s.out[1])] = out_features;
  for (std::size_t i = 0; i < s.stride.size(); ++i) {
    LILITH_CHECK(s.stride[i] >= 1 && s.lhs_dilation[i] >= 1 && s.rhs_dilation[i] >= 1,
                 "conv_general: stride {}, dilations {} and {}; need each >= 1", s.stride[i],
                 s.lhs_dilation[i], s.rhs_dilation[i]);
    const I room = dilated(extent(lhs, s.lhs, i + 2), s.lhs_dilation[i]) + s.lo[i] + s.hi[i] -
                   dilated(extent(rhs, s.rhs, i + 2), s.rhs_dilation[i]);
    out[static_cast<int>(s.out[i + 2])] = room < 0 ? 0 : room / s.stride[i] + 1;
  }
  return {.shape = out, .dtype = c.in[0].dtype, .device = c.in[0].device};
}

// Dimension `dim` of size G m becomes [G, m]; G joins dimension `into` as its outer part.
Tensor move_groups(const Tensor& x, I groups, I from, I into) {
  if (groups == 1) return x;
  const auto f = static_cast<int>(from), t = static_cast<int>(into);
  Shape split = x.shape();
  split[f] /= groups;
  split.insert(f, groups);
  // After the split the group axis is at `from`; the others follow, with `into` right behind it.
  Ints perm;
  for (int d = 0; d < x.ndim(); ++d) {
    if (d == t) perm.push_back(f);
    perm.push_back(d < f ? d : d + 1);
  }
  Shape joined = x.shape();
  joined[f] /= groups;
  joined[t] *= groups;
  return make_reshape(make_transpose(make_reshape(x, split), perm), joined);
}

Ints swapped(Ints spec) {
  std::swap(spec[0], spec[1]);
  return spec;
}

Tensor lhs_gradient(const ConvSpec& s, const Tensor& ct, const Tensor& lhs, const Tensor& rhs) {
  const I groups = s.groups * s.batch_groups;
  const Tensor kernel = make_reverse(move_groups(rhs, groups, s.rhs[0], s.rhs[1]), [&] {
    Ints spatial(s.rhs.begin() + 2, s.rhs.end());
    std::sort(spatial.begin(), spatial.end());
    return spatial;
  }());
  ConvSpec g{.stride = s.lhs_dilation,
             .lo = s.lo,
             .hi = s.hi,
             .lhs_dilation = s.stride,
             .rhs_dilation = s.rhs_dilation,
             .groups = groups,
             .batch_groups = 1,
             .lhs = s.out,
             .rhs = swapped(s.rhs),
             .out = s.lhs,
             .stacked = s.stacked};
  for (std::size_t i = 0; i < s.stride.size(); ++i) {
    const I k = dilated(extent(rhs.shape(), s.rhs, i + 2), s.rhs_dilation[i]);
    const I in = dilated(extent(lhs.shape(), s.lhs, i + 2), s.lhs_dilation[i]);
    const I out = dilated(extent(ct.shape(), s.out, i + 2), s.stride[i]);
    g.lo[i] = k - s.lo[i] - 1;
    g.hi[i] = in + k - 1 - out - g.lo[i];
  }
  return move_groups(make_conv(ct, kernel, g), s.batch_groups, s.lhs[1], s.lhs[0]);
}

Tensor rhs_gradient(const ConvSpec& s, const Tensor& ct, const Tensor& lhs, const Tensor& rhs) {
  ConvSpec g{.stride = s.rhs_dilation,
             .lo = s.lo,
             .hi = s.hi,
             .lhs_dilation = s.lhs_dilation,
             .rhs_dilation = s.stride,
             .groups = s.batch_groups,
             .batch_groups = s.groups,
             .lhs = swapped(s.lhs),
             .rhs = swapped(s.out),
             .out = swapped(s.rhs),
             .stacked = s.stacked};
  for (std::size_t i = 0; i < s.stride.size(); ++i) {
    const I k = dilated(extent(rhs.shape(), s.rhs, i + 2), s.rhs_dilation[i]);
    const I in = dilated(extent(lhs.shape(), s.lhs, i + 2), s.lhs_dilation[i]);
    const I out = dilated(extent(ct.shape(), s.out, i + 2), s.stride[i]);
    g.hi[i] = out - in + k - s.lo[i] - 1;
  }
  return make_conv(lhs, ct, g);
}

void reference_conv(RefCtx& c) {
  const ConvSpec s = ConvSpec::of(c.attrs);
  const RefTensor &x = *c.in[0], &w = *c.in[1];
  const Shape &xs = x.aval.shape, &ws = w.aval.shape, &os = c.out.aval.shape;
  const std::size_t n = s.stride.size();
  Shape kernel{extent(ws, s.rhs, 1)};
  for (std::size_t i = 0; i < n; ++i) kernel.push_back(extent(ws, s.rhs, i + 2));
  const auto at = [](I d) { return static_cast<std::size_t>(d); };
  const I out_features = extent(ws, s.rhs, 0), batch = extent(os, s.out, 0);
  Ints xi(xs.size()), wi(ws.size());
  for_each_index(os, [&](const Ints& to, I k) {
    for (I d = 0; d < s.stacked; ++d) xi[at(d)] = wi[at(d)] = to[at(d)];
    const I o = to[at(s.out[1])];
    xi[at(s.lhs[0])] = o / (out_features / s.batch_groups) * batch + to[at(s.out[0])];
    const I first = o / (out_features / s.groups) * kernel[0];
    wi[at(s.rhs[0])] = o;
    double sum = 0;
    I int_sum = 0;
    for_each_index(kernel, [&](const Ints& ik, I) {
      xi[at(s.lhs[1])] = first + ik[0];
      wi[at(s.rhs[1])] = ik[0];
      for (std::size_t i = 0; i < n; ++i) {
        const I p = to[at(s.out[i + 2])] * s.stride[i] + ik[i + 1] * s.rhs_dilation[i] - s.lo[i];
        if (p < 0 || p % s.lhs_dilation[i] || p / s.lhs_dilation[i] >= extent(xs, s.lhs, i + 2))
          return;
        xi[at(s.lhs[i + 2])] = p / s.lhs_dilation[i];
        wi[at(s.rhs[i + 2])] = ik[i + 1];
      }
      const auto a = at(linear_index(xs, xi)), b = at(linear_index(ws, wi));
      if (x.floating())
        sum += x.f[a] * w.f[b];
      else
        int_sum += x.i[a] * w.i[b];
    });
    if (c.out.floating())
      c.out.f[at(k)] = sum;
    else
      c.out.set_int(k, int_sum);
  });
}

std::vector<ContractionAxis> conv_axes(const Attrs& attrs, const Shape&, const Shape& rhs,
                                       const Shape& out) {
  const ConvSpec s = ConvSpec::of(attrs);
  const auto index = [](I d) { return static_cast<int>(d); };
  const int out_n = index(s.out[0]), out_c = index(s.out[1]), lhs_n = index(s.lhs[0]),
            lhs_c = index(s.lhs[1]), rhs_o = index(s.rhs[0]), rhs_i = index(s.rhs[1]);
  const I features = out[out_c] / (s.groups * s.batch_groups), in_features = rhs[rhs_i];
  std::vector<ContractionAxis> axes;
  for (int d = 0; d < index(s.stacked); ++d)
    axes.push_back({fmt::format("stack{}", d), out[d], {d}, {d}, {d}});
  // Each group has its own part of lhs's features (or batch), of rhs's output features and of the
  // result's.
  if (s.groups > 1)
    axes.push_back({"group", s.groups, {lhs_c, in_features}, {rhs_o, features}, {out_c, features}});
  if (s.batch_groups > 1)
    axes.push_back(
        {"group", s.batch_groups, {lhs_n, out[out_n]}, {rhs_o, features}, {out_c, features}});
  axes.push_back({"n", out[out_n], {lhs_n}, {}, {out_n}});
  for (std::size_t i = 0; i < s.stride.size(); ++i) {
    const int d = index(s.out[2 + i]);
    axes.push_back({fmt::format("o{}", i), out[d], {index(s.lhs[2 + i]), s.stride[i]}, {}, {d}});
  }
  axes.push_back({"oc", features, {}, {rhs_o}, {out_c}});
  for (std::size_t i = 0; i < s.stride.size(); ++i) {
    const int l = index(s.lhs[2 + i]), r = index(s.rhs[2 + i]);
    axes.push_back({fmt::format("k{}", i), rhs[r], {l, s.rhs_dilation[i]}, {r}, {}});
  }
  axes.push_back({"ic", in_features, {lhs_c}, {rhs_i}, {}});
  return axes;
}

// [B, …, G m, …] -> […, G B m, …]: the batch becomes a part of dimension `into`, between its G
// parts and what they consist of.
Tensor join_batch(const Tensor& x, I into, I groups) {
  const auto d = static_cast<int>(into);
  Shape split = x.shape(), joined = x.shape();
  split[d + 1] /= groups;
  split.insert(d + 1, groups);
  joined.erase(0);
  joined[d] *= x.shape()[0];
  return make_reshape(move_dim(make_reshape(x, split), 0, d + 1), joined);
}

// […, G B m, …] -> [B, …, G m, …]
Tensor part_batch(const Tensor& y, I from, I groups, I size) {
  const auto d = static_cast<int>(from);
  Shape split = y.shape(), parted = y.shape();
  split[d] /= groups * size;
  split.insert(d, size);
  split.insert(d, groups);
  parted[d] /= size;
  parted.insert(0, size);
  return make_reshape(move_dim(make_reshape(y, split), d + 1, 0), parted);
}

// The same convolution behind one more stacked dimension.
ConvSpec behind_one_more(ConvSpec s) {
  ++s.stacked;
  for (Ints* spec : {&s.lhs, &s.rhs, &s.out})
    for (I& d : *spec) ++d;
  return s;
}

// The examples are more of the batch, more output features, or stacked.
Cts batch_conv(const BatchCtx& c) {
  const ConvSpec s = ConvSpec::of(c.attrs);
  const I groups = s.groups * s.batch_groups;
  Tensor lhs = c.in[0], rhs = c.in[1];
  if (!c.batched[1]) {
    lhs = join_batch(lhs, s.lhs[0], s.batch_groups);
    return {part_batch(make_conv(lhs, rhs, s), s.out[0], 1, c.size)};
  }
  if (!c.batched[0]) {
    rhs = join_batch(rhs, s.rhs[0], groups);
    return {part_batch(make_conv(lhs, rhs, s), s.out[1], groups, c.size)};
  }
  return {make_conv(lhs, rhs, behind_one_more(s))};
}

const OpDef& conv_op =
    register_builtin({.name = "conv_general",
                      .arity = 2,
                      .cls = OpClass::Contraction,
                      .infer = infer_conv,
                      .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
                        const ConvSpec s = ConvSpec::of(c.attrs);
                        return {c.wanted[0] ? lhs_gradient(s, ct, c.in[0], c.in[1]) : Tensor(),
                                c.wanted[1] ? rhs_gradient(s, ct, c.in[0], c.in[1]) : Tensor()};
                      },
                      .reference = reference_conv,
                      .axes = conv_axes,
                      .batch = batch_conv});

}  // namespace

Tensor make_conv(const Tensor& lhs, const Tensor& rhs, const ConvSpec& spec) {
  return apply(conv_op, {lhs, rhs}, spec.attrs());
}

}  // namespace lilith::ops
