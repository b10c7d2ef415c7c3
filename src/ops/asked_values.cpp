#include "ops/asked_values.h"

#include <algorithm>

#include "ir/node.h"

namespace lilith::ops {

bool depends_on_inputs(const Tensor& x) {
  return std::ranges::any_of(ir::topological_order({x}),
                             [](const ir::NodeImpl* n) { return n->op == &ir::parameter_op(); });
}

void check_known(std::string_view op, std::string_view what, const Tensor& x) {
  if (ir::trace_depth() == 0) return;
  LILITH_CHECK(
      !depends_on_inputs(x),
      "{}: {} depends on values of {}, which a function that is traced (compile, a loop's "
      "body) does not have; call {} outside and pass its result in, or keep the shape with "
      "where or masked_fill",
      op, what, x.aval().str(), op);
}

}  // namespace lilith::ops
