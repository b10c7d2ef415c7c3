#include "schedule/kernel/axes.h"

#include <algorithm>

namespace lilith::schedule {

using ir::NodeImpl;

namespace {

std::vector<ContractionAxis> axes_of(const NodeImpl* core) {
  return core->op->axes(core->attrs, core->inputs[0]->aval.shape, core->inputs[1]->aval.shape,
                        core->aval.shape);
}

std::int64_t moved(const AxisStep& by, const std::vector<std::int64_t>& strides) {
  return by.dim < 0 ? 0 : by.step * strides[static_cast<std::size_t>(by.dim)];
}

}  // namespace

std::vector<Axis> contraction_axes(const NodeImpl* core, const std::vector<std::int64_t>& a,
                                   const std::vector<std::int64_t>& b) {
  std::vector<Axis> axes;
  for (ContractionAxis& x : axes_of(core)) {
    axes.push_back({std::move(x.name), x.extent, moved(x.lhs, a), moved(x.rhs, b), x.out.dim,
                    x.out.dim < 0 ? 0 : x.out.step});
    axes.back().a_dim = x.lhs.dim;
    axes.back().b_dim = x.rhs.dim;
  }
  return axes;
}

Coefficients operand_coefficients(const NodeImpl* core, int side) {
  const int dims = core->inputs[static_cast<std::size_t>(side)]->aval.shape.rank();
  Coefficients c;
  for (const ContractionAxis& x : axes_of(core)) {
    const AxisStep& by = side == 0 ? x.lhs : x.rhs;
    c.emplace_back(static_cast<std::size_t>(dims), 0);
    if (by.dim >= 0) c.back()[static_cast<std::size_t>(by.dim)] = by.step;
  }
  return c;
}

bool slides(const NodeImpl* core, int dim) {
  const std::vector<ContractionAxis> axes = axes_of(core);
  return std::any_of(axes.begin(), axes.end(), [&](const ContractionAxis& x) {
    return x.out.dim == dim && x.lhs.dim >= 0 && x.rhs.dim < 0 &&
           std::any_of(
               axes.begin(), axes.end(),
               [&](const ContractionAxis& tap) {
                 return tap.out.dim < 0 && tap.lhs.dim == x.lhs.dim;
               });
  });
}

bool has_whole_windows(const NodeImpl* core, const NodeImpl* pool) {
  if (core->op->cls != OpClass::Contraction || pool->op->cls != OpClass::Window ||
      pool->op->zeros != Zeros::None || !is_floating(core->aval.dtype))
    return false;
  const auto &window = pool->attrs.ints("window"), &stride = pool->attrs.ints("stride");
  int dims = 0;
  std::int64_t volume = 1;
  for (std::size_t d = 0; d < window.size(); ++d) {
    if (window[d] != stride[d] || (window[d] > 1 && !slides(core, static_cast<int>(d))) ||
        pool->attrs.ints("lo")[d] != 0 || pool->attrs.ints("hi")[d] > 0 ||
        pool->attrs.ints("dilation")[d] != 1)
      return false;
    dims += window[d] > 1;
    volume *= window[d];
  }
  return dims >= 1 && dims <= 2 && volume <= 16;
}

bool is_depthwise(const NodeImpl* core) {
  constexpr std::int64_t kFew = 16;  // or less of the images
  if (core->inputs[1]->aval.numel() * kFew > core->inputs[0]->aval.numel()) return false;
  bool own = false;
  for (const ContractionAxis& x : axes_of(core)) {
    if (x.extent == 1) continue;
    if (x.out.dim >= 0 && x.lhs.dim < 0) return false;
    own |= x.out.dim >= 0 && x.rhs.dim >= 0;
  }
  return own;
}

std::int64_t column_extent(const NodeImpl* core) {
  for (const ContractionAxis& x : axes_of(core)) {
    if (x.out.dim >= 0 && x.lhs.dim < 0) return core->aval.shape[x.out.dim];
  }
  return 1;
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
