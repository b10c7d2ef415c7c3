#pragma once
#include <bit>
#include <compare>
#include <cstdint>
#include <type_traits>

#include "lilith/dtype.h"

// Elements as unsigned keys that compare as they do, and keys with the place of their element.
namespace lilith::ops {

/// Floats by their bits: the sign flips all bits or sets itself.
template <class Bits, int kMantissa>
constexpr Bits float_key(Bits b) {
  constexpr Bits kSign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  constexpr Bits kInf = static_cast<Bits>(static_cast<Bits>(~kSign >> kMantissa) << kMantissa);
  const bool is_nan = static_cast<Bits>(b & ~kSign) > kInf;
  if (b == kSign) b = 0;
  const Bits flip = (b & kSign) ? static_cast<Bits>(~Bits{0}) : kSign;
  return is_nan ? static_cast<Bits>(~Bits{0}) : static_cast<Bits>(b ^ flip);
}

template <DType dtype>
struct Keyed {
  using Bits = std::conditional_t<
      size_of(dtype) == 1, std::uint8_t,
      std::conditional_t<size_of(dtype) == 2, std::uint16_t,
                         std::conditional_t<size_of(dtype) == 4, std::uint32_t, std::uint64_t>>>;
  static constexpr Bits key(Bits b) {
    if constexpr (dtype == DType::F16) return float_key<Bits, 10>(b);
    if constexpr (dtype == DType::BF16) return float_key<Bits, 7>(b);
    if constexpr (dtype == DType::F32) return float_key<Bits, 23>(b);
    if constexpr (dtype == DType::F64) return float_key<Bits, 52>(b);
    if constexpr (dtype == DType::U8 || dtype == DType::Bool) return b;
    return static_cast<Bits>(b ^ static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1)));
  }
};

/// A row as keys, ascending in the order that is asked for.
template <DType dtype>
struct KeyRow {
  using Bits = typename Keyed<dtype>::Bits;
  const Bits* in;
  Bits flip;  // all ones where the largest comes first
  Bits operator[](std::int64_t i) const {
    return static_cast<Bits>(Keyed<dtype>::key(in[i]) ^ flip);
  }
};

/// A row of wide keys that lie within 2^32 of the least.
template <DType dtype>
struct NarrowRow {
  using Bits = std::uint32_t;
  KeyRow<dtype> row;
  std::uint64_t least;
  Bits operator[](std::int64_t i) const { return static_cast<Bits>(row[i] - least); }
};

/// An f32 as a signed number that orders as it does, which every x86 compares many at a time: -0
/// lies below 0, NaN above everything.
inline std::int32_t ordered_number(std::uint32_t bits) {
  const auto b = static_cast<std::int32_t>(bits);
  const bool is_nan = (b & 0x7fffffff) > 0x7f800000;
  return is_nan ? 0x7fffffff : b ^ ((b >> 31) & 0x7fffffff);
}

/// A key of at most 32 bits over its place: compared as one number.
struct NarrowItem {
  std::uint64_t both;
  static NarrowItem of(std::uint32_t key, std::int64_t i) {
    return {std::uint64_t{key} << 32 | static_cast<std::uint32_t>(i)};
  }
  std::uint32_t key() const { return static_cast<std::uint32_t>(both >> 32); }
  std::int64_t place() const { return static_cast<std::uint32_t>(both); }
  auto operator<=>(const NarrowItem&) const = default;
};
struct WideItem {
  std::uint64_t bits;
  std::int64_t at;
  static WideItem of(std::uint64_t key, std::int64_t i) { return {key, i}; }
  std::uint64_t key() const { return bits; }
  std::int64_t place() const { return at; }
  auto operator<=>(const WideItem&) const = default;
};
template <DType dtype>
using ItemOf = std::conditional_t<size_of(dtype) == 8, WideItem, NarrowItem>;

}  // namespace lilith::ops
