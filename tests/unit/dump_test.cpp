#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "core/dump.h"
#include "core/env.h"
#include "lilith/compile.h"
#include "lilith/graph_names.h"
#include "lilith/io.h"
#include "lilith/ops.h"

namespace lilith {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Dump : testing::Test {
  void SetUp() override {
    dir = fs::temp_directory_path() / fmt::format("lilith-dump-{}/made/here", ::getpid());
    clear_program_cache();
    env::set("LILITH_DUMP", dir.string());
  }
  void TearDown() override {
    env::set("LILITH_DUMP", "");
    clear_program_cache();
    fs::remove_all(dir.parent_path().parent_path());
  }
  std::vector<fs::path> cases() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(dir))
      if (entry.path().string().ends_with("_case")) out.push_back(entry.path());
    std::sort(out.begin(), out.end());
    return out;
  }
  static std::vector<std::string> files(const fs::path& folder) {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder))
      out.push_back(entry.path().filename().string());
    std::sort(out.begin(), out.end());
    return out;
  }
  static std::string file_ending_in(const fs::path& folder, const std::string& end) {
    for (const std::string& name : files(folder))
      if (name.ends_with(end)) return text_of(folder / name);
    return {};
  }
  fs::path dir;
};

TEST_F(Dump, HoldsEveryStageAndACaseThatGivesTheSameBits) {
  Tensor w = randn({40, 30}), x = randn({20, 40});
  eval(w, x);
  const auto before = cases().size();
  auto step = compile([](Tensor& w, Tensor x) {
    const Tensor y = dropout(matmul(x, w), 0.5) * 1.25;
    w = w - y.sum() * 0.01;
    return softmax(y, 1);
  });
  const Tensor y = step(w, x);
  const std::vector<float> expected_y = y.to_vector<float>(), expected_w = w.to_vector<float>();
  step(w, x);  // only the first run is kept
  ASSERT_EQ(cases().size(), before + 1);
  const fs::path folder = cases().back();

  EXPECT_NE(file_ending_in(folder, "_plan.txt").find("dot_general"), std::string::npos);
  EXPECT_NE(file_ending_in(folder, "_kernel_0.txt").find("param"), std::string::npos);
  EXPECT_NE(file_ending_in(folder, "_simplify.txt").find("return"), std::string::npos);
  // The plan calls values as the graph does that was scheduled.
  const std::string plan = file_ending_in(folder, "_plan.txt"),
                    graph = file_ending_in(folder, "_prepared.txt");
  const std::regex value("%(\\w+) (\\w+\\[[0-9,]*\\])");
  int values = 0;
  for (std::sregex_iterator m(plan.begin(), plan.end(), value), end; m != end; ++m, ++values)
    EXPECT_NE(graph.find(fmt::format("%{}: {}", (*m)[1].str(), (*m)[2].str())), std::string::npos)
        << m->str();
  EXPECT_GT(values, 2);

  env::set("LILITH_DUMP", "");
  const Graph g = parse_graph(text_of(folder / "graph.txt"));
  const TensorDict stored = load_tensors((folder / "inputs.safetensors").string());
  ASSERT_EQ(stored.size(), g.inputs().size());
  std::vector<Tensor> inputs;
  for (std::size_t k = 0; k < stored.size(); ++k) inputs.push_back(stored[std::to_string(k)]);
  const std::vector<Tensor> again = compile(g)(inputs);
  ASSERT_EQ(again.size(), 2u);
  for (const Tensor& t : again)
    EXPECT_EQ(t.to_vector<float>(), t.shape() == y.shape() ? expected_y : expected_w);
}

TEST_F(Dump, ALazyRunLeavesACaseToo) {
  const Tensor a = arange(6).to(kFloat32), b = arange(6).to(kFloat32);
  eval(a, b);
  const auto before = cases().size();
  eval(a * b + 1.0);
  ASSERT_EQ(cases().size(), before + 1);
  const TensorDict stored = load_tensors((cases().back() / "inputs.safetensors").string());
  EXPECT_EQ(stored["0"].shape(), Shape{6});
}

TEST_F(Dump, AFolderThatCannotBeMadeIsAnError) {
  env::set("LILITH_DUMP", "/proc/no/such");
  const Tensor a = arange(7);
  try {
    eval(a * 3);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_TRUE(std::string(e.what()).starts_with("LILITH_DUMP: cannot make the folder /proc/no"))
        << e.what();
  }
}

TEST_F(Dump, WhatCannotBeWrittenNamesItsVariable) {
  const auto text_of = [](const auto& f) {
    try {
      f();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(text_of([] { dump::write_file("/proc/no/x", ""); }).find("LILITH_DUMP: cannot"), 0u);
  EXPECT_EQ(text_of([] {
              dump::write_once("/proc/no/such", "x", "");
            }).find("LILITH_DUMP_PLANS: cannot make the folder /proc/no/such"),
            0u);
}

// What tools/kernel_diff compares.
TEST_F(Dump, EqualPlansOfAProgramAreOneFile) {
  env::set("LILITH_DUMP", "");
  const std::string before = env::text("LILITH_DUMP_PLANS");
  env::set("LILITH_DUMP_PLANS", dir.string());
  const auto run = [](std::int64_t columns) {
    clear_program_cache();
    const Tensor x = randn({3, columns});
    eval(softmax(x, 1) + 1.0);
  };
  run(2);
  const std::vector<std::string> first = files(dir);
  run(2);
  EXPECT_EQ(files(dir), first);
  run(3);
  env::set("LILITH_DUMP_PLANS", before);
  EXPECT_GT(files(dir).size(), first.size());
  for (const std::string& name : files(dir)) {
    EXPECT_EQ(name.size(), std::string("0123456789abcdef-0123456789abcdef.txt").size()) << name;
    EXPECT_NE(text_of(dir / name).find("\ninputs "), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace lilith
