#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <sstream>

#include "ir/node.h"
#include "ir/op_registry.h"
#include "ir/reference.h"
#include "ir/text.h"
#include "lilith/graph_names.h"
#include "lilith/lower.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using testing::error_text;

constexpr const char* kNet =
    "%x: f32[2,3] = parameter\n"
    "%fc.weight: f32[4,3] = parameter\n"
    "%0: f32[2,4] = dot_general(%x, %fc.weight) {lhs_batch=[] lhs_contract=[1] rhs_batch=[] "
    "rhs_contract=[1]}  # net.cpp:12\n"
    "%1: f32[] = constant {value=0.0}\n"
    "%2: f32[2,4] = broadcast(%1) {dims=[] shape=[2,4]}\n"
    "%3: f32[2,4] = maximum(%0, %2)  # net.cpp:13\n"
    "return %3\n";

// An op whose attrs take every type.
const OpDef& attrs_op() {
  static const OpDef& op = register_builtin({.name = "test_attrs",
                                             .arity = -1,
                                             .cls = OpClass::Marker,
                                             .infer = [](const InferCtx& c) { return c.in[0]; },
                                             .no_vjp_reason = "a test's op",
                                             .batch = [](const BatchCtx& c) { return c.in; }});
  return op;
}

TEST(Graph, PrintsAndReadsBack) {
  const Graph g = parse_graph(kNet);
  EXPECT_EQ(g.str(), kNet);
  EXPECT_EQ(g.inputs().size(), 2u);
  EXPECT_EQ(g.nodes().size(), 6u);
  EXPECT_EQ(g.nodes()[1].name(), "fc.weight");
  EXPECT_EQ(g.nodes()[2].loc().str(), "net.cpp:12");
  EXPECT_EQ(g.nodes()[2].op_name(), "dot_general");
  EXPECT_EQ(g.nodes()[5].inputs()[0], g.nodes()[2]);
  g.verify();
  std::ostringstream out;
  out << g;
  EXPECT_EQ(out.str(), kNet);
}

TEST(Graph, EveryTypeOfAttrReadsBack) {
  const Tensor x = ir::make_parameter({.shape = {2}}, 0, "");
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor y = apply(attrs_op(), {x},
                         {{"flag", true},
                          {"count", std::int64_t{-3}},
                          {"lo", -inf},
                          {"hi", inf},
                          {"none", std::nan("")},
                          {"tiny", 5e-324},
                          {"third", 1.0 / 3},
                          {"whole", -0.0},
                          {"dtype", kBFloat16},
                          {"text", std::string("a \"b\" \\ {x=1} # \n\t, ]")},
                          {"empty", std::string()},
                          {"list", std::vector<std::int64_t>{1, -2, INT64_MIN}},
                          {"nothing", std::vector<std::int64_t>{}}});
  const Graph g({x}, {y});
  const Graph back = parse_graph(g.str());
  EXPECT_EQ(back.str(), g.str());
  EXPECT_EQ(back.hash(), g.hash());
  EXPECT_EQ(back.outputs()[0].node()->attrs, y.node()->attrs);
}

TEST(Graph, LeavesReadBack) {
  const char* text =
      "%0: i64[0,3] = parameter\n"
      "%mean: f32[3] = data {values=[1.5,-inf,nan]}\n"
      "%1: f32[3] = test_attrs(%mean)\n"
      "%2: bool[] = constant {value=1}\n"
      "%3: f64[100] = data\n"
      "%4: f32[] = scalar {values=[0.0010000000474974513]}\n"
      "return %1, %2, %3, %4, %0, %1\n";
  static_cast<void>(attrs_op());
  EXPECT_EQ(parse_graph(text).str(), text);
}

TEST(Graph, NamesAreMadeUniqueAndReadable) {
  const Tensor a = ir::make_parameter({.shape = {}}, 0, "w"),
               b = ir::make_parameter({.shape = {}}, 1, "w"),
               c = ir::make_parameter({.shape = {}}, 2, "7"),
               d = ir::make_parameter({.shape = {}}, 3, "a b%");
  const Graph g({a, b, c, d}, {a});
  EXPECT_EQ(g.str(),
            "%w: f32[] = parameter\n%w_1: f32[] = parameter\n%_7: f32[] = parameter\n"
            "%a_b_: f32[] = parameter\nreturn %w\n");
  EXPECT_EQ(parse_graph(g.str()).str(), g.str());
}

