#include "support/project_root.h"

namespace lilith::testing {

// The one file that knows where the project lies: the others compile to the same object everywhere.
const char* project_root() { return LILITH_PROJECT_ROOT; }

}  // namespace lilith::testing
