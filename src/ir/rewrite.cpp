#include "ir/node.h"
#include "ir/rebuild.h"
#include "lilith/graph_names.h"

namespace lilith {
namespace {

using Bindings = std::map<std::string, Tensor, std::less<>>;

bool matches(const Pattern& p, ir::NodeImpl* node, Bindings& bound) {
  if (!p.op.empty() && p.op != "*" && p.op != node->op->name) return false;
  if (!p.inputs.empty()) {
    if (p.inputs.size() != node->inputs.size()) return false;
    for (std::size_t i = 0; i < p.inputs.size(); ++i) {
      if (!matches(p.inputs[i], node->inputs[i], bound)) return false;
    }
  }
  if (p.bind.empty()) return true;
  const auto [at, fresh] = bound.emplace(p.bind, Tensor(node));
  return fresh || at->second.node() == node;
}

void check_ops(const Pattern& p) {
  LILITH_CHECK(p.op.empty() || p.op == "*" || find_op(p.op),
               "rewrite: the pattern names the op '{}', which does not exist", p.op);
  for (const Pattern& input : p.inputs) check_ops(input);
}

}  // namespace

Pattern any(std::string bind) { return {"", std::move(bind), {}}; }

const Tensor& Match::operator[](std::string_view name) const {
  const auto at = bound_.find(name);
  LILITH_CHECK(at != bound_.end(), "match: the pattern binds no '{}'", name);
  return at->second;
}

Graph rewrite(const Graph& g, const Pattern& p, const std::function<Tensor(Match)>& replace) {
  check_ops(p);
  return transform(g, [&](const Node& node, const std::vector<Tensor>& inputs) {
    // Matched on its new inputs: what an earlier replacement made is seen.
    const Tensor current = ir::rebuild(node.tensor().node(), inputs);
    Bindings bound;
    if (!matches(p, current.node(), bound)) return current;
    Tensor value = replace(Match(Node(current), std::move(bound)));
    if (!value.defined()) return current;
    LILITH_CHECK(value.aval() == current.aval(),
                 "rewrite: the replacement of {} is {}; need {}, the aval of what it replaces",
                 current.node()->op->name, value.aval().str(), current.aval().str());
    return value;
  });
}

}  // namespace lilith
