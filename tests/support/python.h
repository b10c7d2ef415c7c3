#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "support/temp_dir.h"

namespace lilith::testing {

/// Runs a Python program with the interpreter of LILITH_PYTHON; `args` follow it on the command
/// line as they are. A failure's text, or nothing.
inline std::string python_failure(const std::string& program, const std::string& args) {
  const TempDir dir;
  std::ofstream(dir.file("program.py")) << program;
  const std::string command = std::string(std::getenv("LILITH_PYTHON")) + " " +
                              dir.file("program.py") + " " + args + " > " + dir.file("out") +
                              " 2>&1";
  if (std::system(command.c_str()) == 0) return "";
  std::ifstream out(dir.file("out"));
  return "python failed: " + std::string(std::istreambuf_iterator<char>(out), {});
}

/// Why no Python with these modules ("numpy, gguf") can be run; nothing when one can.
inline std::string lacks_python(const std::string& modules) {
  if (std::getenv("LILITH_PYTHON") == nullptr)
    return "LILITH_PYTHON is not set; an interpreter that imports " + modules +
           " is needed (tests/README.md)";
  const std::string failure = python_failure("import " + modules, "");
  return failure.empty() ? "" : "LILITH_PYTHON does not import " + modules + ": " + failure;
}

}  // namespace lilith::testing

/// Skips the test, saying what is missing, where no Python with these modules is there.
#define LILITH_PYTHON_OR_SKIP(modules)                                                    \
  if (const std::string lacks = ::lilith::testing::lacks_python(modules); !lacks.empty()) \
  GTEST_SKIP() << "SKIPPED: " << lacks
