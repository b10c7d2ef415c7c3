#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "passes/pipeline.h"
#include "schedule/rewrite/prepare.h"
#include "support/project_root.h"

// Each file of golden/passes holds cases of one pass, of golden/rewrites of one rewrite of the
// schedule (named by the file): a title, the input, "->" and the expected output. `golden_tests
// --bless` rewrites the outputs; review the difference.
namespace lilith {
namespace {

namespace fs = std::filesystem;

struct Case {
  std::string title, input, expected;
};

std::vector<Case> read_cases(const fs::path& path) {
  std::ifstream file(path);
  std::vector<Case> cases;
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

bool blessing() {
  const auto args = ::testing::internal::GetArgvs();
  return std::find(args.begin(), args.end(), "--bless") != args.end();
}

Graph run(const std::string& path, const Graph& g) {
  const std::string pass = path.substr(path.find('/') + 1);
  if (path.starts_with("rewrites/")) {
    if (pass == "prepare") return schedule::prepare(g).graph;
    for (const passes::Pass& r : schedule::rewrites()) {
      if (r.name == pass) return r.run(g);
    }
  }
  if (pass == "pipeline") return run_passes(g);
  for (const passes::Pass& p : passes::pipeline()) {
    if (p.name == pass) return p.run(g);
  }
  throw Error("no pass '" + pass + "'");
}

class PassGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(PassGolden, GivesTheExpectedGraph) {
  const fs::path path =
      fs::path(lilith::testing::project_root()) / "tests/golden" / (GetParam() + ".txt");
  std::vector<Case> cases = read_cases(path);
  ASSERT_FALSE(cases.empty()) << path;
  for (Case& c : cases) {
    const Graph out = run(GetParam(), parse_graph(c.input));
    out.verify();
    if (blessing()) c.expected = out.str(false);
    EXPECT_EQ(out.str(false), c.expected) << c.title << "\n" << c.input;
  }
  if (!blessing()) return;
  std::ofstream file(path);
  for (const Case& c : cases) {
    file << "== " << c.title << "\n" << c.input << "->\n" << c.expected << "\n";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Passes, PassGolden,
    ::testing::Values("passes/empty", "passes/simplify", "passes/constant_folding",
                      "passes/transposes", "passes/cse", "passes/one_hot", "passes/pipeline",
                      "rewrites/conv_phases", "rewrites/padding", "rewrites/windows",
                      "rewrites/long_argmax", "rewrites/relu_masks", "rewrites/unpool",
                      "rewrites/prepare"),
    [](const auto& info) { return info.param.substr(info.param.find('/') + 1); });

}  // namespace
}  // namespace lilith
