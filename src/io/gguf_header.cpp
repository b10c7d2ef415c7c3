#include "io/gguf_header.h"

#include <bit>
#include <cstring>
#include <functional>
#include <set>
#include <variant>

#include "io/elements.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

// A value type of the metadata, by its number in the file.
enum Value : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, Text, Array, U64, I64, F64 };
constexpr int kMaxDepth = 4;        // of nested arrays
constexpr std::size_t kShown = 8;   // elements of an array in the metadata's text
constexpr std::size_t kWhole = 16;  // up to so many are all shown

using Element = std::variant<std::string, std::int64_t, std::uint64_t, double, bool>;

// Reads numbers and texts one after the other.
class Cursor {
 public:
  Cursor(const MappedFile& file, bool swapped, bool short_lengths, std::uint64_t at)
      : file_(file), at_(at), swapped_(swapped), short_lengths_(short_lengths) {}

  std::uint64_t at() const { return at_; }
  std::uint64_t left() const { return file_.bytes() - at_; }

  template <class T>
  T number() {
    std::uint8_t bytes[sizeof(T)];
    std::memcpy(bytes, take(sizeof(T)), sizeof(T));
    if (swapped_) std::reverse(bytes, bytes + sizeof(T));
    T v;
    std::memcpy(&v, bytes, sizeof(T));
    return v;
  }
  /// A count or a length: version 1 wrote them in 32 bits.
  std::uint64_t length() {
    return short_lengths_ ? number<std::uint32_t>() : number<std::uint64_t>();
  }
  std::string text() {
    const std::uint64_t n = length();
    const auto* p = reinterpret_cast<const char*>(take(n));
    return {p, n};
  }
  const std::uint8_t* take(std::uint64_t bytes) {
    LILITH_CHECK(bytes <= left(), "load: {} is truncated in its header.", file_.path());
    const std::uint8_t* p = file_.all().data() + at_;
    at_ += bytes;
    return p;
  }
  [[noreturn]] void unknown(std::uint32_t type) const {
    fail("load: {}: the metadata has a value of the unknown type {}.", file_.path(), type);
  }
  Element value(std::uint32_t type) {
    switch (type) {
      case U8:
        return std::uint64_t{number<std::uint8_t>()};
      case I8:
        return std::int64_t{number<std::int8_t>()};
      case U16:
        return std::uint64_t{number<std::uint16_t>()};
      case I16:
        return std::int64_t{number<std::int16_t>()};
      case U32:
        return std::uint64_t{number<std::uint32_t>()};
      case I32:
        return std::int64_t{number<std::int32_t>()};
      case F32:
        return double{number<float>()};
      case Bool:
        return number<std::uint8_t>() != 0;
      case Text:
        return text();
      case U64:
        return number<std::uint64_t>();
      case I64:
        return number<std::int64_t>();
      case F64:
        return number<double>();
      default:
        unknown(type);
    }
  }
  GgufArray array() {
    const auto element = number<std::uint32_t>();
    const std::uint64_t count = length();
    return {element, count, at_};
  }
  /// Passes over an array's elements.
  void skip(const GgufArray& array, int depth) {
    LILITH_CHECK(depth < kMaxDepth, "load: {}: arrays of the metadata nest without end.",
                 file_.path());
    constexpr std::uint64_t kWidths[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    if (array.element > F64) unknown(array.element);
    const std::uint64_t width = kWidths[array.element];
    if (width != 0) {
      LILITH_CHECK(array.count <= left() / width, "load: {} is truncated in its header.",
                   file_.path());
      take(array.count * width);
      return;
    }
    // Each element takes bytes of its own, so that the file's size bounds the loop.
    for (std::uint64_t i = 0; i < array.count; ++i) {
      if (array.element == Text) {
        take(length());
      } else {
        const GgufArray inner = this->array();
        skip(inner, depth + 1);
      }
    }
  }
  /// f(element) until it returns false, nested arrays one after the other.
  bool each(const GgufArray& array, const std::function<bool(Element)>& f) {
    for (std::uint64_t i = 0; i < array.count; ++i) {
      const bool on = array.element == Array ? each(this->array(), f) : f(value(array.element));
      if (!on) return false;
    }
    return true;
  }

 private:
  const MappedFile& file_;
  std::uint64_t at_;
  bool swapped_, short_lengths_;
};

std::string plain(const Element& e) {
  if (const auto* s = std::get_if<std::string>(&e)) return *s;
  if (const auto* b = std::get_if<bool>(&e)) return *b ? "true" : "false";
  if (const auto* f = std::get_if<double>(&e)) return fmt::format("{}", *f);
  if (const auto* u = std::get_if<std::uint64_t>(&e)) return std::to_string(*u);
  return std::to_string(std::get<std::int64_t>(e));
}

Cursor at_array(const MappedFile& file, const GgufHeader& header, const GgufArray& array) {
  return {file, header.swapped, header.version == 1, array.offset};
}

std::string summary(const MappedFile& file, const GgufHeader& header, const GgufArray& array) {
  std::string out = "[";
  std::size_t shown = 0;
  const std::size_t most = array.count <= kWhole && array.element != Array ? kWhole : kShown;
  const bool all = at_array(file, header, array).each(array, [&](const Element& e) {
    if (shown == most) return false;
    const bool text = std::holds_alternative<std::string>(e);
    out += (shown++ == 0 ? "" : ", ") + (text ? '"' + plain(e) + '"' : plain(e));
    return true;
  });
  return all ? out + "]" : fmt::format("{}, …] ({} in all)", out, array.count);
}

void read_pairs(const MappedFile& file, Cursor& in, std::uint64_t pairs, GgufHeader& header,
                std::uint64_t& alignment) {
  for (std::uint64_t i = 0; i < pairs; ++i) {
    const std::string key = in.text();
    const auto type = in.number<std::uint32_t>();
    LILITH_CHECK(!header.metadata.count(key), "load: {}: the metadata has a key twice: '{}'.",
                 file.path(), key);
    if (type == Array) {
      const GgufArray array = in.array();
      in.skip(array, 0);
      header.arrays[key] = array;
      header.metadata[key] = summary(file, header, array);
      continue;
    }
    const Element e = in.value(type);
    if (key == "general.alignment") {
      const auto* number = std::get_if<std::uint64_t>(&e);
      LILITH_CHECK(number != nullptr && std::has_single_bit(*number),
                   "load: {}: the alignment {} is no power of two.", file.path(), plain(e));
      alignment = *number;
    }
    header.metadata[key] = plain(e);
  }
}

}  // namespace

