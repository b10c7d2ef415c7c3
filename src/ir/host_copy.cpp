#include "ir/host_copy.h"

#include "ir/node.h"
#include "runtime/device_memory.h"

namespace lilith::ir {

const StoragePtr& realise(const Tensor& t, const char* what) {
  NodeImpl& node = *t.node();
  if (node.op == &constant_op()) materialise(node);
  if (node.storage()) return node.storage();
  LILITH_CHECK(node.op != &parameter_op(),
               "{}: the tensor is an input of a traced function and has no value; return it from "
               "the function instead",
               what);
  LILITH_CHECK(trace_depth() == 0,
               "{}: a value was asked for while a function is traced; return it from the function, "
               "or ask outside of it",
               what);
  if (!eval_hooks().eval) throw InternalError("no evaluator is installed");
  eval_hooks().eval({t});
  if (!node.storage()) throw InternalError(std::string(what) + ": evaluation left no value");
  return node.storage();
}

StoragePtr host_value(const Tensor& t, const char* what) {
  return runtime::on_host(realise(t, what));
}

Tensor host_copy(const Tensor& t, const char* what) {
  if (t.device() == cpu()) return t;
  return make_data({.shape = t.shape(), .dtype = t.dtype()}, host_value(t, what));
}

Tensor make_filled(const Aval& aval, const std::function<void(void*)>& fill) {
  return make_data(aval, runtime::make_filled(aval.bytes(), aval.device, fill));
}

}  // namespace lilith::ir
