#include "io/gguf.h"

#include <algorithm>
#include <set>

#include "io/gguf_blocks.h"
#include "io/gguf_header.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

// Blocks as f32, one after the other.
Tensor expand(const GgufType& type, const Shape& shape, std::span<const std::uint8_t> bytes,
              bool swapped, const Origin& origin) {
  void* data = nullptr;
  Tensor out = make_host_tensor(shape, DType::F32, origin, data);
  auto* to = static_cast<float*>(data);
  std::vector<std::uint8_t> block(type.block_bytes);
  for (auto at = bytes.begin(); at != bytes.end(); to += type.block_elements) {
    const auto next = at + static_cast<std::ptrdiff_t>(type.block_bytes);
    const std::uint8_t* from = &*at;
    if (swapped) {
      std::copy(at, next, block.begin());
      for (const int half : type.half_at)
        if (half >= 0)
          std::swap(block[static_cast<std::size_t>(half)],
                    block[static_cast<std::size_t>(half) + 1]);
      from = block.data();
    }
    type.decode(from, to);
    at = next;
  }
  return out;
}

Tensor read_tensor(const MappedFilePtr& file, const GgufType& type, const Shape& shape,
                   std::uint64_t offset, std::uint64_t bytes, bool swapped,
                   const std::string& name) {
  const Origin origin{file->path(), name};
  if (type.plain() && !swapped) return tensor_at(file, offset, type.name, shape, origin);
  const auto range = file->range(offset, bytes, name);
  if (!type.plain()) return expand(type, shape, range, swapped, origin);
  std::vector<std::uint8_t> elements(range.begin(), range.end());
  const auto width = static_cast<std::ptrdiff_t>(type.block_bytes);
  for (auto at = elements.begin(); at != elements.end(); at += width) std::reverse(at, at + width);
  return from_elements(type.name, shape, elements, origin);
}

// What the header alone says against a tensor.
void check_type(const GgufInfo& info, const GgufType* type, bool swapped, const Origin& origin) {
  if (type == nullptr) refuse(origin, "is of GGUF's type {}, which is not known", info.type);
  if (!type->plain() && !type->quantised())
    refuse(origin, "is {}, whose blocks no published reader expands to numbers", type->name);
  if (swapped && !type->plain() && type->half_at[0] == -2)
    refuse(origin, "is {} in a big-endian file, where the layout of its blocks is not defined",
           type->name);
  const std::uint64_t row = info.sizes.empty() ? 1 : info.sizes.back();
  if (row % type->block_elements != 0)
    refuse(origin, "is {} with rows of {}, which are no multiple of {}", type->name, row,
           type->block_elements);
}

Entry make_entry(const MappedFilePtr& file, const GgufHeader& header, const GgufInfo& info) {
  const Origin origin{file->path(), info.name};
  const GgufType* type = gguf_type(info.type);
  Entry entry{info.name, type ? std::string(type->name) : fmt::format("type {}", info.type),
              info.sizes};
  Shape shape;
  check_entry(entry, [&] { shape = to_shape(info.sizes, origin); });
  check_entry(entry, [&] { check_type(info, type, header.swapped, origin); });
  if (!entry.refused.empty()) return entry;
  if (type->plain()) entry.dtype = *native_dtype(type->name);
  entry.bytes =
      static_cast<std::uint64_t>(shape.numel()) / type->block_elements * type->block_bytes;
  const std::uint64_t there = file->bytes() - std::min(header.data_begin, file->bytes());
  LILITH_CHECK(info.offset <= there && entry.bytes <= there - info.offset,
               "load: {}: '{}' lies outside of the file; the file is truncated or damaged.",
               file->path(), info.name);
  entry.read = [=, name = info.name, offset = header.data_begin + info.offset, bytes = entry.bytes,
                swapped = header.swapped] {
    return read_tensor(file, *type, shape, offset, bytes, swapped, name);
  };
  return entry;
}

// Tensors that share bytes would let a small file ask for any amount of memory.
void check_overlap(const GgufHeader& header, const std::vector<Entry>& entries,
                   const std::string& file) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (entries[i].bytes > 0) order.push_back(i);
  const auto begin = [&](std::size_t i) { return header.infos[i].offset; };
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return begin(a) < begin(b); });
  for (std::size_t k = 1; k < order.size(); ++k) {
    const std::size_t before = order[k - 1], i = order[k];
    LILITH_CHECK(begin(before) + entries[before].bytes <= begin(i),
                 "load: {}: '{}' and '{}' overlap.", file, entries[before].name, entries[i].name);
  }
}

}  // namespace

Contents open_gguf(MappedFilePtr file) {
  const auto header = std::make_shared<const GgufHeader>(parse_gguf_header(*file));
  Contents out{header->swapped ? "GGUF, big-endian" : "GGUF", {}, header->metadata};
  std::set<std::string_view> names;
  for (const GgufInfo& info : header->infos) {
    LILITH_CHECK(names.insert(info.name).second, "load: {}: there are two tensors '{}'.",
                 file->path(), info.name);
    out.entries.push_back(make_entry(file, *header, info));
  }
  check_overlap(*header, out.entries, file->path());
  for (const auto& [key, array] : header->arrays)
    out.lists[key] = {[=] { return gguf_texts(*file, *header, array); },
                      [=, name = key] { return gguf_numbers(*file, *header, name, array); }};
  return out;
}

}  // namespace lilith::io
