#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "golden/cases.h"
#include "passes/pipeline.h"
#include "schedule/rewrite/prepare.h"

// Each file of golden/passes holds cases of one pass, of golden/rewrites of one rewrite of the
// schedule (named by the file): graph in, graph out.
namespace lilith {
namespace {

namespace fs = std::filesystem;

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
  testing::check_golden(GetParam(), [](const std::string& input) {
    const Graph out = run(GetParam(), parse_graph(input));
    out.verify();
    return out.str(false);
  });
}

INSTANTIATE_TEST_SUITE_P(
    Passes, PassGolden,
    ::testing::Values("passes/empty", "passes/simplify", "passes/constant_folding",
                      "passes/unit_dims", "passes/transposes", "passes/cse", "passes/one_hot",
                      "passes/disjoint_pads", "passes/loops", "passes/pipeline",
                      "rewrites/conv_phases", "rewrites/padding", "rewrites/windows",
                      "rewrites/long_argmax", "rewrites/relu_masks", "rewrites/unpool",
                      "rewrites/gets", "rewrites/prepare"),
    [](const auto& info) { return info.param.substr(info.param.find('/') + 1); });

}  // namespace
}  // namespace lilith
