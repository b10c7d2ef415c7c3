#include <gtest/gtest.h>

#include <atomic>
#include <functional>

#include "core/env.h"
#include "ir/node.h"
#include "passes/pass_runner.h"
#include "passes/pipeline.h"

namespace lilith {
namespace {

using passes::PassKind;

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

std::string text_of(const passes::Pass& pass, const Graph& g) {
  try {
    passes::run_pass(pass, g);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST_F(PipelineTest, ABrokenPassIsNamed) {
  env::set("LILITH_VERIFY", "1");
  const auto broken = [](const ir::Numbered& g) { return Graph({}, g.graph().outputs()); };
  EXPECT_EQ(text_of({"break", broken, PassKind::Registered}, parse_graph(kTwice)),
            "after pass 'break': %x is a parameter, but no input of the graph");
  // Of a pass of Lilith's own it is a mistake of Lilith's.
  EXPECT_EQ(text_of({"cse", broken}, parse_graph(kTwice)),
            "internal error after pass 'cse': %x is a parameter, but no input of the graph. This "
            "is a Lilith bug; rerun with LILITH_DUMP=dir.");
}

TEST_F(PipelineTest, APassThatChangesAnAvalIsNamed) {
  const Graph g = parse_graph(kTwice);
  EXPECT_EQ(text_of({"cut",
                     [](const ir::Numbered& n) {
                       const Graph& g = n.graph();
                       return Graph(g.inputs(),
                                    {apply("cast", {g.outputs()[0]}, {{"dtype", kFloat64}})});
                     },
                     PassKind::Registered},
                    g),
            "after pass 'cut': output 0 is f64[4], was f32[4]");
  const auto no_outputs = [](const ir::Numbered& n) { return Graph(n.graph().inputs(), {}); };
  EXPECT_EQ(text_of({"cut", no_outputs, PassKind::Registered}, g),
            "after pass 'cut': the graph has 0 outputs, had 1");
  EXPECT_EQ(text_of({"cut",
                     [](const ir::Numbered&) {
                       return parse_graph(
                           "%x: f32[3] = parameter\n%y: f32[4] = constant "
                           "{value=0.0}\nreturn %y\n");
                     },
                     PassKind::Registered},
                    g),
            "after pass 'cut': input 0 is f32[3], was f32[4]");
}

TEST_F(PipelineTest, AMistakeInAUsersPassIsTheUsers) {
  const passes::Pass wrong{"axes",
                           [](const ir::Numbered& g) {
                             g.node(g.outputs()[0]).attrs.ints("axes");
                             return g.graph();
                           },
                           PassKind::Registered};
  EXPECT_EQ(text_of(wrong, parse_graph(kTwice)), "in pass 'axes': attrs: no 'axes' in {}");
}

TEST_F(PipelineTest, APassThatHadNothingToDoWaitsForAChange) {
  int runs = 0;
  const passes::Pass look{"look", [&](const ir::Numbered& g) {
                            ++runs;
                            return g.graph();
                          }};
  const passes::Pass cse{"cse", passes::cse};
  passes::PassRunner runner{ir::Numbered(parse_graph(kTwice))};
  runner.run(look);
  runner.run(look);
  EXPECT_EQ(runs, 1);
  runner.run(cse);
  EXPECT_EQ(runner.graph().size(), 3u);
  runner.run(look);
  runner.run(cse);
  runner.run(look);
  EXPECT_EQ(runs, 2);
}

TEST_F(PipelineTest, ANumberedGraphKnowsItsOps) {
  const ir::Numbered g(parse_graph(kTwice));
  EXPECT_TRUE(g.has("exp"));
  EXPECT_TRUE(g.has(OpClass::Elementwise));
  EXPECT_TRUE(g.has(OpClass::Leaf));
  EXPECT_FALSE(g.has(OpClass::Loop));
  for (const OpDef* op : all_ops())
    EXPECT_EQ(g.has(op->name), op->name == "exp" || op->name == "add" || op->name == "parameter");
}

TEST_F(PipelineTest, RegisteredPassesRunOnceInTheirPlace) {
  // The pass stays for the tests after this one, which compile in several threads.
  static std::atomic<std::size_t> calls = 0, size = 0;
  register_pass({"test_count", "cse", [](const Graph& g) {
                   ++calls;
                   size = g.nodes().size();
                   return g;
                 }});
  run_passes(parse_graph(kTwice));
  EXPECT_EQ(calls, 1u);
  EXPECT_EQ(size, 3u);
  EXPECT_THROW(register_pass({"test_count", "", [](const Graph& g) { return g; }}), Error);
  EXPECT_THROW(register_pass({"test_other", "no_such", [](const Graph& g) { return g; }}), Error);
  EXPECT_THROW(register_pass({"", "", nullptr}), Error);
}

TEST_F(PipelineTest, AGraphWithNothingToDoIsReturnedAsItIs) {
  const Graph g = parse_graph("%x: f32[4] = parameter\n%0: f32[4] = exp(%x)\nreturn %0\n");
  for (const passes::Pass& pass : passes::pipeline()) {
    EXPECT_EQ(pass.run(g).outputs()[0].node(), g.outputs()[0].node()) << pass.name;
  }
}

}  // namespace
}  // namespace lilith
