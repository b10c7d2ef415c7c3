#include "lilith/error.h"

#include <cctype>
#include <cstring>
#include <string_view>

namespace lilith {
namespace {

thread_local Loc current_loc, fallback_loc;

// Names out of files may hold bytes that steer a terminal.
std::string printable(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out;
}

std::string with_loc(const std::string& text, Loc loc) {
  return printable(loc ? text + " (" + loc.str() + ")" : text);
}

std::string internal_text(const std::string& text) {
  std::string out = text.starts_with("internal error") ? text : "internal error: " + text;
  if (!out.ends_with('.')) out += '.';
  return out + " This is a Lilith bug; rerun with LILITH_DUMP=dir.";
}

// "operator()" and its like, but not "operator_name".
bool is_operator(const char* function) {
  return function[0] == 'o' && std::strncmp(function, "operator", 8) == 0 &&
         !std::isalnum(static_cast<unsigned char>(function[8])) && function[8] != '_';
}

// "broadcast: the result ..." of a user's call of expand -> "expand: the result ...".
std::string in_the_name_of(const char* op, const std::string& text) {
  std::size_t end = 0;
  while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) ||
                               text[end] == '_' || text[end] == ':'))
    ++end;
  // The word takes the colon that follows it.
  if (end < 2 || text[end - 1] != ':' || end == text.size() || text[end] != ' ') return text;
  const std::string_view named(text.data(), end - 1);
  // GCC calls a function template by its name and its arguments.
  const std::string_view function = std::string_view(op).substr(0, std::string_view(op).find('<'));
  if (named.substr(named.rfind(':') + 1) == function) return text;  // init::eye_ is eye_ already
  return std::string(function) + text.substr(end - 1);
}

}  // namespace

void detail::throw_error(const std::string& text) {
  const Loc loc = LocScope::current();
  throw Error(loc.op ? in_the_name_of(loc.op, text) : text, loc);
}

std::string Loc::str() const {
  if (!file) return {};
  std::string_view path = file;
  if (auto slash = path.find_last_of('/'); slash != path.npos) path.remove_prefix(slash + 1);
  return std::string(path) + ":" + std::to_string(line);
}

Error::Error(const std::string& text) : Error(text, LocScope::current()) {}

Error::Error(const std::string& text, Loc loc)
    : std::runtime_error(with_loc(text, loc)), loc_(loc) {}

InternalError::InternalError(const std::string& text) : Error(internal_text(text)), fault_(text) {}

LocScope::LocScope(Loc loc, const char* op) {
  Loc& current = current_loc;
  if (!current.file && loc.file) {
    current.file = loc.file;
    current.line = loc.line;
    line_ = &current;
  }
  if (!current.op && op && !is_operator(op)) {
    current.op = op;
    op_ = &current;
  }
}

LocScope::~LocScope() {
  if (line_) line_->file = nullptr;
  if (op_) op_->op = nullptr;
}

Loc LocScope::current() {
  Loc loc = current_loc;
  if (loc) return loc;
  loc.file = fallback_loc.file;
  loc.line = fallback_loc.line;
  return loc;
}

LocScope::Override::Override(Loc loc) : saved_(current_loc) { current_loc = loc; }

LocScope::Override::~Override() { current_loc = saved_; }

LocScope::Fallback::Fallback(Loc loc) : saved_(fallback_loc) {
  if (loc) fallback_loc = loc;
}

LocScope::Fallback::~Fallback() { fallback_loc = saved_; }

}  // namespace lilith
