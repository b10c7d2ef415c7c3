#include "ir/host.h"
#include "ir/host_copy.h"
#include "ir/node.h"
#include "ir/op_registry.h"
#include "runtime/fork.h"

namespace lilith::ir {
namespace {

const OpDef& register_leaf(const char* name) {
  return register_builtin({.name = name,
                           .arity = 0,
                           .cls = OpClass::Leaf,
                           .infer = [](const InferCtx& c) -> Aval {
                             fail("{}: a leaf carries its own aval; apply does not make one", c.op);
                           },
                           .no_vjp_reason = "a leaf has no inputs",
                           .cost = 0});
}

Tensor make_leaf_node(const OpDef& op, Attrs attrs, const Aval& aval) {
  return Tensor(new NodeImpl(&op, {}, std::move(attrs), aval, LocScope::current()));
}

// Registered at load time, so that the parser knows them before the first is made.
[[maybe_unused]] const OpDef* const kLeaves[] = {&data_op(), &scalar_op(), &constant_op(),
                                                 &parameter_op()};

}  // namespace

const OpDef& data_op() {
  static const OpDef& op = register_leaf("data");
  return op;
}
const OpDef& scalar_op() {
  static const OpDef& op = register_leaf("scalar");
  return op;
}
const OpDef& constant_op() {
  static const OpDef& op = register_leaf("constant");
  return op;
}
const OpDef& parameter_op() {
  static const OpDef& op = register_leaf("parameter");
  return op;
}

Tensor make_data(Aval aval, StoragePtr storage) {
  if (!storage || storage->bytes() < aval.bytes()) {
    throw InternalError("make_data: " + aval.str() + " does not fit its storage");
  }
  Tensor t = make_leaf_node(data_op(), {}, aval);
  t.node()->set_storage(std::move(storage));
  return t;
}

void check_unchanged(const NodeImpl& leaf) {
  const StoragePtr& storage = leaf.storage();
  LILITH_CHECK(
      !storage || !storage->watched() || !storage->changed(),
      "from_data: the memory that {} borrows was written to while values that depend on it "
      "were pending; evaluate them before (eval(y)), or let from_data copy: without a "
      "deleter",
      leaf.aval.str());
}

void materialise(NodeImpl& constant) {
  const runtime::Busy busy;
  static auto* mutex = new std::mutex;  // lives through static destruction
  const std::lock_guard lock(*mutex);
  if (constant.storage()) return;
  constant.set_storage(uniform(constant.aval, number_of(constant)));
}

Tensor make_parameter(Aval aval, std::int64_t index, std::string name) {
  Tensor t = make_leaf_node(parameter_op(), {{"index", index}}, aval);
  t.node()->name = std::move(name);
  return t;
}

Tensor make_constant(Scalar value, Aval aval) {
  Attr attr;
  if (is_floating(aval.dtype)) {
    attr = value.as_double();
  } else if (value.kind == Scalar::Kind::Float) {
    attr = saturate(value.f, aval.dtype);
  } else {
    attr = wrap(value.i, aval.dtype);
  }
  return make_leaf_node(constant_op(), {{"value", std::move(attr)}}, aval);
}

Tensor make_scalar(Scalar value, DType dtype) {
  const Aval aval{.shape = {}, .dtype = dtype};
  const bool baked = value.kind != Scalar::Kind::Float || trace_depth() > 0;
  if (baked) return make_constant(value, aval);
  Tensor t = make_leaf_node(scalar_op(), {}, aval);
  StoragePtr storage = Storage::allocate(size_of(dtype));
  fill(storage->data(), dtype, 1, value);
  t.node()->set_storage(std::move(storage));
  return t;
}

}  // namespace lilith::ir
