#include "ir/host_call.h"

#include "core/run_error.h"
#include "ir/host.h"
#include "ir/node.h"
#include "ir/reference.h"

namespace lilith::ir {

void run_call(const OpDef& op, CallCtx& ctx, Loc loc) {
  try {
    const LocScope::Override at(loc);
    op.call(ctx);
  } catch (const CallError& e) {
    throw RunError(op.name, e.what(), loc);
  }
}

namespace {

/// A value as a Call sees it in the reference: floats in place, others in their own dtype.
class CallValue {
 public:
  explicit CallValue(const RefTensor& t) : aval_(t.aval), floats_(t.f.data()) {
    if (t.floating()) {
      aval_.dtype = DType::F64;
      return;
    }
    bytes_.resize(aval_.bytes());
    for (std::int64_t k = 0; k < aval_.numel(); ++k)
      write_i64(bytes_.data(), aval_.dtype, k, t.i[static_cast<std::size_t>(k)]);
  }

  const Aval& aval() const { return aval_; }
  const void* data() const {
    return is_floating(aval_.dtype) ? static_cast<const void*>(floats_) : bytes_.data();
  }
  /// Of a result: what the function wrote.
  void read_into(RefTensor& t) const {
    for (std::int64_t k = 0; !t.floating() && k < aval_.numel(); ++k)
      t.i[static_cast<std::size_t>(k)] = read_i64(bytes_.data(), aval_.dtype, k);
  }

 private:
  Aval aval_;
  const double* floats_;
  std::vector<char> bytes_;
};

}  // namespace

void call_reference(const OpDef& op, RefCtx& ctx) {
  std::vector<Aval> given, in_avals, out_avals;
  std::vector<CallValue> in, out;
  std::vector<const void*> from;
  std::vector<void*> to;
  for (const RefTensor* t : ctx.in) {
    given.push_back(t->aval);
    in.emplace_back(*t);
    in_avals.push_back(in.back().aval());
  }
  if (op.results)
    for (const Aval& aval : op.results({op.name, given, ctx.attrs}))
      ctx.out.results.emplace_back(aval);
  const std::span<RefTensor> results =
      op.results ? std::span(ctx.out.results) : std::span(&ctx.out, 1);
  for (const RefTensor& t : results) {
    out.emplace_back(t);
    out_avals.push_back(out.back().aval());
  }
  for (const CallValue& v : in) from.push_back(v.data());
  for (const CallValue& v : out) to.push_back(const_cast<void*>(v.data()));
  CallCtx call{ctx.attrs, in_avals, from, out_avals, to};
  run_call(op, call, LocScope::current());
  for (std::size_t k = 0; k < results.size(); ++k) out[k].read_into(results[k]);
}

Aval aval_of_all(const InferCtx& c) {
  return {.shape = {}, .dtype = DType::Bool, .device = c.in.empty() ? cpu() : c.in[0].device};
}

std::vector<Tensor> results_of(const Tensor& call) {
  const NodeImpl& node = *call.node();
  std::vector<Aval> in;
  for (const NodeImpl* input : node.inputs) in.push_back(input->aval);
  std::vector<Tensor> out;
  for (const Aval& aval : node.op->results({node.op->name, in, node.attrs})) {
    const auto index = static_cast<std::int64_t>(out.size());
    out.push_back(apply("get", {call},
                        {{"dtype", aval.dtype}, {"index", index}, {"shape", aval.shape.vec()}}));
  }
  return out;
}

std::vector<Tensor> apply_call(const OpDef& op, std::vector<Tensor> inputs, Attrs attrs) {
  const Tensor call = apply(op, std::move(inputs), std::move(attrs));
  return op.results ? results_of(call) : std::vector{call};
}

}  // namespace lilith::ir