TEST(Graph, HashSeesStructureAlone) {
  const std::string text = kNet;
  const auto changed = [&](std::string from, std::string to) {
    std::string t = text;
    t.replace(t.find(from), from.size(), to);
    return parse_graph(t).hash();
  };
  const std::uint64_t h = parse_graph(text).hash();
  EXPECT_EQ(changed("# net.cpp:12", "# other.cpp:1"), h);
  EXPECT_NE(changed("maximum", "minimum"), h);
  EXPECT_NE(changed("value=0.0", "value=-0.0"), h);
  EXPECT_NE(changed("maximum(%0, %2)", "maximum(%2, %0)"), h);
  EXPECT_NE(changed("return %3", "return %3, %3"), h);
}

TEST(Graph, ParserNamesLineAndReason) {
  const auto error = [](const char* text) { return error_text([&] { parse_graph(text); }); };
  EXPECT_EQ(error("%x: f32[2] = parameter\n%1: f32[2] = frob(%x)\nreturn %1\n"),
            "parse_graph: line 2: there is no op 'frob'");
  EXPECT_EQ(error("%1: f32[2] = exp(%x)\nreturn %1\n"),
            "parse_graph: line 1: %x is not defined before its use");
  EXPECT_EQ(error("%x: f32[2] = parameter\n%1: f32[3] = exp(%x)\nreturn %1\n"),
            "parse_graph: line 2: %1 is f32[3], but exp gives f32[2]");
  EXPECT_EQ(error("%x: f32[2] = parameter\n"),
            "parse_graph: line 1: the text ends without 'return'");
  EXPECT_EQ(error("%x: f32[-2] = parameter\nreturn %x\n"),
            "parse_graph: line 1: expected a name at '-2] = parameter'");
  EXPECT_EQ(error("%x: f32[2 = parameter\nreturn %x\n"),
            "parse_graph: line 1: expected ',' at '= parameter'");
  EXPECT_EQ(error("%x: f32[2] = parameter\n%x: f32[2] = parameter\nreturn %x\n"),
            "parse_graph: line 2: %x is defined twice");
  EXPECT_EQ(error("%x: f32[99999999999,99999999999] = data\nreturn %x\n"),
            "parse_graph: line 1: a shape of more than 2^48 elements");
}

TEST(Graph, VerifyNamesTheNode) {
  const Tensor x = ir::make_parameter({.shape = {2}}, 0, "x");
  const Tensor y(new ir::NodeImpl(find_op("exp"), {x}, {}, {.shape = {3}}, {}));
  EXPECT_EQ(error_text([&] { Graph({x}, {y}).verify(); }),
            "internal error: %0 is f32[3], but the rule of exp gives f32[2]. This is a Lilith bug; "
            "rerun with LILITH_DUMP=dir.");
  EXPECT_EQ(error_text([&] { Graph({}, {apply("exp", {x})}).verify(); }),
            "internal error: %x is a parameter, but no input of the graph. This is a Lilith bug; "
            "rerun with LILITH_DUMP=dir.");
}

TEST(Graph, MisuseIsAnError) {
  const Tensor x = ir::make_parameter({.shape = {2}}, 0, "x");
  const Tensor y = apply("exp", {x});
  EXPECT_EQ(error_text([&] { Graph({y}, {y}); }),
            "graph: input 0 is no parameter; make one with trace");
  EXPECT_EQ(error_text([&] { Graph({x, x}, {y}); }), "graph: input 1 appears twice");
  EXPECT_EQ(error_text([&] { Graph({x}, {Tensor()}); }), "graph: output 0 is undefined");
  const Graph g({x}, {y});
  EXPECT_EQ(error_text([&] { g({}); }), "graph: got 0 inputs; need 1");
  EXPECT_EQ(error_text([&] { g({ir::make_parameter({.shape = {3}}, 0, "")}); }),
            "graph: input 0 is f32[3]; need f32[2]");
}

TEST(Graph, CallingSubstitutesInputs) {
  const Graph g = parse_graph(kNet);
  const Tensor x = ir::make_parameter({.shape = {2, 3}}, 0, "a"),
               w = ir::make_parameter({.shape = {4, 3}}, 1, "b");
  const Graph called({x, w}, g({x, w}));
  EXPECT_EQ(called.hash(), g.hash());
  EXPECT_EQ(called.nodes()[2].loc().str(), "net.cpp:12");
}

