#include "io/selection.h"

#include <algorithm>

#include "core/nearest.h"
#include "core/quote.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

bool covers(std::string_view asked, std::string_view name) {
  if (name == asked) return true;
  if (asked.ends_with('.')) asked.remove_suffix(1);
  return name.size() > asked.size() && name.starts_with(asked) && name[asked.size()] == '.';
}

}  // namespace

bool Selection::wants(std::string_view name) const {
  return only_.empty() || std::any_of(only_.begin(), only_.end(), [&](const std::string& asked) {
           return covers(asked, name);
         });
}

void Selection::check(const std::vector<std::string_view>& names, const std::string& path) const {
  for (const std::string& asked : only_)
    LILITH_CHECK(std::any_of(names.begin(), names.end(),
                             [&](std::string_view name) { return covers(asked, name); }),
                 "load: {} has no tensor '{}' among {}{}.", path, escaped(asked), names.size(),
                 nearest_hint(asked, names));
}

}  // namespace lilith::io
