#include "lilith/dtype.h"

#include <array>
#include <bit>

#include "lilith/error.h"

namespace lilith {
namespace {

constexpr std::array<std::string_view, 12> kNames = {"bool", "u8",   "i8",  "i16", "i32", "i64",
                                                     "f16",  "bf16", "f32", "f64", "c64", "c128"};

}  // namespace

std::string_view name(DType dtype) { return kNames[static_cast<std::size_t>(dtype)]; }

DType dtype_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<DType>(i);
  }
  fail(
      "dtype: there is none named '{}'; need one of bool, u8, i8, i16, i32, i64, f16, bf16, f32, "
      "f64",
      name);
}

std::optional<DType> dtype_from_word(std::string_view word) {
  constexpr std::pair<std::string_view, DType> kWords[] = {
      {"bool", DType::Bool},   {"uint8", DType::U8},  {"int8", DType::I8},
      {"int16", DType::I16},   {"short", DType::I16}, {"int32", DType::I32},
      {"int", DType::I32},     {"int64", DType::I64}, {"long", DType::I64},
      {"float16", DType::F16}, {"half", DType::F16},  {"bfloat16", DType::BF16},
      {"float32", DType::F32}, {"float", DType::F32}, {"float64", DType::F64},
      {"double", DType::F64}};
  if (word.starts_with("torch.")) word.remove_prefix(6);
  for (const auto& [name, dtype] : kWords)
    if (name == word) return dtype;
  for (std::size_t i = 0; i < kNames.size() - 2; ++i)
    if (kNames[i] == word) return static_cast<DType>(i);
  return {};
}

DType promote_types(DType a, DType b) {
  if (a == b) return a;
  if (a > b) std::swap(a, b);  // b ranks higher, but for the pairs below
  if (a == DType::U8 && b == DType::I8) return DType::I16;
  if (a == DType::F16 && b == DType::BF16) return DType::F32;
  if (a == DType::F64 && b == DType::C64) return DType::C128;
  return b;
}

half::half(float value) {
  const auto x = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((x >> 16) & 0x8000u);
  const std::uint32_t magnitude = x & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {  // NaN stays quiet and keeps its top bits
    bits = static_cast<std::uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x1ffu));
  } else if (magnitude >= 0x477ff000u) {  // rounds to 65536 or more
    bits = static_cast<std::uint16_t>(sign | 0x7c00u);
  } else if (magnitude >= 0x38800000u) {  // normal: rebias, round to nearest even
    const std::uint32_t rounded = magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u);
    bits = static_cast<std::uint16_t>(sign | (rounded >> 13));
  } else if (magnitude <= 0x33000000u) {  // at most half of the least denormal: zero
    bits = sign;
  } else {  // denormal: a multiple of 2^-24
    const std::uint32_t shift = 126u - (magnitude >> 23);
    const std::uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    const std::uint32_t half_way = 1u << (shift - 1);
    const std::uint32_t rest = mantissa & ((1u << shift) - 1);
    std::uint32_t result = mantissa >> shift;
    if (rest > half_way || (rest == half_way && (result & 1u))) ++result;
    bits = static_cast<std::uint16_t>(sign | result);
  }
}

half::operator float() const {
  const std::uint32_t sign = (bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fu;
  std::uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0x1fu) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

bfloat16::bfloat16(float value) {
  const auto x = std::bit_cast<std::uint32_t>(value);
  if ((x & 0x7fffffffu) > 0x7f800000u) {
    bits = static_cast<std::uint16_t>((x >> 16) | 0x40u);
  } else {
    bits = static_cast<std::uint16_t>((x + 0x7fffu + ((x >> 16) & 1u)) >> 16);
  }
}

bfloat16::operator float() const {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace lilith
