#pragma once

namespace lilith::testing {

/// The folder of the project's sources.
const char* project_root();

}  // namespace lilith::testing
