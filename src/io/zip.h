#pragma once
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/file.h"

namespace lilith::io {

/// A zip archive opened for reading: stored and deflated members, zip64. Every failure is an Error
/// that names the file. It is read here and not by libzip because a tensor that shares the file's
/// memory has to know where in the file its member lies, which libzip does not tell.
/// Ref: PKWARE APPNOTE.TXT 6.3.
class ZipFile {
 public:
  explicit ZipFile(const std::string& path) : ZipFile(MappedFile::open(path)) {}
  explicit ZipFile(MappedFilePtr file);

  const std::string& path() const { return file_->path(); }
  const MappedFilePtr& file() const { return file_; }
  /// Members in the order of the central directory.
  const std::vector<std::string>& names() const { return names_; }
  bool contains(const std::string& name) const { return members_.count(name) != 0; }
  /// A member's size once inflated, as the directory says.
  std::uint64_t bytes(const std::string& name) const { return member(name).size; }
  struct Range {
    std::uint64_t offset, bytes;
  };
  /// Where in the file a stored member's bytes lie; nothing for a deflated one. The checksum is
  /// compared where the file was read whole: in a mapping that would read all of it first.
  std::optional<Range> place(const std::string& name) const;
  /// A member's bytes, inflated, compared with its checksum where there is one (PyTorch can be told
  /// to write none).
  std::vector<std::uint8_t> read(const std::string& name) const;
  /// At most so many bytes of the beginning of a member, unchecked.
  std::vector<std::uint8_t> head(const std::string& name, std::uint64_t most) const;

 private:
  struct Member {
    std::uint64_t offset = 0, packed = 0, size = 0;
    std::uint32_t crc = 0;
    std::uint16_t method = 0, flags = 0;
  };
  void read_directory(std::uint64_t begin, std::uint64_t bytes, std::uint64_t count);
  const Member& member(const std::string& name) const;
  std::span<const std::uint8_t> packed(const std::string& name, const Member& m) const;
  void check_sum(const std::string& name, const Member& m,
                 std::span<const std::uint8_t> bytes) const;

  MappedFilePtr file_;
  std::vector<std::string> names_;
  std::map<std::string, Member> members_;
};

/// Writes a zip archive of stored members, zip64 where sizes need it.
class ZipWriter {
 public:
  explicit ZipWriter(std::FILE* file) : file_(file) {}
  /// Adds a member whose bytes start at a multiple of `alignment` (a power of two) in the file.
  void add(const std::string& name, std::span<const std::uint8_t> bytes,
           std::uint64_t alignment = 1);
  void add(const std::string& name, const std::string& text);
  /// The same of bytes in several places.
  void add(const std::string& name, const std::vector<std::span<const std::uint8_t>>& parts,
           std::uint64_t alignment = 1);
  /// Writes the directory; nothing is added afterwards.
  void finish();

 private:
  struct Member {
    std::string name;
    std::uint64_t offset, size;
    std::uint32_t crc;
  };
  void put(const std::string& bytes);

  std::FILE* file_;
  std::uint64_t at_ = 0;
  std::vector<Member> members_;
};

}  // namespace lilith::io
