#include "data/folders.h"

#include "core/quote.h"
#include "lilith/error.h"

namespace lilith::data {

namespace fs = std::filesystem;

std::string shown(const std::string& path) {
  constexpr std::size_t kShown = 1000;  // bytes
  return escaped(path, kShown);
}

fs::path folder_with(const char* op, const std::string& dir,
                     const std::vector<std::string>& folders, const std::string& file,
                     const std::string& ending) {
  LILITH_CHECK(fs::is_directory(dir), "{}: {} is not a folder; nothing is downloaded", op,
               shown(dir));
  std::vector<fs::path> places{dir};
  for (const std::string& folder : folders) places.push_back(fs::path(dir) / folder);
  for (const fs::path& place : places)
    if (fs::is_regular_file(place / file) || fs::is_regular_file(place / (file + ending)))
      return place;
  return dir;
}

}  // namespace lilith::data
