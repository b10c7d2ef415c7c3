#pragma once
#include <functional>
#include <string>
#include <vector>

#include "eval/canonical.h"
#include "ir/node.h"
#include "lilith/ops.h"

namespace lilith::testing {

/// The graph of a function over parameters, as `eval` gets it, and which parameter each of its
/// inputs is.
struct Traced {
  Graph graph;
  std::vector<std::size_t> used;
};

inline Traced traced(const std::vector<Aval>& avals,
                     const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& f) {
  std::vector<Tensor> params;
  for (const Aval& a : avals) {
    const auto i = static_cast<std::int64_t>(params.size());
    params.push_back(ir::make_parameter(a, i, "x" + std::to_string(i)));
  }
  ++ir::trace_depth();  // numbers are constants
  const std::vector<Tensor> outputs = f(params);
  --ir::trace_depth();
  std::vector<ir::NodeImpl*> roots;
  for (const Tensor& t : outputs) roots.push_back(t.node());
  Traced out{driver::build_graph(driver::canonicalise(roots)), {}};
  for (const Tensor& t : out.graph.inputs())
    out.used.push_back(static_cast<std::size_t>(std::stoi(Node(t).name().substr(1))));
  return out;
}

}  // namespace lilith::testing
