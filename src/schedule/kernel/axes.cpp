#include "schedule/kernel/axes.h"

#include <algorithm>

#include "lilith/error.h"

namespace lilith::schedule {

using ir::NodeImpl;

namespace {

using Ints = std::vector<std::int64_t>;

std::int64_t at(const std::vector<std::int64_t>& v, std::int64_t i) {
  return v[static_cast<std::size_t>(i)];
}

bool contains(const std::vector<std::int64_t>& v, std::int64_t x) {
  return std::find(v.begin(), v.end(), x) != v.end();
}

void add_dot_axes(const NodeImpl* n, const Ints& a, const Ints& b, std::vector<Axis>* axes) {
  const auto &lb = n->attrs.ints("lhs_batch"), &rb = n->attrs.ints("rhs_batch");
  const auto &lc = n->attrs.ints("lhs_contract"), &rc = n->attrs.ints("rhs_contract");
  const Shape &l = n->inputs[0]->aval.shape, &r = n->inputs[1]->aval.shape;
  int out = 0;
  for (std::size_t i = 0; i < lb.size(); ++i) {
    axes->push_back({fmt::format("batch{}", i), l[static_cast<int>(lb[i])], at(a, lb[i]),
                     at(b, rb[i]), out++, 1});
  }
  for (int d = 0; d < l.rank(); ++d) {
    if (!contains(lb, d) && !contains(lc, d)) {
      axes->push_back({fmt::format("m{}", d), l[d], at(a, d), 0, out++, 1});
    }
  }
  for (int d = 0; d < r.rank(); ++d) {
    if (!contains(rb, d) && !contains(rc, d)) {
      axes->push_back({fmt::format("n{}", d), r[d], 0, at(b, d), out++, 1});
    }
  }
  for (std::size_t i = 0; i < lc.size(); ++i) {
    axes->push_back(
        {fmt::format("k{}", i), l[static_cast<int>(lc[i])], at(a, lc[i]), at(b, rc[i]), -1, 0});
  }
}

// A convolution without padding and lhs dilation (prepare() made them explicit).
void add_conv_axes(const NodeImpl* n, const Ints& a, const Ints& b, std::vector<Axis>* axes) {
  const auto &ls = n->attrs.ints("lhs_spec"), &rs = n->attrs.ints("rhs_spec"),
             &os = n->attrs.ints("out_spec");
  const auto &stride = n->attrs.ints("stride"), &dilation = n->attrs.ints("rhs_dilation");
  const std::int64_t groups = n->attrs.integer("groups"),
                     batch_groups = n->attrs.integer("batch_groups");
  const Shape &r = n->inputs[1]->aval.shape, &o = n->aval.shape;
  const int out_n = static_cast<int>(os[0]), out_c = static_cast<int>(os[1]);
  const std::int64_t features = o[out_c] / (groups * batch_groups);
  // Each group has its own part of a's features (or batch), of b's output features and of the
  // result's.
  if (groups > 1) {
    const std::int64_t in_features = r[static_cast<int>(rs[1])];
    axes->push_back(
        {"group", groups, at(a, ls[1]) * in_features, at(b, rs[0]) * features, out_c, features});
  }
  if (batch_groups > 1) {
    axes->push_back(
        {"group", batch_groups, at(a, ls[0]) * o[out_n], at(b, rs[0]) * features, out_c, features});
  }
  axes->push_back({"n", o[out_n], at(a, ls[0]), 0, out_n, 1});
  for (std::size_t s = 0; s < stride.size(); ++s) {
    const int d = static_cast<int>(os[2 + s]);
    axes->push_back({fmt::format("o{}", s), o[d], at(a, ls[2 + s]) * stride[s], 0, d, 1});
  }
  axes->push_back({"oc", features, 0, at(b, rs[0]), out_c, 1});
  for (std::size_t s = 0; s < stride.size(); ++s) {
    axes->push_back({fmt::format("k{}", s), r[static_cast<int>(rs[2 + s])],
                     at(a, ls[2 + s]) * dilation[s], at(b, rs[2 + s]), -1, 0});
  }
  axes->push_back({"ic", r[static_cast<int>(rs[1])], at(a, ls[1]), at(b, rs[1]), -1, 0});
}

}  // namespace

std::vector<Axis> contraction_axes(const NodeImpl* core, const Ints& a, const Ints& b) {
  std::vector<Axis> axes;
  if (core->op->name == "dot_general") {
    add_dot_axes(core, a, b, &axes);
  } else if (core->op->name == "conv_general") {
    add_conv_axes(core, a, b, &axes);
  } else {
    throw InternalError(fmt::format("schedule: no contraction axes for '{}'", core->op->name));
  }
  return axes;
}

Coefficients operand_coefficients(const NodeImpl* core, int side) {
  const auto rank = static_cast<std::size_t>(core->inputs[0]->aval.shape.rank());
  const auto other = static_cast<std::size_t>(core->inputs[1]->aval.shape.rank());
  const std::size_t dims = side == 0 ? rank : other;
  Coefficients c;
  for (std::size_t d = 0; d < dims; ++d) {
    std::vector<std::int64_t> a(rank, 0), b(other, 0);
    (side == 0 ? a : b)[d] = 1;
    const std::vector<Axis> axes = contraction_axes(core, a, b);
    c.resize(axes.size(), std::vector<std::int64_t>(dims, 0));
    for (std::size_t i = 0; i < axes.size(); ++i) c[i][d] = side == 0 ? axes[i].a : axes[i].b;
  }
  return c;
}

std::int64_t extent_of(const std::vector<Axis>& axes, const std::vector<int>& some) {
  std::int64_t n = 1;
  for (const int i : some) n *= axes[static_cast<std::size_t>(i)].extent;
  return n;
}

kir::Expr flat_index(kir::Pool& pool, const std::vector<Axis>& axes, const std::vector<int>& some,
                     const std::vector<kir::Expr>& at) {
  kir::Expr sum = pool.integer(0);
  for (const int k : some) {
    const auto i = static_cast<std::size_t>(k);
    sum = sum * pool.integer(axes[i].extent) + at[i];
  }
  return sum;
}

Index result_index(kir::Pool& pool, const std::vector<Axis>& axes, int rank,
                   const std::vector<kir::Expr>& at) {
  Index out(static_cast<std::size_t>(rank), pool.integer(0));
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].summed()) continue;
    kir::Expr& e = out[static_cast<std::size_t>(axes[i].out_dim)];
    e = e + at[i] * pool.integer(axes[i].out_step);
  }
  return out;
}

}  // namespace lilith::schedule
