#pragma once
#include <utility>

#include "lilith/error.h"

namespace lilith::data {

/// A call of a function of the user's: its own lines show, and where it has none the line that is
/// known here.
template <class F>
auto of_the_users(F&& f) {
  const LocScope::Fallback line(LocScope::current());
  const LocScope::Override none{Loc()};
  return std::forward<F>(f)();
}

}  // namespace lilith::data
