#include "ops/host_function.h"

#include "ops/batch.h"

namespace lilith::ops {
namespace {

std::vector<Tensor> batched(const BatchCtx& c) {
  return ir::apply_call(*find_op(c.op), batched_operands(c), c.attrs);
}

}  // namespace

const OpDef& define(const HostFunction& r) {
  OpDef def{.name = r.name, .arity = r.arity, .cls = OpClass::Call};
  def.infer = [results = r.results, several = r.several](const InferCtx& c) {
    std::vector<Aval> all = results(c);
    return several ? ir::aval_of_all(c) : all[0];
  };
  if (r.several) def.results = r.results;
  def.call = r.call;
  if (r.vjp)
    def.vjp = [vjp = r.vjp, several = r.several](const VjpCtx& c, const Tensor& ct) {
      return vjp(c, several ? c.cts : std::vector{ct});
    };
  def.no_vjp_reason = r.no_vjp_reason;
  def.batch = batched;
  def.cost = r.cost;
  return register_builtin(std::move(def));
}

}  // namespace lilith::ops
