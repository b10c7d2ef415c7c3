#include "ir/numbered.h"

#include <algorithm>

#include "ir/hash.h"

namespace lilith::ir {
namespace {

std::uint64_t bit_of(const OpDef* op) {
  return std::uint64_t{1} << (mix(0, reinterpret_cast<std::uintptr_t>(op)) & 63);
}

}  // namespace

/// The walk of inputs_first, which notes the numbers of what a node reads as it comes back to it:
/// one look into the map for each edge.
class Numbered::Walk {
 public:
  Walk(Data& data, std::size_t expected) : data_(data) {
    data.nodes.reserve(expected);
    data.first_input.reserve(expected + 1);
    data.inputs.reserve(2 * expected);
    number_.reserve(expected);
  }

  void run() {
    for (const Tensor& output : data_.graph.outputs()) {
      visit(output.node());
      while (!stack_.empty()) {
        Frame& top = stack_.back();
        if (top.next < top.node->inputs.size())
          visit(top.node->inputs[top.next++]);
        else
          leave();
      }
      data_.outputs.push_back(reads_.back());
      reads_.clear();
    }
    data_.number.each_value([&](std::uint32_t& n) { n = number_[n]; });
  }

 private:
  struct Frame {
    NodeImpl* node;
    std::size_t next;
    std::uint32_t entered;
  };

  void visit(NodeImpl* node) {
    const auto entered = static_cast<std::uint32_t>(number_.size());
    const auto [at, fresh] = data_.number.find_or_insert(node, entered);
    if (fresh) {
      number_.push_back(0);
      stack_.push_back({node, 0, entered});
    } else {
      reads_.push_back(number_[*at]);
    }
  }

  void leave() {
    const Frame top = stack_.back();
    stack_.pop_back();
    const auto reads = static_cast<std::ptrdiff_t>(top.next);
    data_.inputs.insert(data_.inputs.end(), reads_.end() - reads, reads_.end());
    data_.first_input.push_back(static_cast<std::uint32_t>(data_.inputs.size()));
    reads_.resize(reads_.size() - top.next);
    const auto number = static_cast<std::uint32_t>(data_.nodes.size());
    number_[top.entered] = number;
    data_.nodes.push_back(top.node);
    note_op(top.node->op);
    reads_.push_back(number);
  }

  void note_op(const OpDef* op) {
    data_.ops |= bit_of(op);
    data_.classes |= 1u << static_cast<unsigned>(op->cls);
  }

  Data& data_;
  std::vector<Frame> stack_;
  std::vector<std::uint32_t> number_;  // by the order in which the nodes were come to
  std::vector<std::uint32_t> reads_;   // of the nodes on the stack, as far as they are known
};

Numbered::Numbered(Graph g, std::size_t expected) {
  auto data = std::make_shared<Data>(std::move(g), expected);
  Walk(*data, expected).run();
  data_ = std::move(data);
}

Numbered Numbered::next(Graph g) const {
  const auto same_node = [](const Tensor& x, const Tensor& y) { return x.node() == y.node(); };
  const bool same = std::ranges::equal(g.outputs(), graph().outputs(), same_node) &&
                    std::ranges::equal(g.inputs(), graph().inputs(), same_node);
  return same ? *this : Numbered(std::move(g), size());
}

bool Numbered::has(std::string_view name) const {
  const OpDef* op = find_op(name);
  return (data_->ops & bit_of(op)) != 0 &&
         std::any_of(nodes().begin(), nodes().end(), [&](NodeImpl* n) { return n->op == op; });
}

namespace {

/// The places of a graph's inputs.
NodeMap<std::size_t> places(const Graph& g) {
  NodeMap<std::size_t> at(g.inputs().size());
  for (std::size_t i = 0; i < g.inputs().size(); ++i) at.insert(g.inputs()[i].node(), i);
  return at;
}

bool same_op(const NodeImpl& a, const NodeImpl& b) {
  if (&a == &b) return true;
  // A value in memory is itself alone.
  if (a.op != b.op || (a.is_leaf() && a.op != &constant_op())) return false;
  return a.aval == b.aval && a.attrs == b.attrs;
}

}  // namespace

bool same_program(const Numbered& a, const Numbered& b) {
  if (a.is(b)) return true;
  if (a.size() != b.size() || a.outputs() != b.outputs()) return false;
  const NodeMap<std::size_t> in_a = places(a.graph()), in_b = places(b.graph());
  const auto same_input = [&](const NodeImpl& x, const NodeImpl& y) {
    const std::size_t *i = in_a.find(&x), *j = in_b.find(&y);
    return i && j && *i == *j && x.aval == y.aval;
  };
  for (std::size_t n = 0; n < a.size(); ++n) {
    if (!std::ranges::equal(a.inputs(n), b.inputs(n))) return false;
    if (!same_op(a.node(n), b.node(n)) && !same_input(a.node(n), b.node(n))) return false;
  }
  return true;
}

}  // namespace lilith::ir
