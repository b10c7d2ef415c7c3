#include "io/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "lilith/error.h"

namespace lilith::io {

namespace {

constexpr std::uint32_t kEnd = 0x06054b50, kEnd64 = 0x06064b50, kEnd64Locator = 0x07064b50,
                        kCentral = 0x02014b50, kLocal = 0x04034b50;
// Deflate packs at most 1032 to 1: a larger claim is a lie.
constexpr std::uint64_t kMaxRatio = 1032;

template <class T>
T little(const std::uint8_t* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

struct Directory {
  std::uint64_t offset, bytes, count;
};

// The record at the end that says where the directory is; a comment may follow it.
Directory find_directory(const MappedFile& file) {
  const std::uint64_t tail_bytes = std::min<std::uint64_t>(file.bytes(), 22 + 65535 + 20);
  const auto tail = file.all().last(tail_bytes);
  std::optional<std::size_t> end;
  for (std::size_t i = tail_bytes; i-- > 0 && !end;)
    if (i + 22 <= tail_bytes && little<std::uint32_t>(&tail[i]) == kEnd) end = i;
  LILITH_CHECK(end, "load: {} is no zip archive, or it is truncated: it has no directory.",
               file.path());
  const std::uint8_t* e = &tail[*end];
  Directory d{little<std::uint32_t>(e + 16), little<std::uint32_t>(e + 12),
              little<std::uint16_t>(e + 10)};
  const bool wide = d.offset == 0xffffffff || d.bytes == 0xffffffff || d.count == 0xffff;
  if (wide && *end >= 20 && little<std::uint32_t>(e - 20) == kEnd64Locator) {
    const auto at = little<std::uint64_t>(e - 12);
    const std::uint8_t* record = file.range(at, 56, "its zip64 record").data();
    LILITH_CHECK(little<std::uint32_t>(record) == kEnd64, "load: {}: broken zip64 record.",
                 file.path());
    d = {little<std::uint64_t>(record + 48), little<std::uint64_t>(record + 40),
         little<std::uint64_t>(record + 32)};
  }
  return d;
}

std::vector<std::uint8_t> inflate_all(std::span<const std::uint8_t> packed, std::uint64_t size,
                                      const std::string& file, const std::string& name) {
  std::vector<std::uint8_t> out(size);
  z_stream z{};
  LILITH_CHECK(inflateInit2(&z, -MAX_WBITS) == Z_OK, "load: {}: cannot start to inflate.", file);
  z.next_in = const_cast<Bytef*>(packed.data());
  z.next_out = out.data();
  std::uint64_t in_left = packed.size(), out_left = size;
  int status = Z_OK;
  // zlib counts in 32 bits: feed it in pieces.
  constexpr std::uint64_t kPiece = 1u << 30;
  while (status == Z_OK) {
    if (z.avail_in == 0) in_left -= z.avail_in = static_cast<uInt>(std::min(in_left, kPiece));
    if (z.avail_out == 0) out_left -= z.avail_out = static_cast<uInt>(std::min(out_left, kPiece));
    status = inflate(&z, Z_NO_FLUSH);
  }
  inflateEnd(&z);
  LILITH_CHECK(status == Z_STREAM_END && out_left == 0 && z.avail_out == 0,
               "load: {}: '{}' does not inflate to its {} bytes.", file, name, size);
  return out;
}

}  // namespace

ZipFile::ZipFile(MappedFilePtr file) : file_(std::move(file)) {
  const Directory d = find_directory(*file_);
  read_directory(d.offset, d.bytes, d.count);
}

void ZipFile::read_directory(std::uint64_t begin, std::uint64_t bytes, std::uint64_t count) {
  const auto all = file_->range(begin, bytes, "its zip directory");
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    LILITH_CHECK(bytes - at >= 46 && little<std::uint32_t>(&all[at]) == kCentral,
                 "load: {}: the zip directory is broken.", path());
    const std::uint8_t* p = &all[at];
    const std::size_t name = little<std::uint16_t>(p + 28), extra = little<std::uint16_t>(p + 30),
                      comment = little<std::uint16_t>(p + 32);
    LILITH_CHECK(bytes - at - 46 >= name + extra + comment,
                 "load: {}: the zip directory is broken.", path());
    Member m;
    m.flags = little<std::uint16_t>(p + 8);
    m.method = little<std::uint16_t>(p + 10);
    m.crc = little<std::uint32_t>(p + 16);
    m.packed = little<std::uint32_t>(p + 20);
    m.size = little<std::uint32_t>(p + 24);
    m.offset = little<std::uint32_t>(p + 42);
    // The zip64 extra field holds those of the three that do not fit, in this order.
    const std::uint8_t *e = p + 46 + name, *end = e + extra;
    while (end - e >= 4) {
      const auto id = little<std::uint16_t>(e), length = little<std::uint16_t>(e + 2);
      const std::uint8_t* field = e + 4;
      e = field + std::min<std::ptrdiff_t>(length, end - field);
      if (id != 1) continue;
      for (std::uint64_t* value : {&m.size, &m.packed, &m.offset})
        if (*value == 0xffffffff && e - field >= 8) {
          *value = little<std::uint64_t>(field);
          field += 8;
        }
    }
    std::string text(reinterpret_cast<const char*>(p + 46), name);
    LILITH_CHECK(members_.emplace(text, m).second, "load: {}: the archive has '{}' twice.", path(),
                 text);
    names_.push_back(std::move(text));
    at += 46 + name + extra + comment;
  }
}

const ZipFile::Member& ZipFile::member(const std::string& name) const {
  const auto it = members_.find(name);
  LILITH_CHECK(it != members_.end(), "load: {}: the archive has no '{}'.", path(), name);
  return it->second;
}

std::span<const std::uint8_t> ZipFile::packed(const std::string& name, const Member& m) const {
  LILITH_CHECK((m.flags & 1) == 0, "load: {}: '{}' is encrypted.", path(), name);
  LILITH_CHECK(m.method == 0 || m.method == 8,
               "load: {}: '{}' is packed by method {}; only stored and deflated members are read.",
               path(), name, m.method);
  const std::string what = fmt::format("'{}'", name);
  const std::uint8_t* local = file_->range(m.offset, 30, what).data();
  LILITH_CHECK(little<std::uint32_t>(local) == kLocal, "load: {}: '{}' has a broken header.",
               path(), name);
  const std::uint64_t skip =
      30u + little<std::uint16_t>(local + 26) + little<std::uint16_t>(local + 28);
  const bool honest = m.method == 0 ? m.size == m.packed : m.size / kMaxRatio <= m.packed + 1;
  LILITH_CHECK(honest, "load: {}: '{}' cannot hold the {} bytes that it claims.", path(), name,
               m.size);
  return file_->range(m.offset + skip, m.packed, what);
}

void ZipFile::check_sum(const std::string& name, const Member& m,
                        std::span<const std::uint8_t> bytes) const {
  if (m.crc == 0) return;  // not computed
  uLong crc = crc32_z(0, nullptr, 0);
  crc = crc32_z(crc, bytes.data(), bytes.size());
  LILITH_CHECK(crc == m.crc, "load: {}: '{}' is damaged: its checksum is wrong.", path(), name);
}

std::optional<ZipFile::Range> ZipFile::place(const std::string& name) const {
  const Member& m = member(name);
  const auto bytes = packed(name, m);
  if (m.method != 0) return {};
  if (!file_->mapped()) check_sum(name, m, bytes);
  return Range{static_cast<std::uint64_t>(bytes.data() - file_->all().data()), bytes.size()};
}

std::vector<std::uint8_t> ZipFile::read(const std::string& name) const {
  const Member& m = member(name);
  const auto bytes = packed(name, m);
  std::vector<std::uint8_t> out = m.method == 8
                                      ? inflate_all(bytes, m.size, path(), name)
                                      : std::vector<std::uint8_t>(bytes.begin(), bytes.end());
  check_sum(name, m, out);
  return out;
}

std::vector<std::uint8_t> ZipFile::head(const std::string& name, std::uint64_t most) const {
  const Member& m = member(name);
  const auto bytes = packed(name, m);
  const std::uint64_t n = std::min(most, m.size);
  if (m.method == 0) return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)};
  std::vector<std::uint8_t> out(n);
  z_stream z{};
  LILITH_CHECK(inflateInit2(&z, -MAX_WBITS) == Z_OK, "load: {}: cannot start to inflate.", path());
  z.next_in = const_cast<Bytef*>(bytes.data());
  z.avail_in = static_cast<uInt>(std::min<std::uint64_t>(bytes.size(), 1u << 30));
  z.next_out = out.data();
  z.avail_out = static_cast<uInt>(n);
  inflate(&z, Z_SYNC_FLUSH);
  inflateEnd(&z);
  out.resize(n - z.avail_out);
  return out;
}

}  // namespace lilith::io
