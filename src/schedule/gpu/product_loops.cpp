#include "schedule/gpu/product_loops.h"

#include <cstdlib>

#include "schedule/kernel/epilogue.h"
#include "schedule/kernel/strided_view.h"

namespace lilith::schedule::gpu {

using kir::Block;
using kir::Expr;

namespace {

// Of an operand's dimensions, in memory; as if it were stored where it is computed.
std::vector<std::int64_t> strides_of(const Builder& b, ir::NodeImpl* operand) {
  if (b.buffer(strided_view(operand).base) >= 0) return make_operand(b, operand).stride;
  return Layout::row_major(operand->aval.shape.rank()).strides(operand->aval.shape);
}

}  // namespace

Loops loops_of(const Builder& b, const ir::NodeImpl* core) {
  const std::vector<Axis> all =
      contraction_axes(core, strides_of(b, core->inputs[0]), strides_of(b, core->inputs[1]));
  const Coefficients steps[] = {operand_coefficients(core, 0), operand_coefficients(core, 1)};
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].extent != 1) order.push_back(i);
  // Summed axes with the longest step outside.
  std::ranges::stable_sort(order, [&](std::size_t i, std::size_t j) {
    const Axis &x = all[i], &y = all[j];
    if (x.summed() != y.summed()) return !x.summed();
    if (!x.summed()) return false;
    return std::max(std::abs(x.a), std::abs(x.b)) > std::max(std::abs(y.a), std::abs(y.b));
  });
  Loops loops;
  for (const std::size_t i : order) {
    loops.axes.push_back(all[i]);
    for (const int side : {0, 1}) loops.steps[side].push_back(steps[side][i]);
  }
  // Threads that follow each other store neighbours: the operand that walks the result's last
  // dimension gives the columns.
  const int last = core->aval.shape.rank() - 1;
  for (std::size_t i = 0; i < loops.axes.size(); ++i) {
    if (loops.axes[i].out_dim != last || !loops.moves(0, i) || loops.moves(1, i)) continue;
    loops.a = 1;
    loops.b = 0;
  }
  return loops;
}

bool split_windows(const Product& g, Loops* loops) {
  const auto& window = g.pool->attrs.ints("window");
  Loops inner;
  loops->in_window.assign(loops->axes.size(), false);
  for (int d = 0; d < g.domain.rank(); ++d) {
    const std::int64_t n = window[static_cast<std::size_t>(d)];
    if (n == 1) continue;
    const auto is_its = [&](const Axis& x) { return x.out_dim == d; };
    if (std::ranges::count_if(loops->axes, is_its) != 1) return false;
    const auto i =
        static_cast<std::size_t>(std::ranges::find_if(loops->axes, is_its) - loops->axes.begin());
    Axis& axis = loops->axes[i];
    if (axis.out_step != 1 || !loops->moves(0, i) || loops->moves(1, i)) return false;
    inner.axes.push_back(axis);
    inner.axes.back().extent = n;
    inner.axes.back().name += "w";
    axis.extent = g.domain[d];
    axis.out_step *= n;
    axis.a *= n;
    axis.b *= n;
    for (const int side : {0, 1}) {
      inner.steps[side].push_back(loops->steps[side][i]);
      for (std::int64_t& step : loops->steps[side][i]) step *= n;
    }
    loops->window *= n;
  }
  for (std::size_t i = 0; i < inner.axes.size(); ++i) {
    loops->axes.push_back(inner.axes[i]);
    loops->in_window.push_back(true);
    for (const int side : {0, 1}) loops->steps[side].push_back(inner.steps[side][i]);
  }
  return !inner.axes.empty();
}

