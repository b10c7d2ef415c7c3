#include "ir/copy_first.h"
#include "ir/op_registry.h"
#include "lilith/lower.h"

namespace lilith::ops {
namespace {

/// Its first input as it is; what stands behind it is not looked through.
OpDef first_input(std::string name, int arity) {
  return {
      .name = std::move(name),
      .arity = arity,
      .cls = OpClass::Elementwise,
      .infer = [](const InferCtx& c) { return c.in[0]; },
      .vjp =
          [](const VjpCtx& c, const Tensor& ct) {
            std::vector<Tensor> cts(c.in.size());
            cts[0] = ct;
            return cts;
          },
      .lower = [](LowerCtx& c) { return c[0]; },
      .reference = ir::copy_first,
      .cost = 0,
      .pure = false,
  };
}

/// Identity that common-subexpression elimination does not look through: checkpoint computes again
/// behind it.
[[maybe_unused]] const OpDef& barrier_op = register_builtin(first_input("barrier", 1));
/// The first input, once the second is there.
[[maybe_unused]] const OpDef& after_op = register_builtin(first_input("after", 2));

}  // namespace
}  // namespace lilith::ops
