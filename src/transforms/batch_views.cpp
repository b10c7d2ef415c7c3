// A view that a user registered, of all examples: an op of its own, made from the definition.
//   %y: f32[3] = first_rows(%x)               %y: f32[8,3] = first_rows_of_each_1(%x)
// Its shape rule and its expression are the user's with the batch in front; its gradient is the
// user's rule, batched.
#include <mutex>

#include "ir/node.h"
#include "lilith/lower.h"
#include "ops/batch.h"
#include "transforms/custom_rules.h"
#include "transforms/vmap.h"

namespace lilith::ir {
namespace {

using Flags = std::vector<bool>;

Aval without_batch(Aval aval, bool batched) {
  if (batched) aval.shape.erase(0);
  return aval;
}

std::vector<Aval> without_batch(std::span<const Aval> avals, const Flags& batched) {
  std::vector<Aval> out;
  for (std::size_t k = 0; k < avals.size(); ++k) out.push_back(without_batch(avals[k], batched[k]));
  return out;
}

Aval infer_each(const OpDef& op, const Flags& batched, const InferCtx& c) {
  Aval out = op.infer({op.name, without_batch(c.in, batched), c.attrs});
  const auto first = std::find(batched.begin(), batched.end(), true) - batched.begin();
  out.shape.insert(0, c.in[static_cast<std::size_t>(first)].shape[0]);
  return out;
}

kir::Expr lower_each(const OpDef& op, const Flags& batched, LowerCtx& c) {
  const Aval out = without_batch(c.out, true);
  const std::vector<Aval> in = without_batch(c.in, batched);
  const auto of_example = [&](int i, std::vector<kir::Expr> at) {
    if (batched[static_cast<std::size_t>(i)]) at.insert(at.begin(), c.index[0]);
    return at;
  };
  LowerCtx one{
      c.pool,
      c.attrs,
      out,
      in,
      c.index.subspan(1),
      [&](int i, std::vector<kir::Expr> at) { return c.element(i, of_example(i, std::move(at))); },
      [&](int i, std::vector<kir::Expr> at, kir::Expr inside) {
        return c.guarded(i, of_example(i, std::move(at)), inside);
      }};
  return op.lower(one);
}

std::vector<Tensor> vjp_each(const OpDef& op, const Flags& batched, const VjpCtx& c,
                             const Tensor& ct) {
  const CustomRule rule = [&](const std::vector<Tensor>& in, const Tensor& out, const Tensor& one) {
    return op.vjp({in, out, c.attrs, c.wanted}, one);
  };
  return batched_rule(rule, batched, c.out.shape()[0], c.in, c.out, ct);
}

}  // namespace

std::vector<Tensor> batch_view(const OpDef& op, const BatchCtx& c) {
  std::string name = op.name + "_of_each_";
  for (const bool b : c.batched) name += b ? '1' : '0';
  static std::mutex registering;
  const std::lock_guard lock(registering);
  const OpDef* each = find_op(name);
  if (!each) {
    OpDef def{.name = name, .arity = op.arity, .cls = OpClass::View};
    def.infer = [&op, batched = c.batched](const InferCtx& c) {
      return infer_each(op, batched, c);
    };
    if (op.vjp)
      def.vjp = [&op, batched = c.batched](const VjpCtx& c, const Tensor& ct) {
        return vjp_each(op, batched, c, ct);
      };
    def.no_vjp_reason = op.no_vjp_reason;
    def.lower = [&op, batched = c.batched](LowerCtx& c) { return lower_each(op, batched, c); };
    def.cost = op.cost;
    def.pure = op.pure;
    each = &register_op(std::move(def));
  }
  return {apply(*each, c.in, c.attrs)};
}

}  // namespace lilith::ir
