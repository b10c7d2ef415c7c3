#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/project_root.h"

// A golden file holds cases: a title, the input, "->" and the expected output. `golden_tests
// --bless` rewrites the outputs; review the difference.
namespace lilith::testing {

struct GoldenCase {
  std::string title, input, expected;
};

inline std::filesystem::path golden_path(const std::string& name) {
  return std::filesystem::path(project_root()) / "tests/golden" / (name + ".txt");
}

inline std::vector<GoldenCase> read_cases(const std::string& name) {
  std::ifstream file(golden_path(name));
  std::vector<GoldenCase> cases;
  std::string line;
  bool in_output = false;
  while (std::getline(file, line)) {
    if (line.starts_with("== ")) {
      cases.push_back({line.substr(3), "", ""});
      in_output = false;
    } else if (line == "->") {
      in_output = true;
    } else if (!line.empty() && !cases.empty()) {
      (in_output ? cases.back().expected : cases.back().input) += line + "\n";
    }
  }
  return cases;
}

inline bool blessing() {
  const auto args = ::testing::internal::GetArgvs();
  return std::find(args.begin(), args.end(), "--bless") != args.end();
}

/// Holds every case of a file to what `run` makes of its input.
template <class F>
void check_golden(const std::string& name, F&& run) {
  std::vector<GoldenCase> cases = read_cases(name);
  ASSERT_FALSE(cases.empty()) << golden_path(name);
  for (GoldenCase& c : cases) {
    const std::string out = run(c.input);
    if (blessing()) c.expected = out;
    EXPECT_EQ(out, c.expected) << c.title << "\n" << c.input;
  }
  if (!blessing()) return;
  std::ofstream file(golden_path(name));
  for (const GoldenCase& c : cases)
    file << "== " << c.title << "\n" << c.input << "->\n" << c.expected << "\n";
}

}  // namespace lilith::testing
