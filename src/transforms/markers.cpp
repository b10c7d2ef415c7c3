#include "transforms/markers.h"

#include "ir/copy_first.h"
#include "ir/op_registry.h"
#include "ops/batch.h"
#include "transforms/custom_rules.h"

namespace lilith::ir {
namespace {

Aval same_as_first(const InferCtx& c) { return c.in[0]; }

void fill_with_one(RefCtx& c) {
  for (std::int64_t k = 0; k < c.out.aval.numel(); ++k) c.out.set(k, 1);
}

}  // namespace

const OpDef& alias_op() {
  static const OpDef& op = register_builtin(
      {.name = "grad_alias",
       .arity = 1,
       .cls = OpClass::Marker,
       .infer = same_as_first,
       .vjp = [](const VjpCtx&, const Tensor& ct) { return std::vector<Tensor>{ct}; },
       .reference = copy_first,
       .cost = 0,
       .batch = ops::batch_in_front});
  return op;
}

const OpDef& seed_op() {
  static const OpDef& op = register_builtin(
      {.name = "grad_seed",
       .arity = -1,
       .cls = OpClass::Marker,
       .infer = same_as_first,
       .vjp = [](const VjpCtx& c, const Tensor&) { return std::vector<Tensor>(c.in.size()); },
       .reference = fill_with_one,
       .cost = 0,
       .batch = ops::batch_in_front});
  return op;
}

const OpDef& custom_vjp_op() {
  static const OpDef& op = register_builtin(
      {.name = "custom_vjp",
       .arity = -1,
       .cls = OpClass::Marker,
       .infer = same_as_first,
       .vjp = [](const VjpCtx& c, const Tensor& ct) { return apply_custom_rule(c, ct); },
       .reference = copy_first,
       .cost = 0,
       .batch = batch_custom_rule});
  return op;
}

namespace {
// Registered at load time, so that names are taken and all_ops lists them.
[[maybe_unused]] const OpDef* const kMarkers[] = {&alias_op(), &seed_op(), &custom_vjp_op()};
}  // namespace

Tensor make_alias(const Tensor& x) { return apply(alias_op(), {x}); }

}  // namespace lilith::ir
