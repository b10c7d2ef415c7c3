#include "ir/copy_first.h"
#include "ir/op_registry.h"
#include "ops/define.h"

// Between devices. A program that has such nodes runs in parts, one device each (eval/split.h), so
// that no kernel ever computes one.
namespace lilith::ops {
namespace {

using Cts = std::vector<Tensor>;

const OpDef& copy_to_op = register_builtin(
    {.name = "copy_to",
     .arity = 1,
     .cls = OpClass::Elementwise,
     .infer =
         [](const InferCtx& c) {
           Aval out = c.in[0];
           out.device = device_of(c.attrs);
           return out;
         },
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts { return {ct.to(c.in[0].device())}; },
     .lower = [](LowerCtx& c) { return c[0]; },
     .reference = ir::copy_first,
     .cost = 0});

}  // namespace
}  // namespace lilith::ops
