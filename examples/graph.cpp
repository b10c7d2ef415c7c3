// The graph that a function traces to: print it, walk it, rewrite it, compile it, explain it,
// extend it.
#include <lilith/graph_names.h>

#include <iostream>

#include "net.h"

using namespace lilith;

int main() {
  Net net;
  auto loss_fn = [](const Net& m, Tensor x, Tensor y) { return nll_loss(m(x), y); };
  Tensor x = rand({4, 1, 28, 28}), y = zeros({4}, {.dtype = kInt64});
  Graph g = trace(loss_fn, net, x, y);
  std::cout << g;
  int convolutions = 0;
  for (Node n : g.nodes()) convolutions += n.op_name() == "conv_general";
  expect(convolutions == 2, "the graph holds both convolutions");

  Graph squares = trace([](Tensor x) { return x * x; }, ones({8}));
  squares = rewrite(squares, pattern("mul", any("a"), any("a")),
                    [](Match m) { return exp(log(m["a"]) * 2); });
  auto f = compile(squares);
  expect(f(full({8}, 3.0)).max().item<float>() > 8.99f, "a rewritten graph computes the same");
  std::cout << explain(f);
  explain_html(f, "g.html");
  to_dot(g, "g.dot");

  const OpDef& swish = register_op({.name = "swish",
                                    .infer = [](const InferCtx& c) { return c.in[0]; },
                                    .vjp =
                                        [](const VjpCtx& c, const Tensor& ct) {
                                          Tensor s = sigmoid(c.in[0]);
                                          return std::vector<Tensor>{ct * (s + c.out * (1 - s))};
                                        },
                                    .lower = [](LowerCtx& c) { return c[0] * kir::sigmoid(c[0]); },
                                    .cost = 20});
  auto activation = [&](Tensor x) { return apply(swish, {x}).sum(); };
  expect(gradcheck(activation, tensor({-1.0, 0.5, 2.0}, {.dtype = kFloat64})),
         "a registered op has its gradient");

  register_pass({.name = "count_nodes", .after = "cse", .run = [](const Graph& graph) {
                   fmt::print("{} nodes\n", graph.nodes().size());
                   return graph;
                 }});
  auto h = compile([](Tensor x) { return (x + 1) * (x + 1); });
  expect(h(ones({2})).sum().item<float>() == 8, "a registered pass runs in the pipeline");
}
