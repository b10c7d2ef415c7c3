#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "io/file.h"

namespace lilith::io {

/// A zip archive opened for reading: stored and deflated members, zip64. Every failure is an Error
/// that names the file. Ref: PKWARE APPNOTE.TXT 6.3.
class ZipFile {
 public:
  explicit ZipFile(const std::string& path);

  const std::string& path() const { return file_.path(); }
  /// Members in the order of the central directory.
  const std::vector<std::string>& names() const { return names_; }
  bool contains(const std::string& name) const { return members_.count(name) != 0; }
  /// A member's bytes, checked against its CRC.
  std::vector<std::uint8_t> read(const std::string& name);

 private:
  struct Member {
    std::uint64_t offset = 0, packed = 0, size = 0;
    std::uint32_t crc = 0;
    std::uint16_t method = 0, flags = 0;
  };
  void read_directory(std::uint64_t begin, std::uint64_t bytes, std::uint64_t count);

  InputFile file_;
  std::vector<std::string> names_;
  std::map<std::string, Member> members_;
};

}  // namespace lilith::io
