#include "core/device_kinds.h"
#include "ir/one_device.h"
#include "lilith/ops.h"
#include "ops/primitives.h"

// The methods of Tensor that are free functions. A temporary is used up (Arg).
#define LILITH_METHOD(name, parameters, ...)                                    \
  Tensor Tensor::name parameters const& {                                       \
    return lilith::name(Arg(*this, loc) __VA_OPT__(, ) __VA_ARGS__);            \
  }                                                                             \
  Tensor Tensor::name parameters&& {                                            \
    return lilith::name(Arg(std::move(*this), loc) __VA_OPT__(, ) __VA_ARGS__); \
  }

namespace lilith {

Tensor Tensor::to(DType dtype, SourceLocation loc) const& {
  LocScope scope(loc);
  return cast(*this, dtype);
}
Tensor Tensor::to(DType dtype, SourceLocation loc) && {
  LocScope scope(loc);
  return cast(std::move(*this), dtype);
}
Tensor Tensor::to(Device device, SourceLocation loc) const& {
  LocScope scope(loc);
  check_device("to", device);
  return ir::on_device(*this, device);
}
Tensor Tensor::to(Device device, SourceLocation loc) && {
  const Tensor self = std::move(*this);
  return self.to(device, loc);
}
LILITH_METHOD(reshape, (const Shape& shape, SourceLocation loc), shape)
LILITH_METHOD(view, (const Shape& shape, SourceLocation loc), shape)
LILITH_METHOD(transpose, (Dim a, Dim b, SourceLocation loc), a, b)
LILITH_METHOD(t, (SourceLocation loc))
LILITH_METHOD(permute, (const IntList& dims, SourceLocation loc), dims)
LILITH_METHOD(flatten, (Dim start, Dim end, SourceLocation loc), start, end)
LILITH_METHOD(squeeze, (SourceLocation loc))
LILITH_METHOD(squeeze, (Dim dim, SourceLocation loc), dim)
LILITH_METHOD(unsqueeze, (Dim dim, SourceLocation loc), dim)
LILITH_METHOD(expand, (const Shape& shape, SourceLocation loc), shape)
LILITH_METHOD(slice, (Dim d, Int a, Int b, Int step, SourceLocation loc), d, a, b, step)
LILITH_METHOD(sum, (SourceLocation loc))
LILITH_METHOD(sum, (const IntList& dims, bool keepdim, SourceLocation loc), dims, keepdim)
LILITH_METHOD(mean, (SourceLocation loc))
LILITH_METHOD(mean, (const IntList& dims, bool keepdim, SourceLocation loc), dims, keepdim)
LILITH_METHOD(max, (SourceLocation loc))
LILITH_METHOD(min, (SourceLocation loc))
LILITH_METHOD(argmax, (std::optional<Dim> dim, bool keepdim, SourceLocation loc), dim, keepdim)
LILITH_METHOD(abs, (SourceLocation loc))
LILITH_METHOD(exp, (SourceLocation loc))
LILITH_METHOD(log, (SourceLocation loc))
LILITH_METHOD(sqrt, (SourceLocation loc))
Tensor Tensor::operator[](Index i) const& { return select(Arg(*this, i.loc), 0, i.value); }
Tensor Tensor::operator[](Index i) && { return select(Arg(std::move(*this), i.loc), 0, i.value); }
Tensor Tensor::pow(const Arg& exponent) const& {
  LocScope scope(exponent.loc());
  return lilith::pow(*this, exponent);
}
Tensor Tensor::pow(const Arg& exponent) && {
  LocScope scope(exponent.loc());
  return lilith::pow(std::move(*this), exponent);
}
Tensor Tensor::matmul(const Arg& other) const& {
  LocScope scope(other.loc());
  return lilith::matmul(*this, other);
}
Tensor Tensor::matmul(const Arg& other) && {
  LocScope scope(other.loc());
  return lilith::matmul(std::move(*this), other);
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
