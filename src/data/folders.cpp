#include "data/folders.h"

#include "core/quote.h"
#include "lilith/error.h"

namespace lilith::data {

namespace fs = std::filesystem;

std::string shown(const std::string& path) {
  constexpr std::size_t kShown = 1000;  // bytes
  return escaped(path, kShown);
}

void check_folder(const char* op, const std::string& dir) {
  LILITH_CHECK(fs::is_directory(dir), "{}: {} is not a folder; nothing is downloaded", op,
               shown(dir));
}

fs::path folder_with(const char* op, const std::string& dir,
                     const std::vector<std::string>& folders,
                     const std::vector<std::string>& names) {
  check_folder(op, dir);
  std::vector<fs::path> places{dir};
  for (const std::string& folder : folders) places.push_back(fs::path(dir) / folder);
  for (const fs::path& place : places)
    for (const std::string& name : names)
      if (fs::is_regular_file(place / name)) return place;
  return dir;
}

}  // namespace lilith::data
