#pragma once
#include <cstddef>
#include <string>
#include <vector>

// Tables for a terminal.
namespace lilith {

/// The columns of the terminal behind a file descriptor; `otherwise` where there is none.
int terminal_columns(int fd, int otherwise);

struct TextColumn {
  std::string title;
  enum class Align : bool { Left, Right } align = Align::Left;
  std::vector<std::string> cells;
  /// Characters that stay where the table has to be narrower; 0: it is never cut.
  std::size_t least = 0;
};

/// Columns beside each other, one line a row, titles first. An empty cell is a dash; a column with
/// nothing but empty cells and spaces is left out. The widest columns are cut until a line has at
/// most `width` characters (UTF-8), where they may be.
std::string text_table(std::vector<TextColumn> columns, std::size_t width);

/// A text in at most `width` characters. What follows an arrow "->" is kept longest: a kernel's
/// results say more than its last ops.
std::string shortened(const std::string& text, std::size_t width);

}  // namespace lilith
