#include "io/safetensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "io/file.h"
#include "ir/node.h"
#include "lilith/error.h"
#include "runtime/storage.h"

namespace lilith::io {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

namespace {

struct NativeRow {
  const char* name;
  DType dtype;
};
constexpr NativeRow kNative[] = {{"BOOL", DType::Bool}, {"U8", DType::U8},    {"I8", DType::I8},
                                 {"I16", DType::I16},   {"I32", DType::I32},  {"I64", DType::I64},
                                 {"F16", DType::F16},   {"BF16", DType::BF16}, {"F32", DType::F32},
                                 {"F64", DType::F64}};

const char* format_name(DType dtype) {
  for (const NativeRow& row : kNative)
    if (row.dtype == dtype) return row.name;
  fail("save: safetensors has no dtype for {}.", name(dtype));
}

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
float decode_f4(unsigned b) { return small_float(b, 2, 1, 1); }

template <class From, class To>
void widen(const std::vector<std::uint8_t>& bytes, void* to, const SafetensorsEntry& entry,
           const std::string& file) {
  for (std::size_t i = 0; i < bytes.size() / sizeof(From); ++i) {
    From value;
    std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
    LILITH_CHECK(value <= static_cast<std::make_unsigned_t<To>>(std::numeric_limits<To>::max()),
                 "load: {}: '{}' is U64 and holds {}, more than i64 can.", file, entry.name, value);
    static_cast<To*>(to)[i] = static_cast<To>(value);
  }
}

// A dtype that Lilith lacks, and the one that holds its values.
struct ForeignRow {
  const char* name;
  DType dtype;
};
constexpr ForeignRow kForeign[] = {{"U16", DType::I32},     {"U32", DType::I64},
                                   {"U64", DType::I64},     {"F8_E5M2", DType::F32},
                                   {"F8_E4M3", DType::F32}, {"F8_E8M0", DType::F32},
                                   {"F4", DType::F32}};

void convert_foreign(const std::vector<std::uint8_t>& bytes, void* to, const SafetensorsEntry& entry,
                     const std::string& file) {
  if (entry.dtype == "U16") return widen<std::uint16_t, std::int32_t>(bytes, to, entry, file);
  if (entry.dtype == "U32") return widen<std::uint32_t, std::int64_t>(bytes, to, entry, file);
  if (entry.dtype == "U64") return widen<std::uint64_t, std::int64_t>(bytes, to, entry, file);
  float* out = static_cast<float*>(to);
  if (entry.dtype == "F4") {  // two to a byte, the first in the low half
    for (const std::uint8_t b : bytes) {
      *out++ = decode_f4(b & 0xf);
      *out++ = decode_f4(b >> 4);
    }
    return;
  }
  const auto decode = entry.dtype == "F8_E5M2"   ? decode_f8_e5m2
                      : entry.dtype == "F8_E4M3" ? decode_f8_e4m3
                                                 : decode_f8_e8m0;
  for (const std::uint8_t b : bytes) *out++ = decode(b);
}

Shape to_shape(const SafetensorsEntry& entry, const std::string& file) {
  LILITH_CHECK(entry.shape.size() <= Shape::kMaxRank, "load: {}: '{}' has rank {}, at most {} is held.",
               file, entry.name, entry.shape.size(), Shape::kMaxRank);
  Shape shape;
  for (const std::uint64_t d : entry.shape) {
    LILITH_CHECK(d <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()),
                 "load: {}: '{}': the size {} is too large.", file, entry.name, d);
    shape.push_back(static_cast<std::int64_t>(d));
  }
  return shape;
}

Tensor read_entry(InputFile& file, const SafetensorsEntry& entry, std::uint64_t data_begin) {
  const Shape shape = to_shape(entry, file.path());
  const std::uint64_t bytes = entry.end - entry.begin;
  for (const NativeRow& row : kNative) {
    if (entry.dtype != row.name) continue;
    StoragePtr storage = Storage::allocate(bytes);
    file.read(data_begin + entry.begin, storage->data(), bytes);
    if (row.dtype == DType::Bool) {
      auto* b = static_cast<std::uint8_t*>(storage->data());
      const bool ok = std::all_of(b, b + bytes, [](std::uint8_t v) { return v <= 1; });
      LILITH_CHECK(ok, "load: {}: '{}' is BOOL and holds a byte other than 0 and 1.", file.path(),
                   entry.name);
    }
    return ir::make_data({shape, row.dtype, {}}, std::move(storage));
  }
  for (const ForeignRow& row : kForeign) {
    if (entry.dtype != row.name) continue;
    std::vector<std::uint8_t> raw(bytes);
    file.read(data_begin + entry.begin, raw.data(), bytes);
    const Aval aval{shape, row.dtype, {}};
    StoragePtr storage = Storage::allocate(aval.bytes());
    convert_foreign(raw, storage->data(), entry, file.path());
    return ir::make_data(aval, std::move(storage));
  }
  fail("load: {}: '{}' is {}, which no dtype of Lilith can hold.", file.path(), entry.name,
       entry.dtype);
}

}  // namespace

TensorDict load_safetensors(const std::string& path) {
  InputFile file(path, "load");
  std::vector<std::uint8_t> head(std::min<std::uint64_t>(file.bytes(), 8));
  file.read(0, head.data(), head.size());
  if (head.size() == 8) {
    std::uint64_t length = 0;
    std::memcpy(&length, head.data(), 8);
    // A length that is not plausible is left for the header's check to refuse.
    if (length <= file.bytes() - 8 && length <= 100'000'000) {
      head.resize(8 + length);
      file.read(8, head.data() + 8, length);
    }
  }
  const SafetensorsHeader header = parse_safetensors_header(head, file.bytes(), path);
  TensorDict out;
  out.metadata = header.metadata;
  for (const SafetensorsEntry& entry : header.entries)
    out.add(entry.name, read_entry(file, entry, header.data_begin));
  return out;
}

void save_safetensors(const TensorDict& tensors, const std::string& path) {
  struct Pending {
    SafetensorsEntry entry;
    const Tensor* value;
  };
  std::vector<Pending> pending;
  for (const auto& [key, value] : tensors) {
    LILITH_CHECK(value.defined(), "save: '{}' is an undefined tensor.", key);
    SafetensorsEntry entry{key, format_name(value.dtype()), {}, 0, value.aval().bytes()};
    for (const std::int64_t d : value.shape()) entry.shape.push_back(static_cast<std::uint64_t>(d));
    pending.push_back({std::move(entry), &value});
  }
  std::stable_sort(pending.begin(), pending.end(), [](const Pending& a, const Pending& b) {
    const int ra = safetensors_dtype_rank(a.entry.dtype), rb = safetensors_dtype_rank(b.entry.dtype);
    return ra != rb ? ra > rb : a.entry.name < b.entry.name;
  });
  std::vector<SafetensorsEntry> entries;
  std::uint64_t at = 0;
  for (Pending& p : pending) {
    p.entry.begin = at;
    p.entry.end = at += p.entry.end;
    entries.push_back(p.entry);
  }
  const std::string head = format_safetensors_header(entries, tensors.metadata);
  write_atomically(path, "save", [&](std::FILE* file) {
    write_bytes(file, head.data(), head.size());
    for (const Pending& p : pending)
      write_bytes(file, p.value->raw_data(), p.entry.end - p.entry.begin);
  });
}

}  // namespace lilith::io
