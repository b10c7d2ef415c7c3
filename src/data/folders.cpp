#include "data/folders.h"

#include <fstream>
#include <system_error>

#include "core/quote.h"
#include "lilith/error.h"

namespace lilith::data {

namespace fs = std::filesystem;

std::string shown(const std::string& path) {
  constexpr std::size_t kShown = 1000;  // bytes
  return escaped(path, kShown);
}

bool is_folder(const fs::path& path) {
  std::error_code refused;
  return fs::is_directory(path, refused);
}

bool is_file(const fs::path& path) {
  std::error_code refused;
  return fs::is_regular_file(path, refused);
}

void check_folder(const char* op, const std::string& dir) {
  LILITH_CHECK(is_folder(dir), "{}: {} is not a folder; nothing is downloaded", op, shown(dir));
}

std::optional<fs::path> file_in(const char* op, const std::string& dir,
                                const std::vector<std::string>& folders,
                                const std::vector<std::string>& names) {
  check_folder(op, dir);
  std::vector<fs::path> places{dir};
  for (const std::string& folder : folders) places.push_back(fs::path(dir) / folder);
  for (const fs::path& place : places)
    for (const std::string& name : names)
      if (is_file(place / name)) return place / name;
  return std::nullopt;
}

std::vector<std::uint8_t> read_file(const char* op, const std::string& path) {
  LILITH_CHECK(!is_folder(path), "{}: {} is a folder", op, shown(path));
  std::ifstream in(path, std::ios::binary);
  LILITH_CHECK(in.is_open(), "{}: cannot open {}", op, shown(path));
  constexpr std::size_t kPart = 1 << 16;
  std::vector<std::uint8_t> bytes;
  while (in.good()) {
    const std::size_t before = bytes.size();
    bytes.resize(before + kPart);
    in.read(reinterpret_cast<char*>(bytes.data() + before), kPart);
    bytes.resize(before + static_cast<std::size_t>(in.gcount()));
  }
  LILITH_CHECK(!in.bad(), "{}: cannot read {}", op, shown(path));
  return bytes;
}

}  // namespace lilith::data
