#include "io/gguf.h"

#include <algorithm>
#include <cstring>

#include "io/elements.h"
#include "io/file.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

constexpr std::uint64_t kBlock = 32;  // elements of a quantised block

// An element type by its number in the file: Lilith's, or blocks that are expanded to f32.
struct TypeRow {
  std::uint32_t id;
  const char* name;
  std::uint64_t block_bytes;  // 0: plain elements of the type `name`
};
constexpr TypeRow kTypes[] = {{0, "F32", 0},   {1, "F16", 0},   {24, "I8", 0},   {25, "I16", 0},
                              {26, "I32", 0},  {27, "I64", 0},  {28, "F64", 0},  {30, "BF16", 0},
                              {2, "Q4_0", 18}, {3, "Q4_1", 20}, {6, "Q5_0", 22}, {7, "Q5_1", 24},
                              {8, "Q8_0", 34}};

float half_at(const std::uint8_t* p) {
  half h;
  std::memcpy(&h.bits, p, 2);
  return static_cast<float>(h);
}

// d q, or d q + m: 4 or 5 bits an element, the fifth ones in a word of their own.
void expand_low_bits(const std::uint8_t* p, float* out, bool with_minimum, bool fifth_bit) {
  const float d = half_at(p);
  p += 2;
  const float m = with_minimum ? half_at(p) : 0;
  p += with_minimum ? 2 : 0;
  std::uint32_t high = 0;
  if (fifth_bit) std::memcpy(&high, p, 4);
  p += fifth_bit ? 4 : 0;
  const int zero = with_minimum ? 0 : fifth_bit ? 16 : 8;
  for (unsigned j = 0; j < kBlock / 2; ++j) {
    const unsigned low = (p[j] & 0xfu) | (high >> j & 1u) << 4;
    const unsigned top = static_cast<unsigned>(p[j] >> 4) | (high >> (j + 16) & 1u) << 4;
    out[j] = d * static_cast<float>(static_cast<int>(low) - zero) + m;
    out[j + kBlock / 2] = d * static_cast<float>(static_cast<int>(top) - zero) + m;
  }
}

std::vector<std::uint8_t> expand(const TypeRow& type, const std::vector<std::uint8_t>& blocks) {
  const std::size_t count = blocks.size() / type.block_bytes;
  std::vector<float> out(count * kBlock);
  for (std::size_t b = 0; b < count; ++b) {
    const std::uint8_t* p = &blocks[b * type.block_bytes];
    float* to = &out[b * kBlock];
    if (type.id == 8) {
      const float d = half_at(p);
      for (std::size_t j = 0; j < kBlock; ++j)
        to[j] = d * static_cast<float>(static_cast<std::int8_t>(p[2 + j]));
    } else {
      expand_low_bits(p, to, type.id == 3 || type.id == 7, type.id >= 6);
    }
  }
  std::vector<std::uint8_t> bytes(out.size() * sizeof(float));
  if (!out.empty()) std::memcpy(bytes.data(), out.data(), bytes.size());
  return bytes;
}

struct Info {
  std::string name;
  std::vector<std::uint64_t> sizes;  // outermost first
  std::uint32_t type = 0;
  std::uint64_t offset = 0;
};

class GgufReader {
 public:
  explicit GgufReader(const std::string& path) : file_(path, "load") {}

  TensorDict read() {
    read_header();
    for (const Info& info : infos_) out_.add(info.name, tensor(info));
    return std::move(out_);
  }

 private:
  void read_header() {
    LILITH_CHECK(number<std::uint32_t>() == 0x46554747, "load: {} is no GGUF file.", file_.path());
    const auto version = number<std::uint32_t>();
    LILITH_CHECK(version == 2 || version == 3,
                 "load: {}: GGUF version {} is not read, 2 and 3 are.", file_.path(), version);
    const auto tensors = number<std::uint64_t>(), pairs = number<std::uint64_t>();
    for (std::uint64_t i = 0; i < pairs; ++i) {
      const std::string key = text();
      value(key, number<std::uint32_t>(), 0);
    }
    for (std::uint64_t i = 0; i < tensors; ++i) {
      Info& info = infos_.emplace_back();
      info.name = text();
      const auto rank = number<std::uint32_t>();
      LILITH_CHECK(rank <= Shape::kMaxRank, "load: {}: '{}' has rank {}, at most {} is held.",
                   file_.path(), info.name, rank, Shape::kMaxRank);
      for (std::uint32_t d = 0; d < rank; ++d) info.sizes.push_back(number<std::uint64_t>());
      std::reverse(info.sizes.begin(), info.sizes.end());
      info.type = number<std::uint32_t>();
      info.offset = number<std::uint64_t>();
    }
    LILITH_CHECK(alignment_ > 0 && (alignment_ & (alignment_ - 1)) == 0,
                 "load: {}: the alignment {} is no power of two.", file_.path(), alignment_);
    data_begin_ = (at_ + alignment_ - 1) / alignment_ * alignment_;
  }

