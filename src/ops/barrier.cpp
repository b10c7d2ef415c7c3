#include "ir/op_registry.h"
#include "ir/reference.h"
#include "lilith/lower.h"

namespace lilith::ops {
namespace {

/// Identity that common-subexpression elimination does not look through: checkpoint computes again
/// behind it.
[[maybe_unused]] const OpDef& barrier_op = register_builtin({
    .name = "barrier",
    .arity = 1,
    .cls = OpClass::Elementwise,
    .infer = [](const InferCtx& c) { return c.in[0]; },
    .vjp = [](const VjpCtx&, const Tensor& ct) { return std::vector<Tensor>{ct}; },
    .lower = [](LowerCtx& c) { return c[0]; },
    .reference =
        [](RefCtx& c) {
          c.out.f = c.in[0]->f;
          c.out.i = c.in[0]->i;
        },
    .cost = 0,
    .pure = false,
});

/// The first input, once the second is there.
[[maybe_unused]] const OpDef& after_op = register_builtin({
    .name = "after",
    .arity = 2,
    .cls = OpClass::Elementwise,
    .infer = [](const InferCtx& c) { return c.in[0]; },
    .vjp = [](const VjpCtx&, const Tensor& ct) { return std::vector<Tensor>{ct, Tensor()}; },
    .lower = [](LowerCtx& c) { return c[0]; },
    .reference =
        [](RefCtx& c) {
          c.out.f = c.in[0]->f;
          c.out.i = c.in[0]->i;
        },
    .cost = 0,
    .pure = false,
});

}  // namespace
}  // namespace lilith::ops
