#include "lilith/error.h"

#include <string_view>

namespace lilith {
namespace {

thread_local Loc current_loc;

std::string with_loc(const std::string& text, Loc loc) {
  return loc ? text + " (" + loc.str() + ")" : text;
}

std::string internal_text(const std::string& text) {
  std::string out = text.starts_with("internal error") ? text : "internal error: " + text;
  if (!out.ends_with('.')) out += '.';
  return out + " This is a Lilith bug; rerun with LILITH_DUMP=dir.";
}

}  // namespace

std::string Loc::str() const {
  if (!file) return {};
  std::string_view path = file;
  if (auto slash = path.find_last_of('/'); slash != path.npos) path.remove_prefix(slash + 1);
  return std::string(path) + ":" + std::to_string(line);
}

Error::Error(const std::string& text, Loc loc)
    : std::runtime_error(with_loc(text, loc)), loc_(loc) {}

InternalError::InternalError(const std::string& text) : Error(internal_text(text)) {}

LocScope::LocScope(Loc loc) : set_(!current_loc && loc) {
  if (set_) current_loc = loc;
}

LocScope::~LocScope() {
  if (set_) current_loc = {};
}

Loc LocScope::current() { return current_loc; }

LocScope::Override::Override(Loc loc) : saved_(current_loc) { current_loc = loc; }

LocScope::Override::~Override() { current_loc = saved_; }

}  // namespace lilith
