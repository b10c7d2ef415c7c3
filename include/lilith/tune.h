#pragma once
#include <utility>

#include "lilith/compile.h"

namespace lilith {

/// Times the ways in which the kernels of a compiled function can be computed, on these arguments,
/// and keeps the fastest of each: in this process, and on disk for the next ones, where programs
/// are kept (docs/compile-cache.md). Only ways that give the same bits are tried, so results stay
/// what they are. Nothing is changed and no random number is drawn; what the function assigns stays
/// as it was. It takes as long as some tens of calls, and needs cores that nothing else uses.
/// Functions on other devices than the CPU, and whose program is not compiled (LILITH_EAGER), are
/// left alone: `measured` is then 0. LILITH_TUNE=1 does so for each compiled function at its second
/// call. Errors: those of f(args…).
template <class F, class... A>
TuneReport tune(const Compiled<F>& f, A&&... args) {
  return f.tune(std::forward<A>(args)...);
}

}  // namespace lilith
