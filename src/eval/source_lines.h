#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lilith/error.h"

namespace lilith {

/// The user's lines that a program's nodes come from, with what stands there.
class SourceLines {
 public:
  struct Line {
    std::string file, at;  // the path as the compiler had it; "train.cpp:42"
    std::uint32_t line = 0;
    std::string text;  // of the line, without its margins; empty where the file is not there
  };

  /// The number of a line; -1 for nowhere.
  int add(const Loc& loc);
  const std::vector<Line>& all() const { return lines_; }

 private:
  const std::vector<std::string>& text_of(const std::string& file);

  std::vector<Line> lines_;
  std::map<std::pair<std::string, std::uint32_t>, int> numbers_;
  std::map<std::string, std::vector<std::string>> files_;
};

}  // namespace lilith
