#pragma once
#include "passes/rules.h"

namespace lilith::passes {

/// The identities of views, reductions of unit dimensions among them.
NamedRules view_rules();

}  // namespace lilith::passes
