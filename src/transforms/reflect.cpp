#include "lilith/reflect.h"

#include <algorithm>
#include <charconv>

namespace lilith {

Visitor::~Visitor() = default;

bool Visitor::enter_shared(const void* object) {
  if (std::find(seen_.begin(), seen_.end(), object) != seen_.end()) return false;
  seen_.push_back(object);
  return true;
}

void PathVisitor::enter(std::string_view name) {
  ends_.push_back(path_.size());
  if (!path_.empty()) path_ += '.';
  path_ += name;
}

void PathVisitor::enter(std::size_t index) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, index).ptr;
  enter(std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

void PathVisitor::leave() {
  path_.resize(ends_.back());
  ends_.pop_back();
}

}  // namespace lilith