ProductLoops::ProductLoops(Builder& b, const Product& g, const Loops& loops)
    : b_(b),
      g_(g),
      loops_(loops),
      lower_(b.lowerer(kernel_)),
      dtype_(compute_dtype(g.core->aval.dtype)) {
  kernel_.name = g.core->op->name;
  for (std::size_t i = 0; i < loops_.axes.size(); ++i) {
    const Axis& axis = loops_.axes[i];
    at_.push_back(loop_var(pool(), axis.extent, axis.name));
    Side& side = side_of(i);
    side.dims.push_back({at_.back(), axis.extent, axis.summed()});
    side.extent *= axis.extent;
  }
  for (Side* side : {&batch_, &rows_, &columns_, &sum_}) side->dims = proper_loops(side->dims);
}

std::vector<Expr> ProductLoops::place(Expr batch, Expr row, Expr column, Expr k) const {
  std::vector<Expr> by;
  const auto split = [&](const Side& side, Expr n) {
    if (n && !side.dims.empty()) split_index(n, side.dims, &by);
  };
  split(batch_, batch);
  split(rows_, row);
  split(columns_, column);
  split(sum_, k);
  return by;
}

Block ProductLoops::store_at(const std::vector<Expr>& by, Expr value) {
  Index index = result_index(pool(), loops_.axes, g_.domain.rank(), at_);
  for (Expr& i : index) i = kir::substitute(i, by);
  return store_results(b_, g_, &lower_, index, value);
}

Expr ProductLoops::operand(int which, const std::vector<Expr>& by, Expr inside) {
  ir::NodeImpl* node = g_.core->inputs[static_cast<std::size_t>(which)];
  Index index(node->aval.shape.size(), number(0));
  for (std::size_t i = 0; i < at_.size(); ++i) {
    for (std::size_t d = 0; d < index.size(); ++d) {
      const std::int64_t k = loops_.steps[which][i][d];
      if (k != 0) index[d] = index[d] + at_[i] * number(k);
    }
  }
  for (Expr& e : index) e = kir::substitute(e, by);
  return lower_.value(node, index, inside);
}

Block ProductLoops::store_window(std::vector<Expr> by,
                                 const std::function<Expr(std::int64_t)>& element) {
  const auto& window = g_.pool->attrs.ints("window");
  std::vector<Axis> whole = loops_.axes;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (loops_.in_window[i]) set_var(&by, at_[i], number(0));
    if (loops_.in_window[i]) whole[i].out_step = 0;
    if (!whole[i].summed()) whole[i].out_step /= window[static_cast<std::size_t>(whole[i].out_dim)];
  }
  Index index = result_index(pool(), whole, g_.domain.rank(), at_);
  for (Expr& i : index) i = kir::substitute(i, by);
  return store_results(b_, g_, &lower_, index, [&](const Index& at) {
    std::int64_t k = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      if (!loops_.in_window[i]) continue;
      const auto d = static_cast<std::size_t>(whole[i].out_dim);
      k = k * whole[i].extent + (at[d] - index[d] * number(window[d])).as_int();
    }
    return element(k);
  });
}

bool ProductLoops::has_plain_axes() const {
  return std::ranges::all_of(loops_.axes, [&](const Axis& axis) {
    const auto same = [&](const Axis& x) { return x.out_dim == axis.out_dim; };
    return axis.summed() || (axis.out_step == 1 && std::ranges::count_if(loops_.axes, same) == 1);
  });
}

Expr ProductLoops::number_of(const Index& at) const {
  Expr n = at[0].pool().integer(0);
  for (const Side* side : {&batch_, &rows_, &columns_}) {
    for (const LoopDim& d : side->dims) {
      const auto i = static_cast<std::size_t>(std::ranges::find(at_, d.var) - at_.begin());
      const auto dim = static_cast<std::size_t>(loops_.axes[i].out_dim);
      n = n * n.pool().integer(d.extent) + at[dim];
    }
  }
  return n;
}

Side& ProductLoops::side_of(std::size_t axis) {
  if (loops_.axes[axis].summed()) return sum_;
  const bool a = loops_.moves(loops_.a, axis), b = loops_.moves(loops_.b, axis);
  return a && b ? batch_ : b ? columns_ : rows_;
}

}  // namespace lilith::schedule::gpu
