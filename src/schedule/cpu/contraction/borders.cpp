#include "schedule/cpu/contraction/product_kernel.h"
#include "schedule/kernel/border.h"

// The zeros around a result that is stored with its border: boxes that together are all of it.
//
//   parallel box before dimension 2 { … = 0 }, behind it, before dimension 3, behind it
namespace lilith::schedule {

using kir::Block;
using kir::Expr;

void ProductKernel::store_borders() {
  for (ir::NodeImpl* n : g_.stores) {
    if (!adds_border(n)) continue;
    const auto &lo = n->attrs.ints("lo"), &hi = n->attrs.ints("hi");
    std::vector<Range> box;
    for (const std::int64_t d : n->aval.shape) box.push_back({0, d});
    for (std::size_t d = 0; d < box.size(); ++d) {
      const std::int64_t all = box[d].count;
      for (const Range& side : {Range{0, lo[d]}, Range{all - hi[d], hi[d]}}) {
        box[d] = side;
        if (side.count > 0) store_zeros(n, box);
      }
      box[d] = {lo[d], all - lo[d] - hi[d]};
    }
  }
}

void ProductKernel::store_zeros(ir::NodeImpl* n, const std::vector<Range>& box) {
  const int buffer = b_.buffer(n);
  std::vector<LoopDim> dims;
  Index at(box.size());
  for (const int d : b_.plan.buffers[static_cast<std::size_t>(buffer)].layout.order) {
    const Range& r = box[static_cast<std::size_t>(d)];
    dims.push_back({loop_var(pool(), r.count, "b" + std::to_string(d)), r.count});
    at[static_cast<std::size_t>(d)] = dims.back().var + number(r.first);
  }
  const DType dtype = compute_dtype(n->aval.dtype);
  const Expr zero = is_floating(dtype) ? pool().constant(dtype, 0) : pool().integer(0, dtype);
  Block store{lower_.store(buffer, at, zero)};
  const std::int64_t elements = extent_of(dims);
  kernel_.body.push_back(share_vector_loops(pool(), std::move(dims), std::move(store),
                                            enough_tasks(b_.target, elements)));
}

}  // namespace lilith::schedule
