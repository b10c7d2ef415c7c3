#include <fmt/format.h>
#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>
#include <set>

#include "core/quote.h"
#include "io/safetensors.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

using nlohmann::json;

// The format's dtypes, in the order of its reference implementation: narrow to wide.
struct DTypeRow {
  const char* name;
  int bits;
};
constexpr std::array<DTypeRow, 22> kDTypes = {
    {{"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
     {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
     {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
     {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
     {"I64", 64},        {"U64", 64}}};
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr int kMaxDepth = 8;

// Keys of every object that is open while parsing, to find duplicates: nlohmann keeps the last
// silently.
class DuplicateCheck {
 public:
  explicit DuplicateCheck(const std::string& file) : file_(file) {}
  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    LILITH_CHECK(depth <= kMaxDepth, "load: {}: the header nests without end.", file_);
    if (event == json::parse_event_t::object_start) open_.emplace_back();
    if (event == json::parse_event_t::object_end) open_.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      LILITH_CHECK(open_.back().insert(key).second, "load: {}: the header has the key '{}' twice.",
                   file_, escaped(key));
    }
    return true;
  }

 private:
  const std::string& file_;
  std::vector<std::set<std::string>> open_;
};

json parse_json(std::span<const std::uint8_t> text, const std::string& file) {
  DuplicateCheck check(file);
  try {
    return json::parse(
        text.begin(), text.end(),
        [&](int depth, json::parse_event_t event, json& v) { return check(depth, event, v); });
  } catch (const json::exception& e) {
    const bool bytes_at_fault = std::string_view(e.what()).find("UTF-8") != std::string_view::npos;
    fail("load: {}: the header is not {}: {}.", file, bytes_at_fault ? "UTF-8" : "JSON", e.what());
  }
}

std::uint64_t unsigned_field(const json& value, const std::string& file, const std::string& name,
                             const char* field) {
  LILITH_CHECK(value.is_number_unsigned(), "load: {}: '{}': {} is {}, not a non-negative integer.",
               file, escaped(name), field,
               escaped(value.dump(-1, ' ', false, json::error_handler_t::replace)));
  return value.get<std::uint64_t>();
}

const json& member(const json& object, const char* key, const std::string& file,
                   const std::string& name) {
  const auto it = object.find(key);
  LILITH_CHECK(it != object.end(), "load: {}: '{}' has no {}.", file, escaped(name), key);
  return *it;
}

SafetensorsEntry parse_entry(const std::string& name, const json& info, const std::string& file) {
  LILITH_CHECK(info.is_object(), "load: {}: '{}' is described by no JSON object.", file,
               escaped(name));
  SafetensorsEntry entry{name, {}, {}, 0, 0};
  const json& dtype = member(info, "dtype", file, name);
  LILITH_CHECK(dtype.is_string(), "load: {}: '{}': dtype is not a string.", file, escaped(name));
  entry.dtype = dtype.get<std::string>();
  const json& shape = member(info, "shape", file, name);
  LILITH_CHECK(shape.is_array(), "load: {}: '{}': shape is not a list.", file, escaped(name));
  for (const json& d : shape) entry.shape.push_back(unsigned_field(d, file, name, "a size"));
  const json& offsets = member(info, "data_offsets", file, name);
  LILITH_CHECK(offsets.is_array() && offsets.size() == 2,
               "load: {}: '{}': data_offsets is not a list of two.", file, escaped(name));
  entry.begin = unsigned_field(offsets[0], file, name, "an offset");
  entry.end = unsigned_field(offsets[1], file, name, "an offset");
  return entry;
}

// Bytes that dtype and shape ask for; Error on overflow, or when sub-byte elements do not fill a
// byte.
std::uint64_t entry_bytes(const SafetensorsEntry& entry, const std::string& file) {
  // Of an unknown dtype the offsets alone tell the size.
  if (safetensors_dtype_rank(entry.dtype) < 0) return entry.end - entry.begin;
  std::uint64_t bits = static_cast<std::uint64_t>(
      kDTypes[static_cast<std::size_t>(safetensors_dtype_rank(entry.dtype))].bits);
  for (const std::uint64_t d : entry.shape)
    LILITH_CHECK(!__builtin_mul_overflow(bits, d, &bits),
                 "load: {}: '{}': the size of {}[{}] overflows.", file, escaped(entry.name),
                 entry.dtype, fmt::join(entry.shape, ","));
  LILITH_CHECK(bits % 8 == 0, "load: {}: '{}': {}[{}] does not end at a byte.", file,
               escaped(entry.name), entry.dtype, fmt::join(entry.shape, ","));
  return bits / 8;
}

// Tensors must tile the data section: no overlap, no hole, nothing behind the last.
void check_offsets(const SafetensorsHeader& header, std::uint64_t file_bytes,
                   const std::string& file) {
  std::uint64_t at = 0;
  for (const SafetensorsEntry& e : header.entries) {
    LILITH_CHECK(e.begin == at && e.end >= e.begin,
                 "load: {}: '{}' lies at [{}, {}) but the tensor before ends at {}; tensors must "
                 "neither overlap nor leave holes.",
                 file, escaped(e.name), e.begin, e.end, at);
    const std::uint64_t wanted = entry_bytes(e, file);
    LILITH_CHECK(e.end - e.begin == wanted, "load: {}: '{}' is {}[{}], {} bytes, but has {} bytes.",
                 file, escaped(e.name), escaped(e.dtype), fmt::join(e.shape, ","), wanted,
                 e.end - e.begin);
    at = e.end;
  }
  const std::uint64_t there = file_bytes - header.data_begin;
  LILITH_CHECK(at <= there, "load: {} is truncated: its tensors need {} bytes, it has {}.", file,
               at, there);
  LILITH_CHECK(at == there, "load: {}: {} bytes follow the last tensor.", file, there - at);
}

}  // namespace

int safetensors_dtype_rank(std::string_view dtype) {
  for (std::size_t i = 0; i < kDTypes.size(); ++i)
    if (dtype == kDTypes[i].name) return static_cast<int>(i);
  return -1;
}

SafetensorsHeader parse_safetensors_header(std::span<const std::uint8_t> head,
                                           std::uint64_t file_bytes, const std::string& file) {
  LILITH_CHECK(file_bytes >= 8 && head.size() >= 8,
               "load: {}: the header is too small: {} bytes, a safetensors file has at least 8.",
               file, file_bytes);
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | head[static_cast<std::size_t>(i)];
  LILITH_CHECK(length <= kMaxHeaderBytes,
               "load: {}: the header is too large: {} bytes, at most {} are allowed.", file, length,
               kMaxHeaderBytes);
  LILITH_CHECK(length <= file_bytes - 8 && length <= head.size() - 8,
               "load: {} is truncated: the header needs {} bytes, the file has {}.", file, length,
               file_bytes - 8);
  const json root = parse_json(head.subspan(8, length), file);
  LILITH_CHECK(root.is_object(), "load: {}: the header is no JSON object.", file);
  SafetensorsHeader header;
  header.data_begin = 8 + length;
  for (const auto& [name, info] : root.items()) {
    if (name != "__metadata__") {
      header.entries.push_back(parse_entry(name, info, file));
      continue;
    }
    LILITH_CHECK(info.is_object(), "load: {}: __metadata__ is no JSON object.", file);
    for (const auto& [key, text] : info.items()) {
      LILITH_CHECK(text.is_string(), "load: {}: __metadata__: '{}' is not a string.", file,
                   escaped(key));
      header.metadata[key] = text.get<std::string>();
    }
  }
  // Empty tensors share their offset with the next one and come before it.
  std::stable_sort(header.entries.begin(), header.entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  check_offsets(header, file_bytes, file);
  return header;
}

std::string format_safetensors_header(std::span<const SafetensorsEntry> entries,
                                      const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  if (!metadata.empty()) root["__metadata__"] = metadata;
  for (const SafetensorsEntry& e : entries) {
    LILITH_CHECK(e.name != "__metadata__", "save: a tensor cannot be named '__metadata__'.");
    root[e.name] = {{"dtype", e.dtype}, {"shape", e.shape}, {"data_offsets", {e.begin, e.end}}};
  }
  std::string text;
  try {
    text = root.dump();
  } catch (const json::exception& e) {
    fail("save: a name or the metadata is not UTF-8: {}.", e.what());
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  LILITH_CHECK(text.size() <= kMaxHeaderBytes,
               "save: the header takes {} bytes, at most {} are allowed.", text.size(),
               kMaxHeaderBytes);
  std::string out;
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(text.size() >> (8 * i) & 0xff));
  return out + text;
}

}  // namespace lilith::io