  template <class T>
  T number() {
    T v;
    LILITH_CHECK(sizeof v <= file_.bytes() - at_, "load: {} is truncated in its header.",
                 file_.path());
    file_.read(at_, &v, sizeof v);
    at_ += sizeof v;
    return v;
  }
  std::string text() {
    const auto n = number<std::uint64_t>();
    LILITH_CHECK(n <= file_.bytes() - at_, "load: {} is truncated in its header.", file_.path());
    std::string s(n, '\0');
    file_.read(at_, s.data(), n);
    at_ += n;
    return s;
  }
  void keep(const std::string& key, std::string text) {
    if (!key.empty()) out_.metadata[key] = std::move(text);
  }
  template <class T>
  void keep_number(const std::string& key) {
    const T v = number<T>();
    if constexpr (std::is_integral_v<T>)
      if (key == "general.alignment") alignment_ = static_cast<std::uint64_t>(v);
    keep(key, fmt::format("{}", v));
  }
  // Reads one value; arrays are passed over.
  void value(const std::string& key, std::uint32_t type, int depth) {
    switch (type) {
      case 0:
        return keep_number<std::uint8_t>(key);
      case 1:
        return keep_number<std::int8_t>(key);
      case 2:
        return keep_number<std::uint16_t>(key);
      case 3:
        return keep_number<std::int16_t>(key);
      case 4:
        return keep_number<std::uint32_t>(key);
      case 5:
        return keep_number<std::int32_t>(key);
      case 6:
        return keep_number<float>(key);
      case 7:
        return keep(key, number<std::uint8_t>() != 0 ? "true" : "false");
      case 8:
        return keep(key, text());
      case 10:
        return keep_number<std::uint64_t>(key);
      case 11:
        return keep_number<std::int64_t>(key);
      case 12:
        return keep_number<double>(key);
      default:
        break;
    }
    LILITH_CHECK(type == 9 && depth < 4, "load: {}: '{}' has the unknown type {}.", file_.path(),
                 key, type);
    const auto element = number<std::uint32_t>();
    const auto n = number<std::uint64_t>();
    for (std::uint64_t i = 0; i < n; ++i) value("", element, depth + 1);
  }

  Tensor tensor(const Info& info) {
    const Origin origin{file_.path(), info.name};
    const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                    [&](const TypeRow& row) { return row.id == info.type; });
    LILITH_CHECK(type != std::end(kTypes),
                 "load: {}: '{}' is of GGUF's type {}, which is not read.", file_.path(), info.name,
                 info.type);
    const Shape shape = to_shape(info.sizes, origin);
    const auto n = static_cast<std::uint64_t>(shape.numel());
    const bool blocks = type->block_bytes > 0;
    LILITH_CHECK(!blocks || shape.empty() || shape.back() % static_cast<std::int64_t>(kBlock) == 0,
                 "load: {}: '{}' is {} with rows of {}; need a multiple of {}.", file_.path(),
                 info.name, type->name, shape.empty() ? 1 : shape.back(), kBlock);
    const std::uint64_t bytes = blocks ? n / kBlock * type->block_bytes
                                       : n * static_cast<std::uint64_t>(bits_of(type->name)) / 8;
    const std::uint64_t there = file_.bytes() - std::min(data_begin_, file_.bytes());
    LILITH_CHECK(info.offset <= there && bytes <= there - info.offset,
                 "load: {}: '{}' lies outside of the file.", file_.path(), info.name);
    const auto read = [&](void* to, std::uint64_t count) {
      file_.read(data_begin_ + info.offset, to, count);
    };
    if (!blocks) return read_elements(type->name, shape, bytes, origin, read);
    std::vector<std::uint8_t> raw(bytes);
    read(raw.data(), bytes);
    return from_elements("F32", shape, expand(*type, raw), origin);
  }

  InputFile file_;
  std::uint64_t at_ = 0, alignment_ = 32, data_begin_ = 0;
  std::vector<Info> infos_;
  TensorDict out_;
};

}  // namespace

TensorDict load_gguf(const std::string& path) { return GgufReader(path).read(); }

}  // namespace lilith::io
