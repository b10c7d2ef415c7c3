#pragma once
#include "passes/rules.h"

namespace lilith::passes {

/// The identities of views, reductions of unit dimensions among them.
Rules view_rules();

}  // namespace lilith::passes
