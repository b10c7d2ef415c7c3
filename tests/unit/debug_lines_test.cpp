// What LILITH_DEBUG=1 and 2 print and what explain lists: the structure of the lines, not the
// times.
#include <gtest/gtest.h>

#include <regex>

#include "core/env.h"
#include "core/text_table.h"
#include "eval/launch_report.h"
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

// ms, %, GFLOP/s, GB/s, MFLOP, KiB, the model's cycles, the user's line, what is computed, the
// schedule and the one that came second, where there is one.
const char* const kNumbers = "kernel +\\d+\\*? +[\\d.]+ +[\\d.]+ +[\\d.]+ +[\\d.]+ ";
const char* const kRest =
    " +[\\d.]+ +[\\d.]+ ( +([\\d.]+[kMGT]?|-))? +debug_lines_test.cpp:\\d+ +"
    "[\\w+]+(…| )-> %\\d+ \\w+\\[[\\d,]*\\].*  \\S.*";
const std::string kUntimed = std::string("kernel +\\d+\\*?") + kRest;
const std::string kKernel = std::string(kNumbers) + kRest;
const std::string kUntimedTitles =
    "kernel +MFLOP +KiB( +cycles)? +line +computes +schedule( +next best)?";
const std::string kTitles =
    "kernel +ms +% +GFLOP/s +GB/s +MFLOP +KiB( +cycles)? +line +computes +schedule( +next best)?";
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
  EXPECT_EQ(count(lines, "(kernel|total|pass|codegen:|phases:) .*"), static_cast<int>(lines.size()))
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
  EXPECT_EQ(count(lines, kUntimedTitles), 1) << text;
  const int kernels = count(lines, kUntimed);
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
  EXPECT_EQ(count(timed, "total +[\\d.]+ +[\\d.]+ +[\\d.]+ .*"), kernels > 1) << joined(timed);
}

TEST_F(DebugLines, TheColumnsOfTheTableAreAligned) {
  auto f = compile([](Tensor x, Tensor w) { return softmax(matmul(x, w) * 2.5 + 1.25, 1); });
  f(a, b);
  const auto lines = lines_of(explain(f));
  const std::size_t line = lines[1].find("line"), computes = lines[1].find("computes");
  for (const std::string& l : lines) {
    if (!l.starts_with("kernel  ") || &l == &lines[1]) continue;
    EXPECT_EQ(l.find("debug_lines_test.cpp"), line) << joined(lines);
    EXPECT_EQ(l[computes - 1], ' ');
    EXPECT_NE(l[computes], ' ');
  }
}

schedule::Plan made_up() {
  schedule::Plan plan;
  plan.launches.resize(2);
  plan.launches[0].what =
      "conv_general+add+broadcast+mul+maximum+select+add+mul+broadcast+sub+div+tanh -> %12 "
      "f32[8,9]";
  plan.launches[0].how =
      "rows 6 (dim 2), vectors 4 (dim 1), k 288 whole, panels packed by each thread";
  plan.launches[0].cycles = 1234567;
  plan.launches[0].next_best = "rows 14 (dim 2), vectors 2 (dim 1), k-split 2: 1.31M";
  plan.launches[1].what = "add -> %13 f32[8,9]";
  plan.launches[1].how = "pointwise 1 loops";
  return plan;
}

TEST(LaunchTable, ShowsTheModelAndWhatCameSecondWithDashesWhereThereIsNone) {
  const auto lines = lines_of(launch_table(made_up(), {}, 300));
  ASSERT_EQ(lines.size(), 4u);
  const std::string text = joined(lines);
  const auto cell = [&](std::size_t row, const char* title) {
    return lines[row].substr(lines[0].find(title));
  };
  EXPECT_TRUE(lines[1].find(" 1.23M ") != std::string::npos) << text;
  EXPECT_EQ(cell(1, "next best"), made_up().launches[0].next_best) << text;
  EXPECT_EQ(cell(2, "next best"), "-") << text;
  EXPECT_EQ(lines[3].substr(0, 5), "total") << text;
}

TEST(LaunchTable, WideTextsAreCutAndKeepWhatAKernelMakes) {
  const auto lines = lines_of(launch_table(made_up(), {0.5, 0.25}, 160));
  for (const std::string& line : lines)
    EXPECT_LE(line.size(), 160u + 3 * 2) << joined(lines);  // "…" is 3 bytes
  EXPECT_NE(lines[1].find("…-> %12 f32[8,9]  rows 6"), std::string::npos) << joined(lines);
  EXPECT_NE(lines[2].find("add -> %13 f32[8,9]"), std::string::npos) << joined(lines);
  // No narrower than what says something.
  EXPECT_NE(lines_of(launch_table(made_up(), {}, 10))[1].find("rows 6"), std::string::npos);
}

TEST(TextTable, CountsCharactersNotBytes) {
  EXPECT_EQ(shortened("größe ändert", 6), "größe…");
  EXPECT_EQ(shortened("größe", 5), "größe");
  EXPECT_EQ(shortened("abc", 1), "…");
  EXPECT_EQ(text_table({{"ä", TextColumn::Align::Left, {"b", "größe"}},
                        {"n", TextColumn::Align::Right, {"10", ""}},
                        {"none", TextColumn::Align::Left, {"", ""}}},
                       80),
            "ä       n\nb      10\ngröße   -\n");
}

}  // namespace
}  // namespace lilith
