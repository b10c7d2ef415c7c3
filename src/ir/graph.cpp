#include "lilith/graph_names.h"

#include <algorithm>
#include <bit>

#include "ir/hash.h"
#include "ir/node_map.h"
#include "ir/numbered.h"
#include "ir/one_device.h"
#include "ir/rebuild.h"

namespace lilith {
namespace {

using ir::NodeImpl;

/// The new value of each node of the old graph.
using Values = ir::NodeMap<Tensor>;

std::vector<Tensor> lookup(const Values& values, const NodeImpl& node) {
  std::vector<Tensor> out;
  out.reserve(node.inputs.size());
  for (const NodeImpl* input : node.inputs) out.push_back(*values.find(input));
  return out;
}

std::vector<Tensor> lookup(const Values& values, const std::vector<Tensor>& olds) {
  std::vector<Tensor> out;
  out.reserve(olds.size());
  for (const Tensor& t : olds) out.push_back(*values.find(t.node()));
  return out;
}

}  // namespace

Node::Node(const Tensor& value) : value_(value) { static_cast<void>(value.aval()); }

const OpDef& Node::op() const { return *value_.node()->op; }
const Aval& Node::aval() const { return value_.aval(); }
const Attrs& Node::attrs() const {
  static const Attrs none;
  return value_.node()->op == &ir::data_op() ? none : value_.node()->attrs;
}
Loc Node::loc() const { return value_.node()->loc; }
std::string Node::name() const { return value_.node()->name; }

std::vector<Node> Node::inputs() const {
  const ir::GraphLock lock;
  std::vector<Node> out;
  for (NodeImpl* input : value_.node()->inputs) out.emplace_back(Tensor(input));
  return out;
}

Graph::Graph(std::vector<Tensor> inputs, std::vector<Tensor> outputs)
    : inputs_(std::move(inputs)), outputs_(std::move(outputs)) {
  ir::NodeMap<char> seen(inputs_.size());
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    LILITH_CHECK(inputs_[i].defined() && inputs_[i].node()->op == &ir::parameter_op(),
                 "graph: input {} is no parameter; make one with trace", i);
    LILITH_CHECK(seen.insert(inputs_[i].node(), 1), "graph: input {} appears twice", i);
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    LILITH_CHECK(outputs_[i].defined(), "graph: output {} is undefined", i);
  }
}

std::vector<Node> Graph::nodes() const {
  std::vector<Node> out;
  ir::NodeMap<char> is_input(inputs_.size());
  for (const Tensor& t : inputs_) {
    is_input.insert(t.node(), 1);
    out.emplace_back(t);
  }
  for (NodeImpl* node : ir::topological_order(outputs_)) {
    if (!is_input.contains(node)) out.emplace_back(Tensor(node));
  }
  return out;
}

std::uint64_t Graph::hash() const {
  ir::NodeMap<std::uint64_t> number(256);
  std::uint64_t h = inputs_.size(), next = 0;
  const auto mix_aval = [&h](const Aval& a) {
    h = mix(h, static_cast<std::uint64_t>(a.dtype) |
                   static_cast<std::uint64_t>(a.device.kind) << 8 |
                   static_cast<std::uint64_t>(a.device.index) << 16 |
                   static_cast<std::uint64_t>(a.shape.rank()) << 32);
    for (std::int64_t d : a.shape) h = mix(h, static_cast<std::uint64_t>(d));
  };
  for (const Tensor& t : inputs_) {
    number.insert(t.node(), next++);
    mix_aval(t.aval());
  }
  for (const NodeImpl* node : ir::topological_order(outputs_)) {
    if (!number.insert(node, next)) continue;
    ++next;
    h = mix(h, hash_text(node->op->name));
    mix_aval(node->aval);
    if (node->op != &ir::data_op()) h = mix(h, node->attrs.hash());
    for (const NodeImpl* input : node->inputs) h = mix(h, *number.find(input));
  }
  for (const Tensor& t : outputs_) h = mix(h, *number.find(t.node()));
  return h;
}

