#include "io/safetensors.h"

#include <algorithm>
#include <cstring>

#include "core/quote.h"
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

// What the header alone says against a tensor.
void check_dtype(const std::string& dtype, const Origin& origin) {
  if (can_hold(dtype)) return;
  if (safetensors_dtype_rank(dtype) < 0)
    refuse(origin, "is of the unknown dtype '{}'", escaped(dtype));
  if (dtype.starts_with('C'))
    refuse(origin, "is complex ({}), which no dtype of Lilith can hold", dtype);
  refuse(origin, "is {}, which no dtype of Lilith can hold", dtype);
}

}  // namespace

Contents open_safetensors(MappedFilePtr file) {
  const SafetensorsHeader header =
      parse_safetensors_header(file->all(), file->bytes(), file->path());
  Contents out{"safetensors", {}, header.metadata};
  for (const SafetensorsEntry& e : header.entries) {
    Entry entry{e.name, e.dtype, e.shape, e.end - e.begin};
    const Origin origin{file->path(), e.name};
    Shape shape;
    check_entry(entry, [&] { shape = to_shape(e.shape, origin); });
    check_entry(entry, [&] { check_dtype(e.dtype, origin); });
    if (entry.refused.empty()) {
      entry.dtype = dtype_held(e.dtype);
      entry.read = [=, name = e.name, dtype = e.dtype, at = header.data_begin + e.begin] {
        return tensor_at(file, at, dtype, shape, {file->path(), name});
      };
    }
    out.entries.push_back(std::move(entry));
  }
  return out;
}

void save_safetensors(const TensorDict& tensors, const std::string& path) {
  struct Pending {
    SafetensorsEntry entry;
    const Tensor* value;
  };
  std::vector<Pending> pending;
  for (const auto& [key, value] : tensors) {
    LILITH_CHECK(value.defined(), "save: '{}' is an undefined tensor.", escaped(key));
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
