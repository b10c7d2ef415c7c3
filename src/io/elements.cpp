#include "io/elements.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "ir/node.h"
#include "lilith/error.h"
#include "runtime/storage.h"

namespace lilith::io {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian");

namespace {

struct NativeRow {
  const char* name;
  DType dtype;
};
constexpr NativeRow kNative[] = {{"BOOL", DType::Bool}, {"U8", DType::U8},     {"I8", DType::I8},
                                 {"I16", DType::I16},   {"I32", DType::I32},   {"I64", DType::I64},
                                 {"F16", DType::F16},   {"BF16", DType::BF16}, {"F32", DType::F32},
                                 {"F64", DType::F64}};

// A float of `exponent_bits` and `mantissa_bits` without infinities; NaN is handled by the caller.
float small_float(unsigned bits, int exponent_bits, int mantissa_bits, int bias) {
  const unsigned mantissa = bits & ((1u << mantissa_bits) - 1);
  const unsigned exponent = bits >> mantissa_bits & ((1u << exponent_bits) - 1);
  const float sign = bits >> (exponent_bits + mantissa_bits) & 1 ? -1.f : 1.f;
  const float fraction = static_cast<float>(mantissa) / static_cast<float>(1u << mantissa_bits);
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias);
  return sign * std::ldexp(1.f + fraction, static_cast<int>(exponent) - bias);
}

float decode_f8_e5m2(unsigned b) {
  if ((b & 0x7f) > 0x7c) return std::numeric_limits<float>::quiet_NaN();
  if ((b & 0x7f) == 0x7c) return (b & 0x80) != 0 ? -INFINITY : INFINITY;
  return small_float(b, 5, 2, 15);
}
float decode_f8_e4m3(unsigned b) {
  return (b & 0x7f) == 0x7f ? std::numeric_limits<float>::quiet_NaN() : small_float(b, 4, 3, 7);
}
float decode_f8_e8m0(unsigned b) {
  return b == 0xff ? std::numeric_limits<float>::quiet_NaN()
                   : std::ldexp(1.f, static_cast<int>(b) - 127);
}
// "Finite, no negative zero": a bias one higher, and NaN where minus zero would be.
float decode_f8_e5m2fnuz(unsigned b) {
  return b == 0x80 ? std::numeric_limits<float>::quiet_NaN() : small_float(b, 5, 2, 16);
}
float decode_f8_e4m3fnuz(unsigned b) {
  return b == 0x80 ? std::numeric_limits<float>::quiet_NaN() : small_float(b, 4, 3, 8);
}
float decode_f4(unsigned b) { return small_float(b, 2, 1, 1); }

template <class From, class To>
void widen(std::span<const std::uint8_t> bytes, void* to, const Origin& origin) {
  for (std::size_t i = 0; i < bytes.size() / sizeof(From); ++i) {
    From value;
    std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
    if (value > static_cast<std::make_unsigned_t<To>>(std::numeric_limits<To>::max()))
      refuse(origin, "is U64 and holds {}, more than i64 can", value);
    static_cast<To*>(to)[i] = static_cast<To>(value);
  }
}

// A type that Lilith lacks, and the one that holds its values.
struct ForeignRow {
  const char* name;
  int bits;
  DType dtype;
};
constexpr ForeignRow kForeign[] = {
    {"U16", 16, DType::I32},        {"U32", 32, DType::I64},    {"U64", 64, DType::I64},
    {"F8_E5M2", 8, DType::F32},     {"F8_E4M3", 8, DType::F32}, {"F8_E5M2FNUZ", 8, DType::F32},
    {"F8_E4M3FNUZ", 8, DType::F32}, {"F8_E8M0", 8, DType::F32}, {"F4", 4, DType::F32}};

void convert(std::string_view type, std::span<const std::uint8_t> bytes, void* to,
             const Origin& origin) {
  if (type == "U16") return widen<std::uint16_t, std::int32_t>(bytes, to, origin);
  if (type == "U32") return widen<std::uint32_t, std::int64_t>(bytes, to, origin);
  if (type == "U64") return widen<std::uint64_t, std::int64_t>(bytes, to, origin);
  float* out = static_cast<float*>(to);
  if (type == "F4") {  // two to a byte, the first in the low half
    for (const std::uint8_t b : bytes) {
      *out++ = decode_f4(b & 0xf);
      *out++ = decode_f4(b >> 4);
    }
    return;
  }
  const auto decode = type == "F8_E5M2"       ? decode_f8_e5m2
                      : type == "F8_E4M3"     ? decode_f8_e4m3
                      : type == "F8_E5M2FNUZ" ? decode_f8_e5m2fnuz
                      : type == "F8_E4M3FNUZ" ? decode_f8_e4m3fnuz
                                              : decode_f8_e8m0;
  for (const std::uint8_t b : bytes) *out++ = decode(b);
}

const ForeignRow* foreign(std::string_view type) {
  for (const ForeignRow& row : kForeign)
    if (type == row.name) return &row;
  return nullptr;
}

}  // namespace

