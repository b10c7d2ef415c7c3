#pragma once
#include "lilith/error.h"
#include "lilith/ops/int_list.h"

namespace lilith::detail {

/// A layer's kernel_size as it stands in its place, or among the options. Error for both and for
/// neither.
inline const IntList& kernel_size_of(const char* layer, const IntList& in_place,
                                     const IntList& by_name, Loc loc = LocScope::current()) {
  const LocScope scope(loc, layer);
  LILITH_CHECK(in_place.empty() != by_name.empty(), "{}: kernel_size is {}.", layer,
               in_place.empty() ? "not given" : "given twice, in its place and by name");
  return in_place.empty() ? by_name : in_place;
}

}  // namespace lilith::detail
