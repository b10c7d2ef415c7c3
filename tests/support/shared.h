#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/project_root.h"

namespace lilith::testing {

/// The folder of data that tests compare with: LILITH_SHARED, else `shared` beside the project.
inline std::filesystem::path shared_root() {
  if (const char* root = std::getenv("LILITH_SHARED")) return root;
  return std::filesystem::path(project_root()).parent_path() / "shared";
}

}  // namespace lilith::testing

/// Sets `variable` to a path under the shared folder, or skips the test, saying what is missing.
#define LILITH_SHARED_OR_SKIP(variable, relative)                                        \
  const std::string variable = (::lilith::testing::shared_root() / (relative)).string(); \
  if (!std::filesystem::exists(variable))                                                \
  GTEST_SKIP() << "SKIPPED: " << variable << " is absent; set LILITH_SHARED"
