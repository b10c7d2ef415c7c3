#include "lilith/tensor.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "ir/host.h"
#include "ir/host_copy.h"
#include "ir/node.h"
#include "runtime/device_memory.h"

namespace lilith {
namespace {

// The one element, in `element`.
void read_one(const Tensor& t, void* element) {
  LILITH_CHECK(t.numel() == 1, "item: the tensor is {}; need exactly one element", t.aval().str());
  runtime::read(*ir::realise(t, "item"), 0, element, size_of(t.dtype()));
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

void Tensor::copy_sizes(std::int64_t* to, int rank, SourceLocation loc) const {
  LocScope scope(loc, "sizes");
  LILITH_CHECK(ndim() == rank, "sizes: {} sizes are asked for of {}, whose rank is {}", rank,
               aval().str(), ndim());
  std::ranges::copy(shape(), to);
}

std::int64_t Tensor::stride(Dim d, SourceLocation loc) const {
  size(d, loc);  // checks d
  return stride()[d < 0 ? d + ndim() : int{d}];
}

double Tensor::item(SourceLocation loc) const {
  const double value = item_f64(loc);
  if (!is_integral(dtype())) return value;
  const std::int64_t whole = item_i64(loc);
  const LocScope scope(loc);
  LILITH_CHECK(
      whole == INT64_MIN || (whole != INT64_MAX && static_cast<std::int64_t>(value) == whole),
      "item: {} does not fit a double; write item<std::int64_t>()", whole);
  return value;
}

Tensor::operator bool() const {
  if (!node_) return false;
  // A conversion knows no line of its own; a comparison stands where the condition does.
  const LocScope scope(own_line(), "if");
  LILITH_CHECK(numel() == 1,
               "if: the condition is {}; need exactly one element, as any(x) and all(x) give; "
               "whether there is a tensor says x.defined()",
               aval().str());
  return item<bool>(SourceLocation());
}

Loc Tensor::own_line() const { return node_ ? node_->loc : Loc{}; }

bool Tensor::is_nonzero(SourceLocation loc) const { return item<bool>(loc); }

const void* Tensor::raw_data(SourceLocation loc) const {
  LocScope scope(loc, "data");
  LILITH_CHECK(device() == lilith::cpu(),
               "data: the tensor is {} on {}; the host reads a copy: x.to(cpu()).data<T>()",
               aval().str(), device().str());
  Storage& storage = *ir::realise(*this, "data");
  storage.lend();
  return storage.data();
}

std::int64_t Tensor::numel_of(DType expected, SourceLocation loc) const {
  LocScope scope(loc, "data");
  const char* host_types[] = {"bool", "uint8_t",  "int8_t", "int16_t", "int32_t", "int64_t",
                              "half", "bfloat16", "float",  "double",  "",        ""};
  LILITH_CHECK(
      dtype() == expected, "data<{}>: the tensor is {}; need data<{}>, or x.to(dtype) first",
      host_types[static_cast<int>(expected)], aval().str(), host_types[static_cast<int>(dtype())]);
  return numel();
}

Tensor Tensor::widened(DType to, SourceLocation loc) const {
  // What each value of a dtype fits into: whole numbers by bits, halves and floats by mantissa.
  const auto whole_bits = [](DType d) {
    constexpr int kBits[] = {1, 8, 7, 15, 31, 63, 11, 8, 24, 53, 0, 0};
    return kBits[static_cast<int>(d)];
  };
  const DType from = dtype();
  const bool fits =
      is_floating(to)
          ? whole_bits(from) <= whole_bits(to) && !(to == DType::F16 && is_floating(from))
          : !is_floating(from) && whole_bits(from) <= whole_bits(to) && to != DType::Bool &&
                !(from == DType::I8 && to == DType::U8);
  if (!fits) numel_of(to, loc);
  return this->to(to, loc);
}

const void* Tensor::raw_data(DType expected, SourceLocation loc) const {
  numel_of(expected, loc);
  return raw_data(loc);
}

void Tensor::copy_elements(void* to, SourceLocation loc) const {
  LocScope scope(loc, "data");
  runtime::read(*ir::realise(*this, "data"), 0, to, aval().bytes());
}

double Tensor::item_f64(SourceLocation loc) const {
  LocScope scope(loc, "item");
  std::int64_t element[2] = {};
  read_one(*this, element);
  return ir::read_f64(element, dtype(), 0);
}

std::int64_t Tensor::item_i64(SourceLocation loc) const {
  LocScope scope(loc, "item");
  std::int64_t element[2] = {};
  read_one(*this, element);
  return ir::read_i64(element, dtype(), 0);
}

std::int64_t Tensor::item_whole(std::int64_t least, std::int64_t most, SourceLocation loc) const {
  const LocScope scope(loc, "item");
  if (is_floating(dtype())) {
    // Doubles near 2^63 are whole: the largest i64, as one, is 2^63.
    const double value = item_f64(loc), whole = std::trunc(value);
    LILITH_CHECK(whole >= static_cast<double>(least) && whole < static_cast<double>(most) + 1,
                 "item: the value is {}; need a number from {} to {}", value, least, most);
    return static_cast<std::int64_t>(value);
  }
  const std::int64_t value = item_i64(loc);
  LILITH_CHECK(value >= least && value <= most,
               "item: the value is {}; need a number from {} to {}", value, least, most);
  return value;
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
