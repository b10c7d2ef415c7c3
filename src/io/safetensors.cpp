#include "io/safetensors.h"

#include <algorithm>
#include <cstring>

#include "io/elements.h"
#include "io/file.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

const char* format_name(DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return "BOOL";
    case DType::U8:
      return "U8";
    case DType::I8:
      return "I8";
    case DType::I16:
      return "I16";
    case DType::I32:
      return "I32";
    case DType::I64:
      return "I64";
    case DType::F16:
      return "F16";
    case DType::BF16:
      return "BF16";
    case DType::F32:
      return "F32";
    case DType::F64:
      return "F64";
    default:
      fail("save: safetensors has no dtype for {}.", name(dtype));
  }
}

Tensor read_entry(InputFile& file, const SafetensorsEntry& entry, std::uint64_t data_begin) {
  const Origin origin{file.path(), entry.name};
  LILITH_CHECK(can_hold(entry.dtype), "load: {}: '{}' is {}, which no dtype of Lilith can hold.",
               file.path(), entry.name, entry.dtype);
  return read_elements(
      entry.dtype, to_shape(entry.shape, origin), entry.end - entry.begin, origin,
      [&](void* to, std::uint64_t bytes) { file.read(data_begin + entry.begin, to, bytes); });
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
    const int ra = safetensors_dtype_rank(a.entry.dtype),
              rb = safetensors_dtype_rank(b.entry.dtype);
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
