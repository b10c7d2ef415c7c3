#include "io/numpy.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/quote.h"
#include "lilith/error.h"
#include "lilith/ops/shape.h"

namespace lilith::io {

namespace {

std::string stem(const std::string& path) {
  const std::string file = path.substr(path.find_last_of('/') + 1);
  return file.ends_with(".npy") ? file.substr(0, file.size() - 4) : file;
}

// The entry that a header describes, without a way to read it.
Entry make_entry(const NpyHeader& h, const Origin& origin) {
  Entry entry{origin.name, h.descr, h.sizes};
  entry.refused = h.reason;
  check_entry(entry, [&] {
    const Shape shape = to_shape(h.sizes, origin);
    entry.dtype = dtype_held(h.type);
    entry.bytes =
        static_cast<std::uint64_t>(shape.numel()) * static_cast<std::uint64_t>(bits_of(h.type)) / 8;
  });
  return entry;
}

void check_size(const NpyHeader& h, std::uint64_t wanted, std::uint64_t there,
                const Origin& origin) {
  LILITH_CHECK(there == wanted, "load: {}: '{}' is {}{}, {} bytes, but has {} bytes.", origin.file,
               escaped(origin.name), h.type, to_shape(h.sizes, origin).str(), wanted, there);
}

// The array whose bytes lie in a file from `begin` on; shared with the file where that is possible.
Tensor array_at(const NpyHeader& h, const MappedFilePtr& file, std::uint64_t begin,
                const Origin& origin) {
  Shape shape = to_shape(h.sizes, origin);
  const bool swapped = h.descr[0] == '>', turned = h.fortran && shape.rank() >= 2;
  if (!swapped && !turned) return tensor_at(file, begin, h.type, shape, origin);
  const std::size_t width = static_cast<std::size_t>(bits_of(h.type)) / 8;
  const auto range =
      file->range(begin, static_cast<std::uint64_t>(shape.numel()) * width, origin.name);
  std::vector<std::uint8_t> elements(range.begin(), range.end());
  if (swapped)
    for (auto e = elements.begin(); e != elements.end(); e += static_cast<std::ptrdiff_t>(width))
      std::reverse(e, e + static_cast<std::ptrdiff_t>(width));
  if (!turned) return from_elements(h.type, shape, elements, origin);
  std::vector<std::int64_t> order;
  for (int d = shape.rank(); d-- > 0;) order.push_back(d);
  std::reverse(shape.begin(), shape.end());
  return permute(from_elements(h.type, shape, elements, origin), order);
}

Tensor parse_held(const MappedFilePtr& held, const std::string& name) {
  const Origin origin{held->path(), name};
  const NpyHeader h = parse_npy_header(held->all(), origin);
  const Entry entry = make_entry(h, origin);
  if (!entry.refused.empty()) throw Refusal(origin, entry.refused);
  check_size(h, entry.bytes, held->bytes() - h.data_begin, origin);
  return array_at(h, held, h.data_begin, origin);
}

// A member of an archive: its header now, its array later.
Entry member_entry(const std::shared_ptr<const ZipFile>& zip, const std::string& member,
                   const std::string& name) {
  const Origin origin{zip->path(), name};
  constexpr std::string_view kMagic = "\x93NUMPY";
  const auto begin = zip->head(member, kMagic.size());
  if (!std::equal(begin.begin(), begin.end(), kMagic.begin(), kMagic.end(),
                  [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); })) {
    Entry entry{name, "-"};
    entry.refused = "is no npy array, though its name says so";
    return entry;
  }
  const auto place = zip->place(member);
  if (!place) {  // deflated
    constexpr std::uint64_t kHeader = 1 << 16;
    const NpyHeader h = parse_npy_header(zip->head(member, kHeader), origin);
    Entry entry = make_entry(h, origin);
    if (!entry.refused.empty()) return entry;
    check_size(h, entry.bytes, zip->bytes(member) - h.data_begin, origin);
    entry.read = [=] { return parse_held(MappedFile::hold(zip->path(), zip->read(member)), name); };
    return entry;
  }
  const NpyHeader h =
      parse_npy_header(zip->file()->range(place->offset, place->bytes, member), origin);
  Entry entry = make_entry(h, origin);
  if (!entry.refused.empty()) return entry;
  check_size(h, entry.bytes, place->bytes - h.data_begin, origin);
  entry.read = [=] {
    return array_at(h, zip->file(), place->offset + h.data_begin, {zip->path(), name});
  };
  return entry;
}

// What save_npz writes beside the arrays; another file of that name is passed over.
void read_metadata(const std::vector<std::uint8_t>& bytes,
                   std::map<std::string, std::string>& metadata) {
  const auto json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
  if (!json.is_object()) return;
  for (const auto& [key, value] : json.items())
    if (value.is_string()) metadata[key] = value.get<std::string>();
}

}  // namespace

Tensor parse_npy(std::span<const std::uint8_t> bytes, const std::string& file,
                 const std::string& name) {
  return parse_held(MappedFile::hold(file, {bytes.begin(), bytes.end()}), name);
}

Contents open_npy(MappedFilePtr file) {
  const std::string name = stem(file->path());
  const Origin origin{file->path(), name};
  const NpyHeader h = parse_npy_header(file->all(), origin);
  Entry entry = make_entry(h, origin);
  if (entry.refused.empty()) {
    check_size(h, entry.bytes, file->bytes() - h.data_begin, origin);
    entry.read = [=] { return array_at(h, file, h.data_begin, {file->path(), name}); };
  }
  return {"npy", {entry}};
}

Contents open_npz(const std::shared_ptr<const ZipFile>& zip) {
  Contents out{"npz", {}};
  for (const std::string& member : zip->names()) {
    if (member.ends_with("/")) continue;
    if (member == kNpzMetadata) {
      read_metadata(zip->read(member), out.metadata);
      continue;
    }
    if (member.ends_with(".npy"))
      out.entries.push_back(member_entry(zip, member, member.substr(0, member.size() - 4)));
    else
      out.metadata["ignored " + member] = fmt::format("no array, {} bytes", zip->bytes(member));
  }
  return out;
}

}  // namespace lilith::io
