#pragma once
#include <span>

#include "lilith/aval.h"
#include "lilith/attrs.h"

namespace lilith {

/// What the function of an op of class Call sees: whole values, row-major, in the host's memory. It
/// runs on one thread of the team, once; it throws Error where a value cannot be (a singular
/// matrix), which ends the run.
struct CallCtx {
  const Attrs& attrs;
  std::span<const Aval> in_avals;
  std::span<const void* const> in;
  std::span<const Aval> out_avals;
  std::span<void* const> out;
};

}  // namespace lilith