TEST(Graph, TransformRebuildsUsers) {
  const Graph g = parse_graph(kNet);
  const Graph out = transform(g, [](const Node& node, const std::vector<Tensor>& inputs) {
    return node.op_name() == "maximum" ? lilith::apply("minimum", inputs) : Tensor();
  });
  EXPECT_EQ(out.nodes()[5].op_name(), "minimum");
  EXPECT_EQ(out.nodes()[5].loc().str(), "net.cpp:13");
  EXPECT_EQ(out.outputs()[0].node()->inputs[0], g.outputs()[0].node()->inputs[0]);
}

TEST(Rewrite, ReplacesMatches) {
  const Graph g = parse_graph(kNet);
  const Pattern relu = pattern("maximum", any("x"), pattern("broadcast", any()).as("zero"));
  const Graph out = rewrite(g, relu, [](Match m) { return apply("exp", {m["x"]}); });
  EXPECT_EQ(out.nodes().size(), 4u);
  EXPECT_EQ(Node(out.outputs()[0]).op_name(), "exp");
  EXPECT_EQ(error_text([&] { rewrite(g, relu, [](Match m) { return m["y"]; }); }),
            "match: the pattern binds no 'y' (net.cpp:13)");
  EXPECT_EQ(error_text([&] {
              rewrite(g, relu,
                      [](Match m) { return apply("cast", {m["x"]}, {{"dtype", kFloat64}}); });
            }),
            "rewrite: the replacement of maximum is f64[2,4]; need f32[2,4], the aval of what it "
            "replaces (net.cpp:13)");
  EXPECT_EQ(error_text([&] { rewrite(g, pattern("maxinum"), [](Match) { return Tensor(); }); }),
            "rewrite: the pattern names the op 'maxinum', which does not exist");
}

TEST(Rewrite, TheSameNameMatchesTheSameNode) {
  const Graph g = parse_graph(
      "%x: f32[2] = parameter\n%y: f32[2] = parameter\n%0: f32[2] = add(%x, %x)\n"
      "%1: f32[2] = add(%x, %y)\nreturn %0, %1\n");
  const Graph out = rewrite(g, pattern("add", any("a"), any("a")),
                            [](Match m) { return apply("exp", {m["a"]}); });
  EXPECT_EQ(Node(out.outputs()[0]).op_name(), "exp");
  EXPECT_EQ(Node(out.outputs()[1]).op_name(), "add");
}

TEST(Graph, WritesGraphviz) {
  const testing::TempDir dir;
  const std::string path = dir.file("graph.dot");
  to_dot(parse_graph(kNet), path);
  std::FILE* file = std::fopen(path.c_str(), "r");
  char text[20] = {};
  ASSERT_EQ(std::fread(text, 1, 14, file), 14u);
  std::fclose(file);
  EXPECT_STREQ(text, "digraph lilith");
  EXPECT_EQ(error_text([] { to_dot(parse_graph(kNet), "/no/such/folder/g.dot"); }),
            "to_dot: cannot write /no/such/folder/g.dot");
}

TEST(Reference, InterpretsAGraph) {
  const Graph g = parse_graph(kNet);
  RefTensor x(g.inputs()[0].aval()), w(g.inputs()[1].aval());
  x.f = {1, 2, 3, -1, -2, -3};
  w.f = {1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1};
  EXPECT_EQ(ir::interpret(g, {x, w})[0].f, (std::vector<double>{1, 2, 3, 6, 0, 0, 0, 0}));
}

TEST(Reference, RunsALoweringInFloat64) {
  static const OpDef& op = register_op({.name = "test_shifted",
                                        .arity = 2,
                                        .infer = [](const InferCtx& c) { return c.in[0]; },
                                        .no_vjp_reason = "a test's op",
                                        .lower = [](LowerCtx& c) { return c[0] * c[1] + 1.0; }});
  const Tensor x = ir::make_parameter({.shape = {2, 2}}, 0, "x");
  RefTensor v(x.aval());
  v.f = {1e-9, 2, 3, 4};
  const auto out = ir::interpret(Graph({x}, {apply(op, {x, x})}), {v});
  EXPECT_EQ(out[0].f, (std::vector<double>{1 + 1e-18, 5, 10, 17}));
}

}  // namespace
}  // namespace lilith