GgufHeader parse_gguf_header(const MappedFile& file) {
  GgufHeader header;
  Cursor start(file, false, false, 0);
  LILITH_CHECK(file.bytes() >= 8 && std::memcmp(start.take(4), "GGUF", 4) == 0,
               "load: {} is no GGUF file.", file.path());
  header.version = start.number<std::uint32_t>();
  // The number is small: where it is only in its high half, the bytes are the other way round.
  header.swapped = (header.version & 0xffff) == 0;
  if (header.swapped) header.version = __builtin_bswap32(header.version);
  LILITH_CHECK(header.version >= 1 && header.version <= 3,
               "load: {}: GGUF version {} is not read, 1 to 3 are.", file.path(), header.version);
  Cursor in(file, header.swapped, header.version == 1, start.at());
  const std::uint64_t tensors = in.length(), pairs = in.length();
  std::uint64_t alignment = 32;
  read_pairs(file, in, pairs, header, alignment);
  for (std::uint64_t i = 0; i < tensors; ++i) {
    GgufInfo& info = header.infos.emplace_back();
    info.name = in.text();
    const auto rank = in.number<std::uint32_t>();
    for (std::uint32_t d = 0; d < rank; ++d) info.sizes.push_back(in.length());
    std::reverse(info.sizes.begin(), info.sizes.end());
    info.type = in.number<std::uint32_t>();
    info.offset = in.number<std::uint64_t>();
  }
  LILITH_CHECK(in.at() + alignment > in.at(), "load: {}: the alignment {} is too large.",
               file.path(), alignment);
  header.data_begin = (in.at() + alignment - 1) / alignment * alignment;
  return header;
}

std::vector<std::string> gguf_texts(const MappedFile& file, const GgufHeader& header,
                                    const GgufArray& array) {
  std::vector<std::string> out;
  at_array(file, header, array).each(array, [&](const Element& e) {
    out.push_back(plain(e));
    return true;
  });
  return out;
}

Tensor gguf_numbers(const MappedFile& file, const GgufHeader& header, const std::string& key,
                    const GgufArray& array) {
  std::vector<std::int64_t> integers;
  std::vector<double> reals;
  at_array(file, header, array).each(array, [&](const Element& e) {
    LILITH_CHECK(!std::holds_alternative<std::string>(e),
                 "TensorFile: {}: '{}' is a list of texts.", file.path(), key);
    const auto* wide = std::get_if<std::uint64_t>(&e);
    LILITH_CHECK(!wide || *wide <= static_cast<std::uint64_t>(INT64_MAX),
                 "TensorFile: {}: '{}' holds {}, more than i64 can.", file.path(), key, plain(e));
    if (const auto* f = std::get_if<double>(&e))
      reals.push_back(*f);
    else if (wide)
      integers.push_back(static_cast<std::int64_t>(*wide));
    else if (const auto* b = std::get_if<bool>(&e))
      integers.push_back(*b ? 1 : 0);
    else
      integers.push_back(std::get<std::int64_t>(e));
    return true;
  });
  const bool real = !reals.empty();
  LILITH_CHECK(!real || integers.empty(), "TensorFile: {}: '{}' mixes integers and reals.",
               file.path(), key);
  const std::size_t n = real ? reals.size() : integers.size();
  const void* data = real ? static_cast<const void*>(reals.data()) : integers.data();
  return from_elements(real ? "F64" : "I64", {static_cast<std::int64_t>(n)},
                       {static_cast<const std::uint8_t*>(data), n * 8}, {file.path(), key});
}

}  // namespace lilith::io