const DType* native_dtype(std::string_view type) {
  for (const NativeRow& row : kNative)
    if (type == row.name) return &row.dtype;
  return nullptr;
}

bool can_hold(std::string_view type) { return native_dtype(type) || foreign(type); }

int bits_of(std::string_view type) {
  if (const DType* dtype = native_dtype(type)) return static_cast<int>(8 * size_of(*dtype));
  const ForeignRow* row = foreign(type);
  return row ? row->bits : 0;
}

DType dtype_held(std::string_view type) {
  if (const DType* dtype = native_dtype(type)) return *dtype;
  const ForeignRow* row = foreign(type);
  LILITH_CHECK(row != nullptr, "load: no dtype holds {}.", type);
  return row->dtype;
}

Shape to_shape(const std::vector<std::uint64_t>& sizes, const Origin& origin) {
  if (sizes.size() > Shape::kMaxRank)
    refuse(origin, "has rank {}, at most {} is held", sizes.size(), Shape::kMaxRank);
  Shape shape;
  // Element counts stay below 2^58, so that sizes in bytes and bits do not overflow.
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 58;
  std::uint64_t count = 1;
  bool fits = true;
  for (const std::uint64_t d : sizes) {
    fits = fits && d < kLimit &&
           !__builtin_mul_overflow(count, std::max<std::uint64_t>(d, 1), &count) && count < kLimit;
    LILITH_CHECK(fits, "load: {}: '{}': the size overflows.", origin.file, origin.name);
    shape.push_back(static_cast<std::int64_t>(d));
  }
  return shape;
}

Tensor make_host_tensor(const Shape& shape, DType dtype, const Origin&, void*& data) {
  const Aval aval{shape, dtype, {}};
  StoragePtr storage = Storage::allocate(aval.bytes());
  data = storage->data();
  return ir::make_data(aval, std::move(storage));
}

void check_elements(const Tensor& t, const Origin& origin) {
  if (t.dtype() != DType::Bool) return;
  const auto* b = static_cast<const std::uint8_t*>(t.node()->storage()->data());
  if (!std::all_of(b, b + t.numel(), [](std::uint8_t v) { return v <= 1; }))
    refuse(origin, "is BOOL and holds a byte other than 0 and 1");
}

Refusal::Refusal(const Origin& origin, std::string reason)
    : Error(fmt::format("load: {}: '{}' {}.", origin.file, origin.name, reason)),
      reason_(std::move(reason)) {}

namespace {

std::uint64_t bytes_for(std::string_view type, const Shape& shape, const Origin& origin) {
  if (!can_hold(type)) refuse(origin, "is {}, which no dtype of Lilith can hold", type);
  const auto bits =
      static_cast<std::uint64_t>(shape.numel()) * static_cast<unsigned>(bits_of(type));
  LILITH_CHECK(bits % 8 == 0, "load: {}: '{}' is {}{}, which does not end at a byte.", origin.file,
               origin.name, type, shape.str());
  return bits / 8;
}

}  // namespace

Tensor from_elements(std::string_view type, const Shape& shape, std::span<const std::uint8_t> bytes,
                     const Origin& origin) {
  LILITH_CHECK(bytes.size() == bytes_for(type, shape, origin),
               "load: {}: '{}' is {}{} but has {} bytes.", origin.file, origin.name, type,
               shape.str(), bytes.size());
  const DType* native = native_dtype(type);
  void* data = nullptr;
  Tensor t = make_host_tensor(shape, native ? *native : foreign(type)->dtype, origin, data);
  if (native)
    std::copy(bytes.begin(), bytes.end(), static_cast<std::uint8_t*>(data));
  else
    convert(type, bytes, data, origin);
  check_elements(t, origin);
  return t;
}

Tensor tensor_at(const MappedFilePtr& file, std::uint64_t offset, std::string_view type,
                 const Shape& shape, const Origin& origin) {
  const std::uint64_t wanted = bytes_for(type, shape, origin);
  const auto bytes = file->range(offset, wanted, fmt::format("'{}'", origin.name));
  const DType* native = native_dtype(type);
  const bool aligned =
      native && reinterpret_cast<std::uintptr_t>(bytes.data()) % size_of(*native) == 0;
  if (!file->mapped() || !aligned || wanted == 0) {
    Tensor copy = from_elements(type, shape, bytes, origin);
    file->done_with(bytes);
    return copy;
  }
  // Borrowed memory is never written: a program that updates such a tensor makes a new one.
  Tensor t =
      ir::make_data({shape, *native, {}},
                    Storage::borrow(const_cast<std::uint8_t*>(bytes.data()), wanted, [file] {}));
  check_elements(t, origin);
  return t;
}

}  // namespace lilith::io
