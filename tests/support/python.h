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

/// Whether LILITH_PYTHON names an interpreter that imports these modules ("numpy, gguf").
inline bool has_python(const std::string& modules) {
  return std::getenv("LILITH_PYTHON") != nullptr && python_failure("import " + modules, "").empty();
}

}  // namespace lilith::testing

/// Skips the test, saying what is missing, where no Python with these modules is there.
#define LILITH_PYTHON_OR_SKIP(modules)         \
  if (!::lilith::testing::has_python(modules)) \
  GTEST_SKIP() << "SKIPPED: set LILITH_PYTHON to an interpreter that imports " << (modules)
