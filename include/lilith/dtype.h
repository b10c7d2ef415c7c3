#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace lilith {

/// The element type of a tensor. C64 and C128 are reserved: no op accepts them yet.
enum class DType : std::uint8_t { Bool, U8, I8, I16, I32, I64, F16, BF16, F32, F64, C64, C128 };

inline constexpr DType kBool = DType::Bool, kUInt8 = DType::U8, kInt8 = DType::I8,
                       kInt16 = DType::I16, kInt32 = DType::I32, kInt64 = DType::I64,
                       kFloat16 = DType::F16, kBFloat16 = DType::BF16, kFloat32 = DType::F32,
                       kFloat64 = DType::F64;
// The names of PyTorch's C++ side for the same.
inline constexpr DType kByte = kUInt8, kChar = kInt8, kShort = kInt16, kInt = kInt32,
                       kLong = kInt64, kHalf = kFloat16, kFloat = kFloat32, kDouble = kFloat64;

/// The short name that graphs and errors show: "f32", "i64", "bool".
std::string_view name(DType dtype);
/// The dtype with that short name; throws Error when there is none.
DType dtype_from_name(std::string_view name);
/// The dtype with PyTorch's word ("float32", "long", "torch.bool") or the short name; none: no
/// word.
std::optional<DType> dtype_from_word(std::string_view word);
/// Bytes of one element.
constexpr std::size_t size_of(DType dtype) {
  constexpr std::size_t kSizes[] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16};
  return kSizes[static_cast<int>(dtype)];
}
constexpr bool is_floating(DType d) { return d >= DType::F16 && d <= DType::F64; }
/// Integers, without bool.
constexpr bool is_integral(DType d) { return d >= DType::U8 && d <= DType::I64; }

/// The dtype that two operands of the same category of rank meet in: PyTorch's promote_types.
DType promote_types(DType a, DType b);

/// IEEE binary16 as a host type: conversions only.
struct half {
  std::uint16_t bits = 0;
  half() = default;
  explicit half(float value);
  explicit operator float() const;
};
/// bfloat16 as a host type: conversions only (round to nearest even).
struct bfloat16 {
  std::uint16_t bits = 0;
  bfloat16() = default;
  explicit bfloat16(float value);
  explicit operator float() const;
};

/// dtype_of<T>: the dtype of a host type (float -> F32, int64_t -> I64, bool -> Bool …).
template <class T>
struct DTypeOf;
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::Bool;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::U8;
};
template <>
struct DTypeOf<std::int8_t> {
  static constexpr DType value = DType::I8;
};
template <>
struct DTypeOf<std::int16_t> {
  static constexpr DType value = DType::I16;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::I32;
};
template <>
struct DTypeOf<long> {
  static constexpr DType value = DType::I64;
};
template <>
struct DTypeOf<long long> {
  static constexpr DType value = DType::I64;
};
template <>
struct DTypeOf<half> {
  static constexpr DType value = DType::F16;
};
template <>
struct DTypeOf<bfloat16> {
  static constexpr DType value = DType::BF16;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::F32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::F64;
};
template <class T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

}  // namespace lilith
