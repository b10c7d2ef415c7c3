#include "lilith/ops.h"
#include "ops/primitives.h"

// The methods of Tensor that are free functions.
namespace lilith {

Tensor Tensor::to(DType dtype, SourceLocation loc) const {
  LocScope scope(loc);
  return cast(*this, dtype);
}
Tensor Tensor::to(Device device, SourceLocation loc) const {
  LocScope scope(loc);
  if (device == this->device()) return *this;
  throw DeviceError("to: there is no copy from " + this->device().str() + " to " + device.str());
}
Tensor Tensor::reshape(const Shape& shape, SourceLocation loc) const {
  return lilith::reshape(Arg(*this, loc), shape);
}
Tensor Tensor::view(const Shape& shape, SourceLocation loc) const {
  return lilith::view(Arg(*this, loc), shape);
}
Tensor Tensor::transpose(Dim a, Dim b, SourceLocation loc) const {
  return lilith::transpose(Arg(*this, loc), a, b);
}
Tensor Tensor::t(SourceLocation loc) const { return lilith::t(Arg(*this, loc)); }
Tensor Tensor::permute(const IntList& dims, SourceLocation loc) const {
  return lilith::permute(Arg(*this, loc), dims);
}
Tensor Tensor::flatten(Dim start, Dim end, SourceLocation loc) const {
  return lilith::flatten(Arg(*this, loc), start, end);
}
Tensor Tensor::squeeze(SourceLocation loc) const { return lilith::squeeze(Arg(*this, loc)); }
Tensor Tensor::squeeze(Dim dim, SourceLocation loc) const {
  return lilith::squeeze(Arg(*this, loc), dim);
}
Tensor Tensor::unsqueeze(Dim dim, SourceLocation loc) const {
  return lilith::unsqueeze(Arg(*this, loc), dim);
}
Tensor Tensor::expand(const Shape& shape, SourceLocation loc) const {
  return lilith::expand(Arg(*this, loc), shape);
}
Tensor Tensor::operator[](Index i) const { return lilith::select(Arg(*this, i.loc), 0, i.value); }
Tensor Tensor::slice(Dim d, Int a, Int b, Int step, SourceLocation loc) const {
  return lilith::slice(Arg(*this, loc), d, a, b, step);
}
Tensor Tensor::sum(SourceLocation loc) const { return lilith::sum(Arg(*this, loc)); }
Tensor Tensor::sum(const IntList& dims, bool keepdim, SourceLocation loc) const {
  return lilith::sum(Arg(*this, loc), dims, keepdim);
}
Tensor Tensor::mean(SourceLocation loc) const { return lilith::mean(Arg(*this, loc)); }
Tensor Tensor::mean(const IntList& dims, bool keepdim, SourceLocation loc) const {
  return lilith::mean(Arg(*this, loc), dims, keepdim);
}
Tensor Tensor::max(SourceLocation loc) const { return lilith::max(Arg(*this, loc)); }
Tensor Tensor::min(SourceLocation loc) const { return lilith::min(Arg(*this, loc)); }
Tensor Tensor::argmax(std::optional<Dim> dim, bool keepdim, SourceLocation loc) const {
  return lilith::argmax(Arg(*this, loc), dim, keepdim);
}
Tensor Tensor::abs(SourceLocation loc) const { return lilith::abs(Arg(*this, loc)); }
Tensor Tensor::exp(SourceLocation loc) const { return lilith::exp(Arg(*this, loc)); }
Tensor Tensor::log(SourceLocation loc) const { return lilith::log(Arg(*this, loc)); }
Tensor Tensor::sqrt(SourceLocation loc) const { return lilith::sqrt(Arg(*this, loc)); }
Tensor Tensor::pow(const Arg& exponent) const {
  LocScope scope(exponent.loc());
  return lilith::pow(*this, exponent);
}
Tensor Tensor::matmul(const Arg& other) const {
  LocScope scope(other.loc());
  return lilith::matmul(*this, other);
}

// The result keeps this handle's dtype and shape, as PyTorch's in-place operators do.
namespace {
Tensor same_kind(const char* op, const Tensor& before, Tensor after) {
  LILITH_CHECK(after.shape() == before.shape(),
               "{}: {} would become {}; an in-place operator keeps the shape", op,
               before.aval().str(), after.aval().str());
  LILITH_CHECK(!is_floating(after.dtype()) || is_floating(before.dtype()),
               "{}: {} would become {}; convert it first with x.to(dtype)", op, before.aval().str(),
               after.aval().str());
  return ops::make_cast(after, before.dtype());
}
}  // namespace

Tensor& Tensor::operator+=(const Arg& other) & {
  LocScope scope(other.loc());
  return *this = same_kind("+=", *this, add(*this, other));
}
Tensor& Tensor::operator-=(const Arg& other) & {
  LocScope scope(other.loc());
  return *this = same_kind("-=", *this, sub(*this, other));
}
Tensor& Tensor::operator*=(const Arg& other) & {
  LocScope scope(other.loc());
  return *this = same_kind("*=", *this, mul(*this, other));
}
Tensor& Tensor::operator/=(const Arg& other) & {
  LocScope scope(other.loc());
  return *this = same_kind("/=", *this, div(*this, other));
}

}  // namespace lilith
