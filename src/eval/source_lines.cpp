#include "eval/source_lines.h"

#include <filesystem>
#include <fstream>

namespace lilith {
namespace {

namespace fs = std::filesystem;

// A relative path begins where the compiler ran: here, or at a folder above the program's.
std::ifstream open_source(const fs::path& file) {
  std::ifstream in(file);
  std::error_code fault;
  fs::path folder = fs::read_symlink("/proc/self/exe", fault);
  while (!in.is_open() && file.is_relative() && folder.has_relative_path()) {
    folder = folder.parent_path();
    in = std::ifstream(folder / file);
  }
  return in;
}

std::string trimmed(const std::string& text) {
  const char* space = " \t\r";
  const std::size_t begin = text.find_first_not_of(space);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

}  // namespace

const std::vector<std::string>& SourceLines::text_of(const std::string& file) {
  const auto [at, fresh] = files_.try_emplace(file);
  if (fresh) {
    std::ifstream in = open_source(file);
    for (std::string line; std::getline(in, line);) at->second.push_back(trimmed(line));
  }
  return at->second;
}

int SourceLines::add(const Loc& loc) {
  if (!loc) return -1;
  const auto [at, fresh] =
      numbers_.emplace(std::pair(loc.file, loc.line), static_cast<int>(lines_.size()));
  if (fresh) {
    const std::vector<std::string>& text = text_of(loc.file);
    lines_.push_back({loc.file, loc.str(), loc.line,
                      loc.line > 0 && loc.line <= text.size() ? text[loc.line - 1] : ""});
  }
  return at->second;
}

}  // namespace lilith
