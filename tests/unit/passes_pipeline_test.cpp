#include <gtest/gtest.h>

#include <functional>

#include "core/env.h"
#include "passes/pipeline.h"

namespace lilith {
namespace {

constexpr const char* kTwice =
    "%x: f32[4] = parameter\n%0: f32[4] = exp(%x)\n%1: f32[4] = exp(%x)\n"
    "%2: f32[4] = add(%0, %1)\nreturn %2\n";

struct PipelineTest : ::testing::Test {
  void TearDown() override {
    env::set("LILITH_DISABLE", "");
    env::set("LILITH_VERIFY", "");
  }
};

TEST_F(PipelineTest, DisabledPassesAreSkipped) {
  const Graph g = parse_graph(kTwice);
  EXPECT_EQ(run_passes(g).nodes().size(), 3u);
  env::set("LILITH_DISABLE", "cse");
  EXPECT_EQ(run_passes(g).nodes().size(), 4u);
}

TEST_F(PipelineTest, ABrokenPassIsNamed) {
  env::set("LILITH_VERIFY", "1");
  const PassDef broken{"break", "", [](const Graph& g) { return Graph({}, g.outputs()); }};
  try {
    passes::run_pass(broken, parse_graph(kTwice));
    FAIL() << "no error";
  } catch (const InternalError& e) {
    EXPECT_STREQ(e.what(),
                 "internal error after pass 'break': %x is a parameter, but no input of the graph. "
                 "This is a Lilith bug; rerun with LILITH_DUMP=dir.");
  }
}

TEST_F(PipelineTest, APassThatChangesAnAvalIsNamed) {
  const Graph g = parse_graph(kTwice);
  const auto text_of = [&](std::function<Graph(const Graph&)> run) -> std::string {
    try {
      passes::run_pass({"cut", "", std::move(run)}, g);
    } catch (const InternalError& e) {
      return e.what();
    }
    return "no error";
  };
  const std::string suffix = ". This is a Lilith bug; rerun with LILITH_DUMP=dir.";
  EXPECT_EQ(text_of([](const Graph& g) {
              return Graph(g.inputs(), {apply("cast", {g.outputs()[0]}, {{"dtype", kFloat64}})});
            }),
            "internal error after pass 'cut': output 0 is f64[4], was f32[4]" + suffix);
  EXPECT_EQ(text_of([](const Graph& g) { return Graph(g.inputs(), {}); }),
            "internal error after pass 'cut': the graph has 0 outputs, had 1" + suffix);
  EXPECT_EQ(text_of([](const Graph&) {
              const Graph other = parse_graph(
                  "%x: f32[3] = parameter\n%y: f32[4] = constant "
                  "{value=0.0}\nreturn %y\n");
              return other;
            }),
            "internal error after pass 'cut': input 0 is f32[3], was f32[4]" + suffix);
}

TEST_F(PipelineTest, RegisteredPassesRunOnceInTheirPlace) {
  static std::vector<std::size_t> sizes;
  register_pass({"test_count", "cse", [](const Graph& g) {
                   sizes.push_back(g.nodes().size());
                   return g;
                 }});
  run_passes(parse_graph(kTwice));
  EXPECT_EQ(sizes, std::vector<std::size_t>{3});
  EXPECT_THROW(register_pass({"test_count", "", [](const Graph& g) { return g; }}), Error);
  EXPECT_THROW(register_pass({"test_other", "no_such", [](const Graph& g) { return g; }}), Error);
  EXPECT_THROW(register_pass({"", "", nullptr}), Error);
}

TEST_F(PipelineTest, AGraphWithNothingToDoIsReturnedAsItIs) {
  const Graph g = parse_graph("%x: f32[4] = parameter\n%0: f32[4] = exp(%x)\nreturn %0\n");
  for (const PassDef& pass : passes::pipeline()) {
    EXPECT_EQ(pass.run(g).outputs()[0].node(), g.outputs()[0].node()) << pass.name;
  }
}

}  // namespace
}  // namespace lilith
