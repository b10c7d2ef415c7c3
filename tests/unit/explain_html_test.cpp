// What the page of explain_html holds: its data, by the records it is made from, and the page as a
// text.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "eval/explain_page.h"
#include "eval/program_cache.h"
#include "eval/program_json.h"
#include "eval/source_lines.h"
#include "eval/stage_match.h"
#include "ir/node.h"
#include "lilith/compile.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"

namespace lilith {
namespace {

using Json = nlohmann::json;

// The data of a page, as a browser reads it: up to the first end of a script element.
Json data_of(const std::string& page) {
  const std::string begin = "<script type=\"application/json\" id=\"data\">";
  const std::size_t at = page.find(begin) + begin.size();
  return Json::parse(page.substr(at, page.find("</script", at) - at));
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct ExplainHtml : testing::Test {
  void TearDown() override { std::filesystem::remove(path); }
  template <class F>
  Json page_of(const F& f) {
    explain_html(f, path.string());
    return data_of(text_of(path));
  }
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("lilith-explain-{}.html", ::getpid());
};

// A step with a contraction, reductions along rows and columns, and something to simplify.
Tensor loss(const Tensor& w, const Tensor& x) {
  const Tensor y = relu(matmul(x, w) * 1.0);
  return (softmax(y * 2.5, 1) * y).sum() + y.sum({0}).max();
}
Graph step_graph() {
  return trace([](Tensor w, Tensor x) { return std::get<1>(grad(loss, w, x)); }, ones({29, 31}),
               ones({37, 29}));
}

std::vector<ProgramRecord> records_of(const Graph& g) {
  return record_program("step", g, *driver::compile_program(g));
}

TEST_F(ExplainHtml, TheDataHoldsEveryLaunchAndEveryBuffer) {
  const std::vector<ProgramRecord> records = records_of(step_graph());
  ASSERT_EQ(records.size(), 1u);
  const schedule::Plan& plan = records[0].plan;
  const Json all = Json::parse(to_json(records)), j = all["programs"][0];
  ASSERT_EQ(j["kernels"].size(), plan.launches.size());
  ASSERT_EQ(j["buffers"].size(), plan.buffers.size());
  for (std::size_t i = 0; i < plan.launches.size(); ++i) {
    const Json& k = j["kernels"][i];
    const schedule::LaunchPlan& l = plan.launches[i];
    EXPECT_EQ(k["what"], l.what);
    EXPECT_EQ(k["how"], l.how);
    EXPECT_EQ(k["next_best"], l.next_best);
    EXPECT_EQ(k["cycles"], l.cycles);
    EXPECT_EQ(k["flops"], l.flops);
    EXPECT_EQ(k["buffers"], l.buffers);
    EXPECT_EQ(k["written"], l.written);
    EXPECT_TRUE(k["ms"].is_null());
    EXPECT_EQ(j["code"][k["code"].get<std::size_t>()], kir::to_string(l.kernel));
    if (l.loc)
      EXPECT_EQ(all["lines"][k["line"].get<std::size_t>()]["at"], l.loc.str());
    else
      EXPECT_EQ(k["line"], -1);
  }
  for (std::size_t i = 0; i < plan.buffers.size(); ++i) {
    const Json& b = j["buffers"][i];
    EXPECT_EQ(b["name"], plan.buffers[i].name);
    EXPECT_EQ(b["bytes"], plan.buffers[i].bytes);
    EXPECT_EQ(b["offset"], plan.buffers[i].offset);
    EXPECT_EQ(b["scratch"], plan.buffers[i].scratch);
    // Every value is a node of the graph that was scheduled.
    EXPECT_EQ(b["node"].get<int>() < 0, plan.buffers[i].scratch) << b;
  }
}

// Launches that touch a buffer lie in its lifetime; what is alive at once does not overlap.
TEST_F(ExplainHtml, LifetimesAreThoseOfLaunches) {
  const Json j = Json::parse(to_json(records_of(step_graph())))["programs"][0];
  std::vector<Json> arena;
  for (std::size_t i = 0; i < j["kernels"].size(); ++i) {
    for (const int id : j["kernels"][i]["buffers"]) {
      EXPECT_LE(j["buffers"][static_cast<std::size_t>(id)]["first"], i);
      EXPECT_GE(j["buffers"][static_cast<std::size_t>(id)]["last"], i);
    }
  }
  for (const Json& b : j["buffers"])
    if (b["kind"] == "arena" && b["first"] >= 0) arena.push_back(b);
  const auto apart = [](const Json& a, const Json& b) {
    return a["last"] < b["first"] || b["last"] < a["first"] ||
           a["offset"].get<std::size_t>() + a["bytes"].get<std::size_t>() <= b["offset"] ||
           b["offset"].get<std::size_t>() + b["bytes"].get<std::size_t>() <= a["offset"];
  };
  for (std::size_t a = 0; a < arena.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      EXPECT_TRUE(apart(arena[a], arena[b])) << arena[a] << arena[b];
}

TEST_F(ExplainHtml, EveryNodeThatIsComputedIsInAKernel) {
  const Json j = Json::parse(to_json(records_of(step_graph())))["programs"][0];
  const Json& last = j["stages"].back();
  std::set<int> computed;
  for (const Json& k : j["kernels"]) {
    for (const int n : k["nodes"]) computed.insert(n);
    for (const int n : k["results"]) EXPECT_TRUE(computed.count(n));
  }
  const auto op = [&](std::size_t n) {
    return j["kinds"][last["nodes"][n][1].get<std::size_t>()][0].get<std::string>();
  };
  for (std::size_t n = 0; n < last["nodes"].size(); ++n) {
    const bool leaf = op(n) == "parameter" || op(n) == "constant";
    EXPECT_EQ(computed.count(static_cast<int>(n)), leaf ? 0u : 1u) << last["nodes"][n] << op(n);
  }
  // What a kernel says that it computes begins with the op of one of its nodes.
  for (const Json& k : j["kernels"]) {
    const std::string what = k["what"];
    bool found = k["nodes"].empty();
    for (const std::size_t n : k["nodes"]) found = found || what.starts_with(op(n));
    EXPECT_TRUE(found) << what;
  }
}

TEST_F(ExplainHtml, StagesBeginWithWhatWasAskedForAndEndWithWhatIsScheduled) {
  const std::vector<ProgramRecord> records = records_of(step_graph());
  const auto& stages = records[0].stages;
  ASSERT_GE(stages.size(), 3u);
  EXPECT_EQ(stages.front().name, "asked");
  EXPECT_EQ(stages[1].name, "simplify");
  EXPECT_EQ(stages.back().name, "prepared");
  const Json j = Json::parse(to_json(records))["programs"][0]["stages"];
  ASSERT_EQ(j.size(), stages.size());
  for (std::size_t i = 0; i < j.size(); ++i) {
    EXPECT_EQ(j[i]["name"], stages[i].name);
    EXPECT_EQ(j[i]["nodes"].size(), stages[i].graph.nodes().size());
    std::set<int> was;
    for (const Json& n : j[i]["nodes"]) {
      // No node is what two have become.
      const int before = n[3];
      EXPECT_TRUE(before < 0 || was.insert(before).second);
    }
  }
}

TEST(StageMatch, NodesStayThemselvesWhereverTheyAreFedFrom) {
  const Tensor x = ir::make_parameter({{4}, DType::F32, {}}, 0, "x");
  const Tensor a = exp(x), b = log(a), c = sqrt(b);
  const Graph before({x}, {c}), after({x}, {sqrt(log(x)), exp(sin(x))});
  const std::vector<Node> old = before.nodes(), made = after.nodes();
  const std::vector<int> was = match_nodes(before, after);
  ASSERT_EQ(was.size(), made.size());
  for (std::size_t i = 0; i < made.size(); ++i) {
    const std::string op(made[i].op_name());
    // Made at another line, an op is another node.
    if (op == "parameter")
      EXPECT_EQ(old[static_cast<std::size_t>(was[i])].op_name(), op);
    else
      EXPECT_EQ(was[i], -1) << op;
  }
  EXPECT_EQ(match_nodes(before, before), (std::vector<int>{0, 1, 2, 3}));
  const Graph rebuilt = transform(before, [](const Node& n, const std::vector<Tensor>& in) {
    return n.op_name() == "exp" ? sin(in[0]) : Tensor();
  });
  EXPECT_EQ(match_nodes(before, rebuilt), (std::vector<int>{0, -1, 2, 3}));
}

TEST_F(ExplainHtml, ThePageNeedsNothingElse) {
  for (const char* reference :
       {"http:", "https:", "//cdn", " src=", " href=", "@import", "url(", "fetch(", "import("})
    EXPECT_EQ(std::string(kPage).find(reference), std::string::npos) << reference;
  EXPECT_NE(std::string(kPage).find("/*data*/"), std::string::npos);
  for (const char* place : {"/*style*/", "/*script*/"})
    EXPECT_EQ(std::string(kPage).find(place), std::string::npos) << place;
}

TEST_F(ExplainHtml, NamesAreDataWhateverTheyHold) {
  Loc loc;
  loc.file = "some/where/</script><b x=\"'&>.cpp\\";
  loc.op = "<!--\xff";
  loc.line = 7;
  Tensor y;
  const Tensor x = ir::make_parameter({{4}, DType::F32, {}}, 0, "<i>\"");
  {
    const LocScope::Override line(loc);
    y = exp(x);
  }
  const CompiledGraph f = compile(Graph({x}, {y}));
  const Json data = page_of(f);
  bool found = false;
  for (const Json& line : data["lines"]) {
    found = found || (line["file"] == loc.file && line["line"] == 7);
  }
  EXPECT_TRUE(found) << data["lines"];
  EXPECT_EQ(data["programs"][0]["kernels"].size(), 1u);
}

int twice(int x) { return 2 * x; }  // a line of this file

TEST(SourceLines, ShowWhatStandsThere) {
  SourceLines lines;
  const auto here = std::source_location::current();
  Loc loc = here;
  loc.line = here.line() - 4;
  const int first = lines.add(loc);
  EXPECT_EQ(lines.add(loc), first);
  EXPECT_EQ(lines.all().at(0).text, "int twice(int x) { return 2 * x; }  // a line of this file");
  EXPECT_EQ(lines.all().at(0).at, fmt::format("explain_html_test.cpp:{}", twice(2) / 4 * loc.line));
  EXPECT_EQ(lines.add(Loc()), -1);
  loc.file = "/no/such/file.cpp";
  EXPECT_EQ(lines.all().at(static_cast<std::size_t>(lines.add(loc))).text, "");
}

TEST_F(ExplainHtml, ACompiledFunctionHasAProgramForEachSignatureAndTimes) {
  auto f = compile([](const Tensor& x) { return softmax(x * 2.5 + 1.25, 1); });
  f(ones({3, 5}));
  set_time_kernels(true);
  f(ones({4, 6}));
  set_time_kernels(false);
  const Json data = page_of(f);
  ASSERT_EQ(data["programs"].size(), 2u);
  EXPECT_NE(data["programs"][1]["title"].get<std::string>().find("x f32[4,6]"), std::string::npos);
  EXPECT_EQ(data["programs"][0]["timed"], false);
  EXPECT_EQ(data["programs"][1]["timed"], true);
  for (const Json& k : data["programs"][1]["kernels"]) {
    EXPECT_GT(k["ms"].get<double>(), 0);
    EXPECT_EQ(data["lines"][k["line"].get<std::size_t>()]["text"],
              "auto f = compile([](const Tensor& x) { return softmax(x * 2.5 + 1.25, 1); });");
  }
}

// Indices that come from inputs are checked first: a program of its own.
TEST_F(ExplainHtml, ChecksOfIndicesAreAProgramToo) {
  auto f = compile([](const Tensor& x, const Tensor& i) { return exp(index_select(x, 0, i)); });
  f(ones({4, 3}), tensor({1, 2}));
  const Json data = page_of(f);
  ASSERT_EQ(data["programs"].size(), 2u);
  EXPECT_TRUE(data["programs"][0]["title"].get<std::string>().starts_with(
      "checks of indices, before explain_html_test.cpp:"));
}

}  // namespace
}  // namespace lilith
