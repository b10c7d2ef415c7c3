#pragma once
#include <string>

namespace lilith::codegen::c {

/// An expression where nothing follows it: without the parentheses around all of it.
inline std::string bare(const std::string& x) {
  if (x.empty() || x[0] != '(') return x;
  int depth = 0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    depth += x[i] == '(' ? 1 : x[i] == ')' ? -1 : 0;
    if (depth == 0) return x;
  }
  return x.substr(1, x.size() - 2);
}

/// Text that grows by whole lines.
struct Lines {
  std::string text;
  int depth = 0;

  void add(const std::string& line) {
    text.append(static_cast<std::size_t>(2 * depth), ' ');
    text += line + "\n";
  }
  void open(const std::string& line = "") {
    add(line.empty() ? "{" : line + " {");
    ++depth;
  }
  void close(const std::string& brace = "}") {
    --depth;
    add(brace);
  }
};

}  // namespace lilith::codegen::c
