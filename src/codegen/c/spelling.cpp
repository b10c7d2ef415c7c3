#include "codegen/c/spelling.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstdint>

#include "lilith/error.h"

namespace lilith::codegen::c {
namespace {

std::string real(double v, bool wide) {
  if (!std::isfinite(v)) {
    return wide ? fmt::format("f64_bits({:#x}ul)", std::bit_cast<std::uint64_t>(v))
                : fmt::format("f32_bits({:#x}u)",
                              std::bit_cast<std::uint32_t>(static_cast<float>(v)));
  }
  // Short ones in decimal, which is exact too.
  const bool is_short = std::fabs(v) < 1e6 && v * 64 == std::floor(v * 64);
  std::string text = is_short ? fmt::format("{}", v) : fmt::format("{:a}", v);
  if (is_short && text.find('.') == std::string::npos) text += ".0";
  if (!wide) text += 'f';
  return text[0] == '-' ? "(" + text + ")" : text;
}

}  // namespace

bool fits_i32(kir::Expr x) {
  return x->dtype == DType::I64 && x->lo >= INT32_MIN && x->hi < INT32_MAX;
}

std::string type_name(DType dtype) {
  if (dtype > DType::F64 || dtype == DType::F16 || dtype == DType::BF16)
    throw InternalError(fmt::format("codegen: no value is of {}", name(dtype)));
  return std::string(name(dtype));
}

std::string type_of(kir::Expr x) { return fits_i32(x) ? "i32" : type_name(x->dtype); }

std::string memory_type(DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return "u8";
    case DType::F16:
    case DType::BF16:
      return "u16";
    case DType::F32:
      return "u32";
    case DType::F64:
      return "u64";
    default:
      return type_name(dtype);
  }
}

std::string integer(std::int64_t v, bool wide) {
  const char* suffix = wide ? "l" : "";
  // The smallest one is no literal: its absolute value is too large.
  if (v == (wide ? INT64_MIN : INT32_MIN)) return fmt::format("(-{}{} - 1)", -(v + 1), suffix);
  return v < 0 ? fmt::format("({}{})", v, suffix) : fmt::format("{}{}", v, suffix);
}

std::string literal(kir::Expr x) {
  if (x->dtype == DType::I64) return integer(x->i, !fits_i32(x));
  return literal({x->i, x->f}, x->dtype);
}

std::string literal(const kir::Value& v, DType dtype) {
  if (is_floating(dtype)) return real(v.f, dtype == DType::F64);
  if (dtype == DType::Bool) return v.i != 0 ? "true" : "false";
  return integer(v.i, dtype == DType::I64);
}

}  // namespace lilith::codegen::c
