#include <algorithm>

#include "lilith/error.h"
#include "schedule/loops.h"

// scatter_add(base, index, src): out = base, then out[…, index, …] += src in the order of src's
// axis, so that sums are the same in every run. Threads take distinct slices of the other
// dimensions.
namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

void build_scatter(Builder& b, const Group& g) {
  ir::NodeImpl* n = g.core;
  kir::Kernel kernel;
  kernel.name = n->op->name;
  Lowerer lower(kernel, b.plan, [&b](ir::NodeImpl* x) { return b.buffer(x); });
  kir::Pool& pool = *kernel.pool;
  const auto axis = static_cast<std::size_t>(n->attrs.integer("axis"));
  const Shape& out_shape = n->aval.shape;
  const Shape& src_shape = n->inputs[2]->aval.shape;
  const DType dtype = compute_dtype(n->aval.dtype);

  // The base's values, before this value has a buffer of its own.
  Index copy_at, at;
  std::vector<LoopDim> copy_dims, dims;
  for (int d = 0; d < out_shape.rank(); ++d) {
    copy_at.push_back(pool.var(out_shape[d], "i"));
    copy_dims.push_back({copy_at.back(), out_shape[d]});
    at.push_back(pool.var(src_shape[d], "s"));
    if (d != static_cast<int>(axis)) dims.push_back({at.back(), src_shape[d]});
  }
  const Expr base = lower.value(n->inputs[0], copy_at);
  const Expr source = lower.value(n->inputs[2], at);
  const Expr index = lower.value(n->inputs[1], at);
  const int buffer = b.add_value(n, Layout::row_major(out_shape.rank()));
  const kir::BufferId out = lower.param(buffer);
  kernel.buffers[static_cast<std::size_t>(out)].written = true;

  const auto nest = [](const std::vector<LoopDim>& loops, Block body) {
    for (auto it = loops.rbegin(); it != loops.rend(); ++it) {
      Block outer;
      outer.push_back(kir::make_for(
          it->var, it == loops.rbegin() ? LoopKind::Vector : LoopKind::Serial, std::move(body)));
      body = std::move(outer);
    }
    return body;
  };
  const auto parallel = [&](std::vector<LoopDim> loops, Block body, bool vector) {
    if (loops.empty() || (loops.size() == 1 && vector)) {
      Block inner = vector && !loops.empty() ? nest(loops, std::move(body)) : std::move(body);
      return parallel_for(pool.var(1, "once"), std::move(inner));
    }
    const LoopDim first = loops.front();
    loops.erase(loops.begin());
    if (vector)
      body = nest(loops, std::move(body));
    else {
      for (auto it = loops.rbegin(); it != loops.rend(); ++it) {
        Block outer;
        outer.push_back(kir::make_for(it->var, LoopKind::Serial, std::move(body)));
        body = std::move(outer);
      }
    }
    const bool share = src_shape.numel() + out_shape.numel() >= 4096;
    return kir::make_for(first.var, share ? LoopKind::Parallel : LoopKind::Serial, std::move(body));
  };

  Block copy;
  copy.push_back(kir::Store{out, lower.address(buffer, copy_at), base, {}});
  kernel.body.push_back(parallel(copy_dims, std::move(copy), true));
  kernel.body.push_back(kir::Barrier{});

  // An index outside is clamped, as gather's is; the run reports it.
  const Expr last = pool.integer(out_shape[static_cast<int>(axis)] - 1);
  Index to = at;
  to[axis] = kir::min(kir::max(index, pool.integer(0)), last);
  const Expr address = lower.address(buffer, to);
  const Expr old = pool.load(out, n->aval.dtype, address);
  Block add;
  add.push_back(
      kir::Store{out, address, (old.dtype() == dtype ? old : pool.cast(old, dtype)) + source, {}});
  // One element after another along the axis; lanes run over the innermost other dimension.
  Block along;
  const bool lanes = axis + 1 != at.size() && !dims.empty();
  if (lanes) {
    Block vector;
    vector.push_back(kir::make_for(dims.back().var, LoopKind::Vector, std::move(add)));
    add = std::move(vector);
    dims.pop_back();
  }
  along.push_back(kir::make_for(at[axis], LoopKind::Serial, std::move(add)));
  kernel.body.push_back(parallel(dims, std::move(along), false));
  b.launch(std::move(kernel), lower, g, "in order along the axis",
           static_cast<double>(src_shape.numel()));
}

}  // namespace lilith::schedule
