#include "core/text_table.h"

#include <sys/ioctl.h>

#include <algorithm>

namespace lilith {
namespace {

constexpr std::size_t kGap = 2;  // between columns

bool is_blank(const std::string& text) { return text.find_first_not_of(' ') == text.npos; }

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

// Where character n begins.
std::size_t byte_of(const std::string& text, std::size_t n) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (starts_character(text[at]) && n-- == 0) break;
  }
  return at;
}

std::size_t width_of(const TextColumn& c) {
  std::size_t width = characters(c.title);
  for (const std::string& cell : c.cells) width = std::max(width, characters(cell));
  return width;
}

// Takes from the widest that may be cut until they fit.
std::vector<std::size_t> fitted_widths(const std::vector<TextColumn>& columns, std::size_t width) {
  std::vector<std::size_t> widths;
  std::size_t sum = kGap * (columns.size() - 1);
  for (const TextColumn& c : columns) {
    widths.push_back(width_of(c));
    sum += widths.back();
  }
  while (sum > width) {
    std::size_t widest = columns.size();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const bool cut = columns[i].least > 0 && widths[i] > columns[i].least;
      if (cut && (widest == columns.size() || widths[i] > widths[widest])) widest = i;
    }
    if (widest == columns.size()) break;
    --widths[widest];
    --sum;
  }
  return widths;
}

std::string padded(const std::string& text, std::size_t width, TextColumn::Align align) {
  const std::string space(width - std::min(width, characters(text)), ' ');
  return align == TextColumn::Align::Right ? space + text : text + space;
}

}  // namespace

int terminal_columns(int fd, int otherwise) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : otherwise;
}

std::string shortened(const std::string& text, std::size_t width) {
  const std::size_t length = characters(text);
  if (length <= width) return text;
  if (width <= 1) return width == 0 ? "" : "…";
  const std::size_t arrow = text.find(" -> ");
  std::size_t end = arrow == text.npos ? 0 : characters(text.substr(arrow + 1));
  end = std::min(end, 2 * width / 3);
  const std::string tail = text.substr(byte_of(text, length - end));
  return text.substr(0, byte_of(text, width - 1 - end)) + "…" + tail;
}

std::string text_table(std::vector<TextColumn> columns, std::size_t width) {
  std::erase_if(columns, [](const TextColumn& c) {
    return std::all_of(c.cells.begin(), c.cells.end(), is_blank);
  });
  if (columns.empty()) return "";
  const std::vector<std::size_t> widths = fitted_widths(columns, width);
  std::string text;
  for (std::size_t row = 0; row <= columns[0].cells.size(); ++row) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const TextColumn& c = columns[i];
      const std::string& cell = row == 0 ? c.title : c.cells[row - 1];
      if (i > 0) line.append(kGap, ' ');
      line += padded(cell.empty() ? "-" : shortened(cell, widths[i]), widths[i], c.align);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace lilith
