#include "lilith/reflect.h"

#include <algorithm>
#include <charconv>
#include <functional>

#if __has_include(<cxxabi.h>)
#include <cxxabi.h>
#endif

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

namespace reflect {

void BaseVisitor::enter(std::string_view name) {
  if (fields_++ == 0)
    for (std::size_t i = 0; i < listed_.size(); ++i)
      if (listed_[i] == name) shown_[i] = base_;
  outer_.enter(name);
}

void BaseVisitor::enter(std::size_t index) {
  ++fields_;
  outer_.enter(index);
}

void BaseVisitor::leave() {
  --fields_;
  outer_.leave();
}

void BaseVisitor::begin(const TypeInfo& type) {
  if (structs_++ > 0) outer_.begin(type);
}

void BaseVisitor::end() {
  if (--structs_ > 0) outer_.end();
}

bool was_shown(const ShownBy& by, std::string_view name, const void* field, const TypeInfo& type) {
  if (by.base == nullptr) return false;
  const std::less<const void*> before;
  LILITH_CHECK(
      !before(field, by.base) && before(field, static_cast<const char*>(by.base) + by.bytes),
      "{}: it has a field '{}', and so has its base class; give one another name", type.name, name);
  return true;
}

void check_bases(const std::type_info& self, const std::type_info& found, const TypeInfo& type,
                 std::vector<Extent> taken) {
#if defined(__GLIBCXX__)
  bool other = false;
  if (const auto* one = dynamic_cast<const abi::__si_class_type_info*>(&self)) {
    other = *one->__base_type != found;
  } else if (const auto* many = dynamic_cast<const abi::__vmi_class_type_info*>(&self)) {
    for (unsigned i = 0; i < many->__base_count; ++i)
      other |= *many->__base_info[i].__base_type != found;
  }
  if (!other) return;
  std::sort(taken.begin(), taken.end(),
            [](const Extent& a, const Extent& b) { return a.first < b.first; });
  std::size_t next = 0;
  for (const Extent& e : taken) {
    LILITH_CHECK(e.first < next + sizeof(void*),
                 "{}: LILITH_FIELDS lists its own fields, but not those of a base class, which has "
                 "no LILITH_FIELDS; add it there, or list those fields, too",
                 type.name);
    next = std::max(next, e.first + e.bytes);
  }
#else
  static_cast<void>(self), static_cast<void>(found), static_cast<void>(type);
#endif
}

}  // namespace reflect
}  // namespace lilith
