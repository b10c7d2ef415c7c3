#include "lilith/nn/containers.h"

#include <fmt/ranges.h>

#include "lilith/error.h"

namespace lilith::detail {

void no_such_layer(const Name& name, const std::vector<std::string>& names) {
  LocScope scope(name.loc, nullptr);
  throw Error(fmt::format(
      "ModuleDict: no layer \"{}\"; {}; insert_or_assign adds one.", name.text,
      names.empty() ? "it is empty" : fmt::format("it has \"{}\"", fmt::join(names, "\", \""))));
}

}  // namespace lilith::detail
