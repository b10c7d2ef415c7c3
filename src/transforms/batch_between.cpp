#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/autocast_state.h"
#include "ir/node.h"
#include "ir/node_map.h"
#include "ops/batch.h"
#include "ops/primitives.h"
#include "ops/random_key.h"
#include "transforms/graph_copy.h"
#include "transforms/vmap.h"

namespace lilith::ir {
namespace {

using I = std::int64_t;

class Batcher {
 public:
  explicit Batcher(I size) : size_(size) {}

  void set(const NodeImpl* node, ForAll value) { values_.insert(node, std::move(value)); }

  ForAll value(NodeImpl* node) const {
    const ForAll* found = values_.find(node);
    return found ? *found : ForAll{Tensor(node)};
  }

  void step(NodeImpl* node) {
    const LocScope::Override line(node->loc ? node->loc : LocScope::current());
    if (node->op->cls == OpClass::Get) {
      if (const std::vector<Tensor>* results = results_.find(node->inputs[0])) {
        const auto index = static_cast<std::size_t>(node->attrs.integer("index"));
        return set(node, {(*results)[index], true});
      }
    }
    std::vector<Tensor> in;
    std::vector<bool> batched;
    for (NodeImpl* input : node->inputs) {
      ForAll x = value(input);
      in.push_back(std::move(x.value));
      batched.push_back(x.batched);
    }
    if (std::ranges::none_of(batched, [](bool b) { return b; }))
      return set(node,
                 {Tensor(new NodeImpl(node->op, std::move(in), node->attrs, node->aval, node->loc)),
                  false});
    std::vector<Tensor> out = apply_rule(node, {node->op->name, in, batched, size_, node->attrs});
    if (node->op->results)
      results_.insert(node, std::move(out));
    else
      set(node, {std::move(out[0]), true});
  }

 private:
  static std::vector<Tensor> apply_rule(const NodeImpl* node, const BatchCtx& c) {
    const OpDef& op = *node->op;
    const ops::BatchRule rule = ops::batch_rule(op);
    LILITH_CHECK(rule || !op.index_operand,
                 "vmap: '{}' has no batching rule, and an operand of indices; give its definition "
                 "a batch",
                 c.op);
    std::vector<Tensor> out = rule ? rule(c) : batch_view(op, c);
    if (node->op->results) return out;
    Shape wanted = node->aval.shape;
    wanted.insert(0, c.size);
    LILITH_CHECK(out.size() == 1 && out[0].defined() && out[0].shape() == wanted &&
                     out[0].dtype() == node->aval.dtype,
                 "vmap: the batching rule of '{}' gave {}; need {}{}", c.op,
                 out.size() == 1 && out[0].defined() ? out[0].aval().str()
                                                     : fmt::format("{} results", out.size()),
                 name(node->aval.dtype), wanted.str());
    return out;
  }

  I size_;
  NodeMap<ForAll> values_{256};
  NodeMap<std::vector<Tensor>> results_{4};
};

}  // namespace

Tensor for_each_example(const ForAll& x, I size) {
  return x.batched ? x.value : ops::repeat(x.value, size);
}

std::vector<ForAll> batch_between(const std::vector<Tensor>& outputs,
                                  const std::vector<Tensor>& placeholders,
                                  const std::vector<ForAll>& values, I size) {
  const AutocastOff rules;
  Batcher batcher(size);
  for (std::size_t k = 0; k < placeholders.size(); ++k)
    batcher.set(placeholders[k].node(), values[k]);
  for (NodeImpl* node : region_between(outputs, placeholders)) batcher.step(node);
  std::vector<ForAll> out;
  for (const Tensor& t : outputs) out.push_back(batcher.value(t.node()));
  return out;
}

/// A draw's key is fold_in(one of all examples, the example's index).
struct ExampleScope::State {
  I size;
  std::vector<Tensor> keys;  // placeholders
  std::vector<std::optional<RandomGenerator>> generators;
  Tensor index;
  std::optional<ops::KeyScope> draws;

  Tensor next_key() {
    const Aval aval{{}, DType::I64, {}};
    keys.push_back(make_parameter(aval, std::ssize(keys), "key"));
    const RandomGenerator* chosen = ops::current_generator();
    generators.push_back(chosen ? std::optional(*chosen) : std::nullopt);
    if (!index.defined()) index = make_parameter(aval, 0, "example");
    return ops::fold_in(keys.back(), index);
  }
  void leave() {
    if (!draws) return;
    draws.reset();
    --trace_depth();
  }
};

ExampleScope::ExampleScope(I size) : state_(new State{size, {}, {}, {}, {}}) {
  ++trace_depth();
  state_->draws.emplace([s = state_.get()](I) { return s->next_key(); });
}
ExampleScope::~ExampleScope() { state_->leave(); }

std::vector<ForAll> ExampleScope::finish(const std::vector<Tensor>& outputs,
                                         std::vector<Tensor> placeholders,
                                         std::vector<ForAll> values) {
  State& s = *state_;
  s.leave();
  for (std::size_t k = 0; k < s.keys.size(); ++k) {
    const ops::GeneratorScope generator(s.generators[k]);
    placeholders.push_back(s.keys[k]);
    values.push_back({ops::next_key(), false});
  }
  if (s.index.defined()) {
    placeholders.push_back(s.index);
    values.push_back({ops::make_iota({s.size}, 0, DType::I64, {}), true});
  }
  return batch_between(outputs, placeholders, values, s.size);
}

}  // namespace lilith::ir
