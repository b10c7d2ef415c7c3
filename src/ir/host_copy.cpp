#include "ir/host_copy.h"

#include "ir/host.h"
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

StoragePtr placed(const StoragePtr& host, const Aval& aval) {
  if (aval.device == cpu()) return host;
  StoragePtr there = Storage::allocate(aval.bytes(), aval.device);
  upload(*there, aval, host);
  return there;
}

void upload(Storage& to, const Aval& aval, const StoragePtr& from) {
  runtime::upload(to, from, aval.bytes());
  if (aval.dtype == DType::I64) runtime::note_range(to, from->data(), aval.bytes());
}

void write(Storage& to, const Aval& aval, const void* from) {
  runtime::write(to, 0, from, aval.bytes());
  if (aval.dtype == DType::I64) runtime::note_range(to, from, aval.bytes());
}

StoragePtr uniform(const Aval& aval, Scalar value) {
  return runtime::make_uniform(aval.bytes(), aval.device, [&](void* to, std::size_t bytes) {
    fill(to, aval.dtype, static_cast<std::int64_t>(bytes / size_of(aval.dtype)), value);
  });
}

Scalar number_of(const NodeImpl& constant) {
  const Attr& value = *constant.attrs.find("value");
  if (const double* f = std::get_if<double>(&value)) return {Scalar::Kind::Float, 0, *f};
  return {Scalar::Kind::Int, std::get<std::int64_t>(value), 0};
}

Tensor make_filled(const Aval& aval, const std::function<void(void*)>& fill) {
  StoragePtr host = Storage::allocate(aval.bytes());
  fill(host->data());
  return make_data(aval, placed(host, aval));
}

}  // namespace lilith::ir