Body::Body(Graph g) : graph_(std::move(g)), hash_(graph_.hash()) {}

std::string Body::name() const { return fmt::format("@{:016x}", hash_); }

bool Body::operator==(const Body& other) const {
  if (this == &other) return true;
  if (hash_ != other.hash_ || graph_.inputs().size() != other.graph_.inputs().size()) return false;
  for (std::size_t i = 0; i < graph_.inputs().size(); ++i)
    if (graph_.inputs()[i].aval() != other.graph_.inputs()[i].aval()) return false;
  return ir::same_program(ir::Numbered(graph_), ir::Numbered(other.graph_));
}

std::vector<Tensor> Graph::operator()(const std::vector<Tensor>& inputs) const {
  LILITH_CHECK(inputs.size() == inputs_.size(), "graph: got {} inputs; need {}", inputs.size(),
               inputs_.size());
  Values values(256);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    LILITH_CHECK(inputs[i].defined() && inputs[i].aval() == inputs_[i].aval(),
                 "graph: input {} is {}; need {}", i,
                 inputs[i].defined() ? ir::placed_text(inputs[i].aval()) : "undefined",
                 ir::placed_text(inputs_[i].aval()));
    values.insert(inputs_[i].node(), inputs[i]);
  }
  for (NodeImpl* node : ir::topological_order(outputs_)) {
    if (!values.contains(node)) values.insert(node, ir::rebuild(node, lookup(values, *node)));
  }
  return lookup(values, outputs_);
}

Graph transform(const Graph& g,
                const std::function<Tensor(const Node&, const std::vector<Tensor>&)>& visit) {
  const ir::Numbered numbered(g);
  return ir::transform(numbered, [&](std::size_t n, std::span<NodeImpl* const> inputs) {
    NodeImpl& node = numbered.node(n);
    const LocScope::Override scope(node.loc);
    return visit(Node(Tensor(&node)), std::vector<Tensor>(inputs.begin(), inputs.end()));
  });
}

namespace ir {

Tensor rebuild(NodeImpl* node, std::span<NodeImpl* const> new_inputs) {
  bool same = true, same_avals = true;
  for (std::size_t i = 0; i < new_inputs.size(); ++i) {
    if (new_inputs[i] == node->inputs[i]) continue;
    same = false;
    same_avals = same_avals && new_inputs[i]->aval == node->inputs[i]->aval;
  }
  if (same) return Tensor(node);
  if (same_avals) return Tensor(new NodeImpl(*node, new_inputs));
  std::vector<Tensor> inputs(new_inputs.begin(), new_inputs.end());
  LocScope::Override scope(node->loc);
  return apply(*node->op, std::move(inputs), node->attrs);
}

Tensor rebuild(NodeImpl* node, const std::vector<Tensor>& new_inputs) {
  std::vector<NodeImpl*> inputs;
  inputs.reserve(new_inputs.size());
  for (const Tensor& t : new_inputs) inputs.push_back(t.node());
  return rebuild(node, std::span<NodeImpl* const>(inputs));
}

void NewValues::set(std::size_t n, Tensor value) {
  NodeImpl& old = g_.node(n);
  if (!value.defined()) {
    if (std::ranges::equal(inputs_, old.inputs)) {
      values_[n] = &old;
      return;
    }
    value = rebuild(&old, std::span<NodeImpl* const>(inputs_));
  }
  values_[n] = value.node();
  if (value.node() != &old) made_.push_back(std::move(value));
}

Graph NewValues::graph() const {
  std::vector<Tensor> outputs;
  outputs.reserve(g_.outputs().size());
  bool same = true;
  for (const std::uint32_t out : g_.outputs()) {
    outputs.emplace_back(values_[out]);
    same = same && values_[out] == &g_.node(out);
  }
  return same ? g_.graph() : Graph(g_.graph().inputs(), std::move(outputs));
}

}  // namespace ir
}  // namespace lilith
