#include "eval/split.h"

#include <algorithm>

#include "ir/node.h"
#include "ir/node_map.h"
#include "lilith/error.h"

namespace lilith {
namespace {

using ir::NodeImpl;

// Between devices: no other op has an operand elsewhere.
bool is_copy(const NodeImpl& node) {
  return !node.inputs.empty() && node.inputs[0]->aval.device != node.aval.device;
}

class Splitter {
 public:
  explicit Splitter(const Graph& g) : graph_(g), order_(ir::topological_order(g.outputs())) {
    for (const Tensor& t : g.inputs()) number(t.node());
    for (const NodeImpl* node : order_) {
      if (!std::ranges::count(devices_, node->aval.device)) devices_.push_back(node->aval.device);
    }
    std::ranges::stable_sort(devices_, {}, [](Device d) { return d != cpu(); });
  }

  Split run() {
    assign_parts();
    find_exports();
    for (std::size_t p = 0; p < out_.parts.size(); ++p) build(p);
    for (const Tensor& t : graph_.outputs()) {
      const bool is_new = !values_.contains(t.node());
      out_.outputs.push_back(number(t.node()));
      if (is_new) out_.constants.push_back({out_.outputs.back(), t});
    }
    out_.num_values = values_count_;
    return std::move(out_);
  }

 private:
  std::size_t number(const NodeImpl* node) {
    if (values_.insert(node, values_count_)) ++values_count_;
    return *values_.find(node);
  }

  // Whether part `p` can have it: what it reads is a leaf, of the same device there or earlier, or,
  // for a copy, earlier.
  bool is_ready(const NodeImpl& node, std::size_t p) {
    return std::ranges::all_of(node.inputs, [&](const NodeImpl* input) {
      if (input->is_leaf()) return true;
      const std::size_t* at = part_of_.find(input);
      return at && (*at < p || !is_copy(node));
    });
  }

  void assign_parts() {
    const auto todo = static_cast<std::size_t>(
        std::ranges::count_if(order_, [](const NodeImpl* n) { return !n->is_leaf(); }));
    for (std::size_t done = 0; done < todo;) {
      const std::size_t before = done;
      for (const Device device : devices_) done += assign_part(device);
      if (done == before) throw InternalError("split: operands of a node are on another device");
    }
  }

  std::size_t assign_part(Device device) {
    std::vector<NodeImpl*> members;
    const std::size_t p = members_.size();
    for (NodeImpl* node : order_) {
      if (node->is_leaf() || node->aval.device != device || part_of_.contains(node)) continue;
      if (!is_ready(*node, p)) continue;
      part_of_.insert(node, p);
      members.push_back(node);
    }
    if (members.empty()) return 0;
    const std::size_t n = members.size();
    members_.push_back(std::move(members));
    out_.parts.push_back({{}, {}, device, {}, {}});
    return n;
  }

  // What other parts or the caller ask for.
  void find_exports() {
    for (const NodeImpl* node : order_) {
      for (const NodeImpl* input : node->inputs) {
        if (!input->is_leaf() && *part_of_.find(input) != *part_of_.find(node))
          exported_.insert(input, 1);
      }
    }
    for (const Tensor& t : graph_.outputs()) exported_.insert(t.node(), 1);
  }

  void build(std::size_t p) {
    Split::Part& part = out_.parts[p];
    ir::NodeMap<Tensor> made(members_[p].size() * 2);
    std::vector<Tensor> inputs, outputs;
    const auto parameter = [&](NodeImpl* node) {
      const auto index = static_cast<std::int64_t>(inputs.size());
      inputs.push_back(ir::make_parameter(node->aval, index, node->name));
      part.inputs.push_back(number(node));
      made.insert(node, inputs.back());
      return inputs.back();
    };
    const auto operand = [&](NodeImpl* node) {
      if (const Tensor* t = made.find(node)) return *t;
      const bool is_value = !node->is_leaf() || node->op == &ir::parameter_op();
      return is_value ? parameter(node) : Tensor(node);
    };
    for (NodeImpl* node : members_[p]) {
      if (is_copy(*node)) {
        NodeImpl* from = node->inputs[0];
        if (from->is_leaf() && !values_.contains(from))
          out_.constants.push_back({number(from), Tensor(from)});
        part.moves.push_back({number(from), number(node), from->aval.device, node->aval});
        continue;
      }
      std::vector<Tensor> args;
      for (NodeImpl* input : node->inputs) args.push_back(operand(input));
      const Tensor t(new NodeImpl(node->op, std::move(args), node->attrs, node->aval, node->loc));
      made.insert(node, t);
      if (!exported_.contains(node)) continue;
      outputs.push_back(t);
      part.outputs.push_back(number(node));
    }
    part.graph = Graph(std::move(inputs), std::move(outputs));
  }

  const Graph& graph_;
  const std::vector<NodeImpl*> order_;
  std::vector<Device> devices_;  // the host first
  ir::NodeMap<std::size_t> values_{64}, part_of_{256};
  ir::NodeMap<char> exported_{64};
  std::vector<std::vector<NodeImpl*>> members_;  // by part, inputs first
  std::size_t values_count_ = 0;
  Split out_;
};

}  // namespace

bool is_on_one_device(const Graph& g) {
  const std::vector<Tensor>& outputs = g.outputs();
  if (outputs.empty()) return true;
  const Device device = outputs[0].device();
  const auto is_there = [&](const Tensor& t) { return t.device() == device; };
  return std::ranges::all_of(outputs, is_there) && std::ranges::all_of(g.inputs(), is_there) &&
         std::ranges::all_of(ir::topological_order(outputs),
                             [&](const NodeImpl* n) { return n->aval.device == device; });
}

Split split_by_device(const Graph& g) { return Splitter(g).run(); }

}  // namespace lilith
