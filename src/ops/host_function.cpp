#include "ops/host_function.h"

#include "ops/primitives.h"

namespace lilith::ops {
namespace {

std::vector<Tensor> batched(const BatchCtx& c) {
  std::vector<Tensor> in = c.in;
  for (std::size_t k = 0; k < in.size(); ++k) {
    if (c.batched[k]) continue;
    Shape shape = in[k].shape();
    Ints dims;
    for (int d = 0; d < in[k].ndim(); ++d) dims.push_back(d + 1);
    shape.insert(0, c.size);
    in[k] = make_broadcast(in[k], shape, dims);
  }
  return ir::apply_call(*find_op(c.op), std::move(in), c.attrs);
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
