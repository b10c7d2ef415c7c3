#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lilith/arg.h"
#include "lilith/reflect.h"

namespace lilith {

namespace detail {
/// Throws the Error of a name that is not among these.
[[noreturn]] void no_such_layer(const Name& name, const std::vector<std::string>& names);
}  // namespace detail

/// Layers by name. Ref: torch.nn.ModuleDict
template <class Layer>
class ModuleDict : public std::map<std::string, Layer> {
 public:
  using std::map<std::string, Layer>::map;
  /// The layer of that name; insert_or_assign adds one. Error without it; the message lists those
  /// that there are.
  Layer& operator[](const detail::Name& name) { return at(name); }
  const Layer& operator[](const detail::Name& name) const { return at(name); }
  Layer& at(const detail::Name& name) { return const_cast<Layer&>(std::as_const(*this).at(name)); }
  const Layer& at(const detail::Name& name) const {
    const auto it = this->find(std::string(name.text));
    if (it != this->end()) return it->second;
    std::vector<std::string> names;
    for (const auto& entry : *this) names.push_back(entry.first);
    detail::no_such_layer(name, names);
  }
};

}  // namespace lilith
