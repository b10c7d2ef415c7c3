#include "schedule/kernel/contraction_spec.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "lilith/error.h"
#include "schedule/kernel/border.h"
#include "schedule/kernel/strided_view.h"

namespace lilith::schedule {

using ir::NodeImpl;

namespace {

// Joins neighbours that both operands walk as one.
void merge_summed(ContractionSpec* spec) {
  auto& axes = spec->axes;
  for (bool again = true; again;) {
    again = false;
    for (std::size_t i = 0; i < axes.size() && !again; ++i) {
      for (std::size_t j = 0; j < axes.size() && !again; ++j) {
        if (i == j || !axes[i].summed() || !axes[j].summed()) continue;
        if (axes[i].a == axes[j].a * axes[j].extent && axes[i].b == axes[j].b * axes[j].extent) {
          axes[j].extent *= axes[i].extent;
          axes[j].varies |= axes[i].varies;
          axes[j].name = axes[i].name + axes[j].name;
          axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(i));
          again = true;
        }
      }
    }
  }
}

}  // namespace

namespace {

kir::Expr place(kir::Pool& p, const std::vector<Axis>& axes, std::int64_t offset,
                std::int64_t Axis::* step, const std::vector<kir::Expr>& at) {
  kir::Expr sum = p.integer(offset);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].*step != 0) sum = sum + at[i] * p.integer(axes[i].*step);
  }
  return sum;
}

}  // namespace

kir::Expr ContractionSpec::place_a(kir::Pool& p, const std::vector<kir::Expr>& at) const {
  return place(p, axes, a_offset, &Axis::a, at);
}

kir::Expr ContractionSpec::place_b(kir::Pool& p, const std::vector<kir::Expr>& at) const {
  return place(p, axes, b_offset, &Axis::b, at);
}

double ContractionSpec::macs() const {
  double n = 1;
  for (const Axis& x : axes) n *= static_cast<double>(x.extent);
  return n;
}

double ContractionSpec::copies_of_b() const {
  constexpr double kSeldom = 0.1;
  if (b_constant) return 0;
  return b_kept ? kSeldom : 1;
}

double ContractionSpec::result_elements() const {
  double n = 1;
  for (const Axis& x : axes) n *= x.summed() ? 1 : static_cast<double>(x.extent);
  return n;
}

ContractionSpec ContractionSpec::swapped() const {
  ContractionSpec s = *this;
  for (Axis& x : s.axes) std::swap(x.a, x.b);
  std::swap(s.a_buffer, s.b_buffer);
  std::swap(s.a_offset, s.b_offset);
  std::swap(s.a_constant, s.b_constant);
  std::swap(s.a_kept, s.b_kept);
  std::swap(s.a_dtype, s.b_dtype);
  return s;
}

namespace {

// The dimensions lie in the order of what is inside.
Operand inside_of(const Builder& b, NodeImpl* padded) {
  const Operand inside = make_operand(b, padded->inputs[0]);
  Layout layout = Layout::row_major(padded->aval.shape.rank());
  std::ranges::stable_sort(layout.order, std::greater(), [&](int d) {
    return std::abs(inside.stride[static_cast<std::size_t>(d)]);
  });
  return {inside.buffer, 0, layout.strides(padded->aval.shape)};
}

}  // namespace

NodeImpl* padded_operand(const Builder& b, const NodeImpl* core) {
  NodeImpl* padded = padded_below(core->inputs[0]);
  return padded != nullptr && b.buffer(padded) < 0 ? padded : nullptr;
}

Operand make_operand(const Builder& b, NodeImpl* node) {
  const StridedView view = strided_view(node);
  Operand o;
  std::vector<std::int64_t> base;
  o.buffer = b.buffer(view.base);
  if (o.buffer >= 0) {
    const BufferPlan& plan = b.plan.buffers[static_cast<std::size_t>(o.buffer)];
    base = plan.layout.strides(plan.shape);
  } else if (adds_border(view.base)) {
    Operand inside = inside_of(b, view.base);
    o.buffer = inside.buffer;
    base = std::move(inside.stride);
  } else {
    throw InternalError("schedule: a contraction's operand is not stored");
  }
  o.stride.assign(node->aval.shape.size(), 0);
  for (std::size_t d = 0; d < view.offset.size(); ++d) {
    o.offset += view.offset[d] * base[d];
    for (std::size_t v = 0; v < o.stride.size(); ++v)
      o.stride[v] += view.coefficient[d][v] * base[d];
  }
  return o;
}

namespace {

// As the dimension does that the axis goes along.
bool varies(const Builder& b, const NodeImpl* core, const Axis& x) {
  const std::pair<const NodeImpl*, int> along[] = {
      {core, x.out_dim}, {core->inputs[1], x.b_dim}, {core->inputs[0], x.a_dim}};
  for (const auto& [n, dim] : along)
    if (dim >= 0 && n->aval.shape[dim] == x.extent) return b.varies(n, dim);
  return b.varies(x.extent);
}

}  // namespace

ContractionSpec make_spec(const Builder& b, NodeImpl* core) {
  const Operand lhs = make_operand(b, core->inputs[0]), rhs = make_operand(b, core->inputs[1]);
  ContractionSpec spec;
  spec.a_buffer = lhs.buffer;
  spec.b_buffer = rhs.buffer;
  spec.a_dtype = b.plan.buffers[static_cast<std::size_t>(lhs.buffer)].dtype;
  spec.b_dtype = b.plan.buffers[static_cast<std::size_t>(rhs.buffer)].dtype;
  spec.a_constant = b.is_constant(lhs.buffer);
  spec.b_constant = b.is_constant(rhs.buffer);
  // Of two inputs one is what the other is applied to, which is new each time.
  spec.a_kept = b.is_kept(lhs.buffer) && !b.is_input(rhs.buffer);
  spec.b_kept = b.is_kept(rhs.buffer) && !b.is_input(lhs.buffer);
  spec.a_offset = lhs.offset;
  spec.b_offset = rhs.offset;
  spec.axes = contraction_axes(core, lhs.stride, rhs.stride);
  for (Axis& x : spec.axes) x.varies = varies(b, core, x);
  std::erase_if(spec.axes, [](const Axis& x) { return x.extent == 1; });
  merge_summed(&spec);
  // Summed axes with the longest step outside, as a lies: b is what panels are made of.
  std::stable_sort(spec.axes.begin(), spec.axes.end(), [](const Axis& x, const Axis& y) {
    if (x.summed() != y.summed()) return !x.summed();
    if (!x.summed()) return false;
    return std::pair(std::abs(x.a), std::abs(x.b)) > std::pair(std::abs(y.a), std::abs(y.b));
  });
  return spec;
}

}  // namespace lilith::schedule
