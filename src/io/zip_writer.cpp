#include <zlib.h>

#include <algorithm>

#include "io/zip.h"

namespace lilith::io {

namespace {

constexpr std::uint64_t kWide = 0xffffffff;  // what is as large goes into a zip64 field
constexpr std::uint16_t kUtf8 = 1 << 11;
constexpr std::uint16_t kDate = 1 << 5 | 1;  // 1980-01-01: files of the same tensors are the same

template <class T>
void put(std::string& to, std::uint64_t value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) to += static_cast<char>(value >> (8 * i) & 0xff);
}
void put16(std::string& to, std::uint64_t value) { put<std::uint16_t>(to, value); }
void put32(std::string& to, std::uint64_t value) { put<std::uint32_t>(to, value); }
void put64(std::string& to, std::uint64_t value) { put<std::uint64_t>(to, value); }

// What local header and directory share, from the version to the length of the name.
void put_common(std::string& to, std::uint64_t size, std::uint32_t crc, std::size_t name,
                bool wide) {
  put16(to, wide ? 45 : 20);
  put16(to, kUtf8);
  put16(to, 0);  // stored
  put16(to, 0);
  put16(to, kDate);
  put32(to, crc);
  for (int i = 0; i < 2; ++i) put32(to, std::min(size, kWide));
  put16(to, name);
}

}  // namespace

void ZipWriter::put(const std::string& bytes) {
  write_bytes(file_, bytes.data(), bytes.size());
  at_ += bytes.size();
}

void ZipWriter::add(const std::string& name, std::span<const std::uint8_t> bytes,
                    std::uint64_t alignment) {
  add(name, std::vector<std::span<const std::uint8_t>>{bytes}, alignment);
}

void ZipWriter::add(const std::string& name,
                    const std::vector<std::span<const std::uint8_t>>& parts,
                    std::uint64_t alignment) {
  uLong sum = 0;
  std::uint64_t size = 0;
  for (const auto& part : parts) {
    sum = crc32_z(sum, part.data(), part.size());
    size += part.size();
  }
  const auto crc = static_cast<std::uint32_t>(sum);
  members_.push_back({name, at_, size, crc});
  const bool wide = size >= kWide;
  std::string extra;
  if (wide) {
    put16(extra, 1);
    put16(extra, 16);
    put64(extra, size);
    put64(extra, size);
  }
  // The bytes are moved to their place by a field that readers pass over, named as in PyTorch.
  const std::uint64_t unpadded = at_ + 30 + name.size() + extra.size();
  if (unpadded % alignment != 0) {
    const std::uint64_t padding = (alignment - (unpadded + 4) % alignment) % alignment;
    put16(extra, 'F' | 'B' << 8);
    put16(extra, padding);
    extra.append(padding, 'Z');
  }
  std::string head;
  put32(head, 0x04034b50);
  put_common(head, size, crc, name.size(), wide);
  put16(head, extra.size());
  put(head + name + extra);
  for (const auto& part : parts) write_bytes(file_, part.data(), part.size());
  at_ += size;
}

void ZipWriter::add(const std::string& name, const std::string& text) {
  add(name, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

void ZipWriter::finish() {
  const std::uint64_t begin = at_;
  for (const Member& m : members_) {
    const bool wide = m.size >= kWide || m.offset >= kWide;
    std::string extra;
    if (wide) {
      std::string fields;
      if (m.size >= kWide)
        for (int i = 0; i < 2; ++i) put64(fields, m.size);
      if (m.offset >= kWide) put64(fields, m.offset);
      put16(extra, 1);
      put16(extra, fields.size());
      extra += fields;
    }
    std::string head;
    put32(head, 0x02014b50);
    put16(head, 45);
    put_common(head, m.size, m.crc, m.name.size(), wide);
    put16(head, extra.size());
    head.append(10, '\0');  // no comment, disk 0, no attributes
    put32(head, std::min(m.offset, kWide));
    put(head + m.name + extra);
  }
  const std::uint64_t end = at_, count = members_.size();
  std::string tail;
  if (count >= 0xffff || begin >= kWide || end - begin >= kWide) {
    put32(tail, 0x06064b50);
    put64(tail, 44);
    for (int i = 0; i < 2; ++i) put16(tail, 45);
    for (int i = 0; i < 2; ++i) put32(tail, 0);
    for (int i = 0; i < 2; ++i) put64(tail, count);
    put64(tail, end - begin);
    put64(tail, begin);
    put32(tail, 0x07064b50);
    put32(tail, 0);
    put64(tail, end);
    put32(tail, 1);
  }
  put32(tail, 0x06054b50);
  put32(tail, 0);
  for (int i = 0; i < 2; ++i) put16(tail, std::min<std::uint64_t>(count, 0xffff));
  put32(tail, std::min(end - begin, kWide));
  put32(tail, std::min(begin, kWide));
  put16(tail, 0);
  put(tail);
}

}  // namespace lilith::io
