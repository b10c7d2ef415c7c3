#include "lilith/detail/shared.h"

#include <algorithm>
#include <vector>

namespace lilith::detail {
namespace {

/// The copies of one object that are being made: a struct's fields are copied one after the other,
/// in one thread, and nothing looks at them meanwhile.
struct Copy {
  std::weak_ptr<void> object, made;
  std::vector<const void*> sources;  // a handle that comes again begins another copy
};

// Destructors of static objects may still copy and look at models when a thread's own data is gone.
thread_local bool gone = false;
struct Copies {
  std::vector<Copy> all;
  ~Copies() { gone = true; }
};
std::vector<Copy>& copies() {
  thread_local Copies copies;
  return copies.all;
}

}  // namespace

std::shared_ptr<void> copy_shared(const std::shared_ptr<void>& object, const void* source,
                                  std::shared_ptr<void> (*make)(const void*)) {
  if (gone) return make(object.get());
  auto& all = copies();
  std::erase_if(all, [](const Copy& c) { return c.made.expired() || c.object.expired(); });
  for (Copy& c : all) {
    if (c.object.lock() != object) continue;
    std::shared_ptr<void> made = c.made.lock();
    if (std::find(c.sources.begin(), c.sources.end(), source) == c.sources.end()) {
      c.sources.push_back(source);
      return made;
    }
  }
  std::erase_if(all, [&](const Copy& c) { return c.object.lock() == object; });
  // What the object holds is copied with it, by a call of this function where it is shared.
  std::shared_ptr<void> made = make(object.get());
  copies().push_back({object, made, {source}});
  return made;
}

void end_shared_copies() {
  if (gone) return;
  auto& all = copies();
  if (!all.empty()) all.clear();
}

}  // namespace lilith::detail
