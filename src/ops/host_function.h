#pragma once
#include <functional>
#include <string>
#include <vector>

#include "ir/host_call.h"
#include "ir/op_registry.h"
#include "lilith/op_def.h"

// Short forms of ops of class Call.
namespace lilith::ops {

/// A function of the host. Its operands and results have their batch in front: vmap adds a
/// dimension there to all of them.
struct HostFunction {
  const char* name;
  int arity = 1;
  bool several = false;  // results, each a "get"
  std::vector<Aval> (*results)(const InferCtx&);
  std::function<void(CallCtx&)> call;
  /// `cts`: of each result, undefined where none flows.
  std::vector<Tensor> (*vjp)(const VjpCtx& c, const std::vector<Tensor>& cts) = nullptr;
  const char* no_vjp_reason = "";
  int cost = 50;
};
const OpDef& define(const HostFunction& rule);

/// body.template operator()<T>(ctx) for the floating dtype of the first operand, f32 or f64.
template <class Body>
std::function<void(CallCtx&)> by_dtype(Body body) {
  return [body](CallCtx& c) {
    if (c.in_avals[0].dtype == DType::F64)
      body.template operator()<double>(c);
    else
      body.template operator()<float>(c);
  };
}

}  // namespace lilith::ops
