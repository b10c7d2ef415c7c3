#pragma once
#include "lilith/op_def.h"

namespace lilith {

/// register_op for the library's own definitions, of every class, as namespace-scope constants of a
/// family file:
///   const OpDef& exp_op = register_builtin({.name = "exp", …});
/// Independent of the order of static initialisation.
const OpDef& register_builtin(OpDef def);
/// Whether a definition is the library's own: its name says all about it.
bool is_builtin(const OpDef& def);

}  // namespace lilith
