#include "ir/verify.h"

#include "ir/node_map.h"
#include "ir/printer.h"

namespace lilith {
namespace ir {
namespace {

// Of the bodies that a node owns.
std::string find_fault_inside(const NodeImpl& node) {
  for (const auto& [name, attr] : node.attrs.items()) {
    const BodyPtr* body = std::get_if<BodyPtr>(&attr);
    if (!body) continue;
    if (std::string fault = find_fault((*body)->graph()); !fault.empty())
      return fmt::format("has a fault in its {}: {}", name, fault);
  }
  return "";
}

// A result of a loop is what the loop says.
std::string find_fault_of_get(const NodeImpl& node) {
  const NodeImpl& loop = *node.inputs[0];
  if (!loop.op->results)
    return fmt::format("is a result of {}, which has one alone", loop.op->name);
  std::vector<Aval> in;
  for (const NodeImpl* input : loop.inputs) in.push_back(input->aval);
  const std::vector<Aval> results = loop.op->results({loop.op->name, in, loop.attrs});
  const std::int64_t index = node.attrs.integer("index");
  if (index < 0 || index >= std::ssize(results))
    return fmt::format("is result {} of {}", index, results.size());
  const Aval& expected = results[static_cast<std::size_t>(index)];
  if (expected == node.aval) return "";
  return fmt::format("is {}, but that result is {}", node.aval.str(), expected.str());
}

std::string find_fault(const NodeImpl& node, const NodeMap<char>& is_input) {
  if (node.op == &parameter_op()) {
    return is_input.contains(&node) ? "" : "is a parameter, but no input of the graph";
  }
  if (node.is_leaf()) {
    if (!node.inputs.empty()) return "is a leaf with inputs";
    const bool has_value = node.op == &constant_op() ? node.attrs.has("value") : !!node.storage();
    return has_value ? "" : "is a leaf without a value";
  }
  const OpDef& op = *node.op;
  if (op.arity >= 0 && node.inputs.size() != static_cast<std::size_t>(op.arity)) {
    return fmt::format("has {} inputs; {} takes {}", node.inputs.size(), op.name, op.arity);
  }
  std::vector<Aval> in;
  for (const NodeImpl* input : node.inputs) in.push_back(input->aval);
  try {
    const Aval expected = op.infer({op.name, in, node.attrs});
    if (expected != node.aval)
      return fmt::format("is {}, but the rule of {} gives {}", node.aval.str(), op.name,
                         expected.str());
    return op.cls == OpClass::Get ? find_fault_of_get(node) : find_fault_inside(node);
  } catch (const Error& e) {
    return fmt::format("breaks the rule of {}: {}", op.name, e.what());
  }
}

}  // namespace

std::string find_fault(const Graph& g) {
  NodeMap<char> is_input(g.inputs().size());
  for (const Tensor& t : g.inputs()) is_input.insert(t.node(), 1);
  const std::vector<Node> nodes = g.nodes();
  for (const Node& n : nodes) {
    const std::string fault = find_fault(*n.tensor().node(), is_input);
    if (fault.empty()) continue;
    std::string out = "%" + NodeNames(nodes).of(n.tensor().node()) + " " + fault;
    if (n.loc()) out += " (" + n.loc().str() + ")";
    return out;
  }
  return "";
}

}  // namespace ir

void Graph::verify() const {
  if (const std::string fault = ir::find_fault(*this); !fault.empty()) throw InternalError(fault);
}

}  // namespace lilith
