#pragma once
#include <optional>

#include "kernel_ir/kir.h"
#include "lilith/op_def.h"

// What the scheduler knows of built-in ops beyond OpDef.
namespace lilith::ops {

/// How a reduction over "axes" combines two values; nothing for argmax, argmin and what is no
/// reduction.
std::optional<kir::Combine> combine_of(const OpDef& op);
/// 1 for argmax, -1 for argmin, else 0. The first of equals wins; a NaN beats all.
int extremum_sign(const OpDef& op);

}  // namespace lilith::ops
