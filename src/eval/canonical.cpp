#include "eval/canonical.h"

#include "core/phases.h"
#include "eval/families.h"
#include "ir/hash.h"
#include "ir/node_map.h"
#include "transforms/loops.h"
#include "transforms/markers.h"

namespace lilith::driver {

void Key::add(std::uint64_t x) {
  a = mix(a, x);
  b = mix(b, x ^ 0xa4093822299f31d0u);
}

void Key::add_settings() {
  precision = lilith::precision();
  add(static_cast<std::uint64_t>(precision) | static_cast<std::uint64_t>(own_sizes()) << 8);
}

void Key::add(const Aval& aval) {
  add(static_cast<std::uint64_t>(aval.dtype) | static_cast<std::uint64_t>(aval.device.kind) << 8 |
      static_cast<std::uint64_t>(aval.device.index) << 16 |
      static_cast<std::uint64_t>(aval.shape.rank()) << 24);
  for (std::int64_t d : aval.shape) add(static_cast<std::uint64_t>(d));
}

bool is_input(const ir::NodeImpl& node) {
  if (node.op == &ir::constant_op()) return false;
  return node.storage() || node.op == &ir::parameter_op();
}

namespace {

enum Tag : std::uint64_t { kInput = 1, kConstant, kSeed, kOp, kOutput };

// True when the walk does not go below the node.
bool stops(const ir::NodeImpl& node) {
  return node.is_leaf() || node.storage() || node.op == &ir::seed_op();
}

void add_to_key(Key& key, const ir::NodeImpl& node) {
  if (is_input(node)) {
    key.add(kInput);
  } else if (node.op == &ir::constant_op()) {
    key.add(kConstant);
    key.add(node.attrs.hash());
  } else if (node.op == &ir::seed_op()) {
    key.add(kSeed);
  } else {
    key.add(kOp);
    key.add(reinterpret_cast<std::uintptr_t>(node.op.operator->()));
    key.add(node.attrs.hash());
  }
  key.add(node.aval);
}

class Walk {
 public:
  Canonical run(const std::vector<ir::NodeImpl*>& outputs) {
    out_.key.add_settings();
    for (ir::NodeImpl* output : outputs) {
      ir::NodeImpl* root = ir::see_through(output);
      visit(root);
      out_.outputs.push_back(*ids_.find(root));
    }
    out_.key.add(kOutput);
    for (std::uint32_t o : out_.outputs) out_.key.add(o);
    return std::move(out_);
  }

 private:
  struct Frame {
    ir::NodeImpl* node;
    std::size_t next;
  };

  void visit(ir::NodeImpl* root) {
    if (!ids_.insert(root, kOpen)) return;
    stack_.push_back({root, 0});
    while (!stack_.empty()) {
      Frame& top = stack_.back();
      if (stops(*top.node) || top.next == top.node->inputs.size()) {
        finish(top.node);
        stack_.pop_back();
        continue;
      }
      ir::NodeImpl* input = ir::see_through(top.node->inputs[top.next++]);
      if (ids_.insert(input, kOpen)) stack_.push_back({input, 0});
    }
  }

  void finish(ir::NodeImpl* node) {
    const auto id = static_cast<std::uint32_t>(out_.items.size());
    ids_[node] = id;
    Canonical::Item item{node, static_cast<std::uint32_t>(out_.edges.size()), 0};
    add_to_key(out_.key, *node);
    if (is_input(*node)) {
      out_.inputs.push_back(id);
    } else if (!stops(*node)) {
      item.num_edges = static_cast<std::uint32_t>(node->inputs.size());
      for (ir::NodeImpl* input : node->inputs) {
        out_.edges.push_back(*ids_.find(ir::see_through(input)));
        out_.key.add(out_.edges.back());
      }
    }
    out_.items.push_back(item);
  }

  static constexpr std::uint32_t kOpen = 0xffffffffu;
  Canonical out_;
  ir::NodeMap<std::uint32_t> ids_{256};
  std::vector<Frame> stack_;
};

}  // namespace

Canonical canonicalise(const std::vector<ir::NodeImpl*>& outputs) {
  if (!every_phase_counts()) return Walk().run(outputs);
  const double before = phase_times()[Phase::Key];
  Canonical made;
  {
    const PhaseScope phase(Phase::Key);
    made = Walk().run(outputs);
  }
  made.ms = phase_times()[Phase::Key] - before;
  return made;
}

namespace {

Tensor copy_node(const Canonical& c, const Canonical::Item& item, const std::vector<Tensor>& made) {
  const ir::NodeImpl& node = *item.node;
  if (node.op == &ir::seed_op()) return ir::make_constant({Scalar::Kind::Int, 1, 0}, node.aval);
  std::vector<Tensor> args;
  args.reserve(item.num_edges);
  for (std::uint32_t e = 0; e < item.num_edges; ++e)
    args.push_back(made[c.edges[item.first_edge + e]]);
  Loc loc = node.loc;
  loc.site = static_cast<std::uint32_t>(made.size()) + 1;
  Attrs attrs = node.op->cls == OpClass::Loop ? ir::without_markers(node.attrs) : node.attrs;
  return Tensor(new ir::NodeImpl(node.op, std::move(args), std::move(attrs), node.aval, loc));
}

std::vector<Tensor> pick(const std::vector<Tensor>& made, const std::vector<std::uint32_t>& which) {
  std::vector<Tensor> out;
  for (std::uint32_t k : which) out.push_back(made[k]);
  return out;
}

}  // namespace

Graph build_graph(const Canonical& c) {
  const PhaseScope phase(Phase::Key);
  std::vector<Tensor> made, inputs;
  made.reserve(c.items.size());
  for (const auto& item : c.items) {
    if (is_input(*item.node)) {
      const auto index = static_cast<std::int64_t>(inputs.size());
      inputs.push_back(ir::make_parameter(item.node->aval, index, item.node->name));
      made.push_back(inputs.back());
    } else {
      made.push_back(copy_node(c, item, made));
    }
  }
  return Graph(std::move(inputs), pick(made, c.outputs));
}

std::vector<Loc> lines_of(const Canonical& c) {
  std::vector<Loc> lines;
  lines.reserve(c.items.size());
  for (const auto& item : c.items) lines.push_back(item.node->loc);
  return lines;
}

Graph copy_graph(const Canonical& c, const std::vector<Tensor>& parameters) {
  std::vector<Tensor> made, inputs;
  ir::NodeMap<Tensor> fresh(parameters.size());
  for (const Tensor& p : parameters) {
    inputs.push_back(
        ir::make_parameter(p.aval(), static_cast<std::int64_t>(inputs.size()), p.node()->name));
    fresh.insert(p.node(), inputs.back());
  }
  made.reserve(c.items.size());
  for (const auto& item : c.items) {
    const Tensor* input = fresh.find(item.node);
    if (input)
      made.push_back(*input);
    else
      made.push_back(is_input(*item.node) ? Tensor(item.node) : copy_node(c, item, made));
  }
  return Graph(std::move(inputs), pick(made, c.outputs));
}

}  // namespace lilith::driver
