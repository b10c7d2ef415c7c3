#include "lilith/tensor.h"

#include <ostream>

#include "ir/host.h"
#include "ir/node.h"

namespace lilith {
namespace {

// The node's memory, evaluated when pending.
Storage& realise(const Tensor& t, const char* what) {
  ir::NodeImpl& node = *t.node();
  if (node.op == &ir::constant_op()) ir::materialise(node);
  if (node.storage()) return *node.storage();
  LILITH_CHECK(node.op != &ir::parameter_op(),
               "{}: the tensor is an input of a traced function and has no value; return it from "
               "the function instead",
               what);
  LILITH_CHECK(ir::trace_depth() == 0,
               "{}: a value was asked for while a function is traced; return it from the function, "
               "or ask outside of it",
               what);
  if (!ir::eval_hooks().eval) throw InternalError("no evaluator is installed");
  ir::eval_hooks().eval({t});
  if (!node.storage()) throw InternalError(std::string(what) + ": evaluation left no value");
  return *node.storage();
}

Storage& realise_one(const Tensor& t) {
  LILITH_CHECK(t.numel() == 1, "item: the tensor is {}; need exactly one element", t.aval().str());
  return realise(t, "item");
}

}  // namespace

Tensor::Tensor(ir::NodeImpl* node) : node_(node) {
  if (node_) node_->retain_handle();
}

Tensor::Tensor(const Tensor& other) : node_(other.node_), tie_(other.tie_) {
  if (node_) node_->retain_handle();
}

Tensor::~Tensor() {
  if (node_) node_->release_handle();
}

void Tensor::rebind(const Tensor& value) & {
  if (value.node_) value.node_->retain_handle();
  if (node_) node_->release_handle();
  node_ = value.node_;
}

Tensor& Tensor::operator=(const Tensor& other) & {
  rebind(other);
  tie_ = other.tie_;
  return *this;
}

Tensor& Tensor::operator=(Tensor& other) & {
  rebind(other);
  tie_.follow(other.tie_);
  return *this;
}

Tensor& Tensor::operator=(Tensor&& other) & noexcept {
  if (this != &other) {
    if (node_) node_->release_handle();
    node_ = other.node_;
    other.node_ = nullptr;
    tie_ = std::move(other.tie_);
  }
  return *this;
}

const Aval& Tensor::aval() const {
  if (!node_)
    fail("tensor: {} is undefined (default-constructed or moved from); need a value",
         LocScope::current().op ? "a tensor" : "it");
  return node_->aval;
}

std::int64_t Tensor::size(Dim d, SourceLocation loc) const {
  LocScope scope(loc);
  const int rank = ndim();
  LILITH_CHECK(d >= -rank && d < rank, "size: dimension {} of {}; need {} <= d < {}", d,
               aval().str(), -rank, rank);
  return shape()[d < 0 ? d + rank : int{d}];
}

const void* Tensor::raw_data(SourceLocation loc) const {
  LocScope scope(loc, "data");
  static_cast<void>(aval());
  Storage& storage = realise(*this, "data");
  storage.lend();
  return storage.data();
}

const void* Tensor::raw_data(DType expected, SourceLocation loc) const {
  LocScope scope(loc, "data");
  const char* host_types[] = {"bool", "uint8_t",  "int8_t", "int16_t", "int32_t", "int64_t",
                              "half", "bfloat16", "float",  "double",  "",        ""};
  LILITH_CHECK(
      dtype() == expected, "data<{}>: the tensor is {}; need data<{}>, or x.to(dtype) first",
      host_types[static_cast<int>(expected)], aval().str(), host_types[static_cast<int>(dtype())]);
  return raw_data(loc);
}

double Tensor::item_f64(SourceLocation loc) const {
  LocScope scope(loc, "item");
  return ir::read_f64(realise_one(*this).data(), dtype(), 0);
}

std::int64_t Tensor::item_i64(SourceLocation loc) const {
  LocScope scope(loc, "item");
  return ir::read_i64(realise_one(*this).data(), dtype(), 0);
}

Arg::Arg(const Tensor& t, SourceLocation loc) : node_(t.node()), loc_(loc) {
  if (node_) node_->retain_handle();
}
Arg::Arg(Tensor&& t, SourceLocation loc) : node_(t.node()), loc_(loc), used_up_(true) {
  if (node_) node_->retain_operand();
  t = Tensor();
}
Arg::Arg(const Arg& other)
    : node_(other.node_),
      loc_(other.loc_),
      scalar_(other.scalar_),
      is_scalar_(other.is_scalar_),
      used_up_(other.used_up_) {
  if (node_) used_up_ ? node_->retain_operand() : node_->retain_handle();
}
Arg::~Arg() {
  if (node_) used_up_ ? node_->release_operand() : node_->release_handle();
}

Tensor Arg::tensor() const {
  if (!is_scalar_) return Tensor(node_);
  switch (scalar_.kind) {
    case Scalar::Kind::Bool:
      return tensor(DType::Bool);
    case Scalar::Kind::Int:
      return tensor(DType::I64);
    case Scalar::Kind::Float:
      break;
  }
  return tensor(DType::F32);
}

Tensor Arg::tensor(DType dtype) const {
  return is_scalar_ ? ir::make_scalar(scalar_, dtype) : Tensor(node_);
}

std::ostream& operator<<(std::ostream& out, const Tensor& t) { return out << to_string(t); }

}  // namespace lilith
