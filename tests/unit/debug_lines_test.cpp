// What LILITH_DEBUG=1 and 2 print and what explain lists: the structure of the lines, not the
// times.
#include <gtest/gtest.h>

#include <regex>

#include "core/env.h"
#include "lilith/compile.h"
#include "lilith/ops.h"

namespace lilith {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}
int count(const std::vector<std::string>& lines, const std::string& pattern) {
  const std::regex r(pattern);
  return static_cast<int>(std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
    return std::regex_match(line, r);
  }));
}
std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

// ms, GFLOP/s, GB/s, MFLOP, KiB, the user's line, schedule, what is computed.
const char* const kKernel =
    "kernel +\\d+\\*? +[\\d.]+ +[\\d.]+ +[\\d.]+ +[\\d.]+ +[\\d.]+ +"
    "debug_lines_test.cpp:\\d+ +\\S.*  [\\w+]+ -> %\\d+ \\w+\\[[\\d,]*\\].*";
const char* const kTitles = "kernel +ms +GFLOP/s +GB/s +MFLOP +KiB +line +schedule +computes";
const char* const kPass =
    "pass \\w+ +[\\d.]+ us +\\d+ -> +\\d+ nodes  (changed|unchanged)|pass \\w+ +skipped: "
    "LILITH_DISABLE";

struct DebugLines : testing::Test {
  void SetUp() override {
    clear_program_cache();
    eval(a, b);
  }
  void TearDown() override {
    env::set("LILITH_DEBUG", "");
    env::set("LILITH_DISABLE", "");
    clear_program_cache();
  }
  /// The lines that an evaluation of a small network prints at a level.
  std::vector<std::string> at(const char* level) const {
    env::set("LILITH_DEBUG", level);
    testing::internal::CaptureStderr();
    Tensor y = softmax(matmul(a, b) * 2.5 + 1.25, 1);
    eval(y);
    const std::string text = testing::internal::GetCapturedStderr();
    env::set("LILITH_DEBUG", "");
    return lines_of(text);
  }
  Tensor a = ones({37, 29}), b = ones({29, 11});
};

TEST_F(DebugLines, LevelOneIsALineForEachKernelAndEachCompilation) {
  const auto first = at("1");
  const int kernels = count(first, kKernel);
  EXPECT_GE(kernels, 2) << joined(first);
  EXPECT_EQ(count(first, kTitles), 1) << joined(first);
  EXPECT_EQ(count(first, "codegen: \\w+ [0-9a-f]{16}: (compiled|cache hit), \\d+ bytes of code"),
            kernels)
      << joined(first);
  EXPECT_EQ(count(first, "codegen: \\d+ kernels: .*\\d+ cache hits"), 1) << joined(first);
  EXPECT_EQ(count(first, "phases: \\d+ nodes: key [\\d.]+, passes [\\d.]+, .*machine [\\d.]+ ms"),
            1)
      << joined(first);
  EXPECT_EQ(count(first, kPass), 0) << joined(first);
  // The same program again: its kernels run, nothing is compiled.
  const auto second = at("1");
  EXPECT_EQ(count(second, kKernel), kernels) << joined(second);
  EXPECT_EQ(count(second, "(codegen|phases): .*"), 0) << joined(second);
}

TEST_F(DebugLines, LevelTwoAddsEachPassWithItsEffect) {
  env::set("LILITH_DISABLE", "cse");
  const auto lines = at("2");
  for (const char* pass : {"empty", "simplify", "constant_folding", "transposes", "one_hot"}) {
    EXPECT_GE(count(lines, fmt::format("pass {} +[\\d.]+ us .*", pass)), 1) << joined(lines);
  }
  EXPECT_GE(count(lines, "pass cse +skipped: LILITH_DISABLE"), 1) << joined(lines);
  EXPECT_GE(count(lines, "pass simplify .*  changed"), 1) << joined(lines);
  EXPECT_GE(count(lines, kKernel), 2) << joined(lines);
  EXPECT_EQ(count(lines, "(kernel|pass|codegen:|phases:) .*"), static_cast<int>(lines.size()))
      << joined(lines);
}

TEST_F(DebugLines, ATopicNarrowsALevel) {
  const auto lines = at("2,codegen");
  EXPECT_EQ(count(lines, "codegen: .*"), static_cast<int>(lines.size())) << joined(lines);
  EXPECT_FALSE(lines.empty());
}

TEST_F(DebugLines, SilentWithoutIt) { EXPECT_TRUE(at("").empty()); }

TEST_F(DebugLines, ExplainListsInputsKernelsAndTheArena) {
  auto f = compile([](Tensor x, Tensor w) { return softmax(matmul(x, w) * 2.5 + 1.25, 1); });
  f(a, b);
  const auto lines = lines_of(explain(f));
  ASSERT_FALSE(lines.empty());
  const std::string text = joined(lines);
  EXPECT_EQ(lines[0], "x f32[37,29], y f32[29,11]") << text;
  EXPECT_EQ(count(lines, "kernel +MFLOP +KiB +line +schedule +computes"), 1) << text;
  const int kernels = count(lines,
                            "kernel +\\d+\\*? +[\\d.]+ +[\\d.]+ +debug_lines_test.cpp:\\d+ +\\S.*  "
                            "[\\w+]+ -> %\\d+ \\w+\\[[\\d,]*\\].*");
  EXPECT_GE(kernels, 2) << text;
  EXPECT_EQ(count(lines, "arena: [\\d.]+ KiB for [\\d.]+ KiB of values.*"), 1) << text;
  EXPECT_GE(count(lines, " +\\d+ \\+\\d+ +launches +\\d+ to +\\d+  \\w+\\[[\\d,]*\\]( .scratch.)?"),
            1)
      << text;
  EXPECT_NE(text.find("dot_general"), std::string::npos) << text;
  // Once its kernels were timed, their times too.
  set_time_kernels(true);
  f(a, b);
  set_time_kernels(false);
  const auto timed = lines_of(explain(f));
  EXPECT_EQ(count(timed, kTitles), 1) << joined(timed);
  EXPECT_EQ(count(timed, kKernel), kernels) << joined(timed);
}

TEST_F(DebugLines, TheColumnsOfTheTableAreAligned) {
  auto f = compile([](Tensor x, Tensor w) { return softmax(matmul(x, w) * 2.5 + 1.25, 1); });
  f(a, b);
  const auto lines = lines_of(explain(f));
  const std::size_t line = lines[1].find("line"), schedule = lines[1].find("schedule");
  for (const std::string& l : lines) {
    if (!l.starts_with("kernel  ") || &l == &lines[1]) continue;
    EXPECT_EQ(l.find("debug_lines_test.cpp"), line) << joined(lines);
    EXPECT_EQ(l[schedule - 1], ' ');
    EXPECT_NE(l[schedule], ' ');
  }
}

}  // namespace
}  // namespace lilith
