// checkpoint(f): the value of f with a rule that copies the graph of f behind barriers. Before,
// backward of y = exp(sin(x)):                          after:
//   %s = sin(%x)     (kept for backward)      %s = sin(%x); %y = exp(%s)      (%s dies here)
//   %y = exp(%s)                              %b = barrier(%x); %s2 = sin(%b); %y2 = exp(%s2)
//   %1 = mul(%ct, %y); %2 = cos(%x) …         %1 = mul(%ct, %y2); %2 = cos(%b) …
#include "ir/node.h"
#include "lilith/transforms.h"
#include "transforms/custom_rules.h"
#include "transforms/differentiation.h"
#include "transforms/graph_copy.h"
#include "transforms/markers.h"
#include "transforms/vjp.h"

namespace lilith {
namespace {

/// What is computed again. It lives in the graph, as part of a rule, and so counts as no handle.
class Region {
 public:
  /// output: in a copy that evaluation does not touch.
  Region(const Tensor& output, const std::vector<Tensor>& inputs)
      : output_(output), inputs_(inputs.begin(), inputs.end()) {}

  std::vector<Tensor> recompute(const std::vector<Tensor>& in, const Tensor& ct) const {
    std::vector<Tensor> stops, again, wanted;
    for (const ir::NodeRef& input : inputs_) stops.push_back(input.tensor());
    for (const Tensor& t : in) {
      again.push_back(ir::make_alias(apply("barrier", {t})));
      wanted.push_back(is_floating(t.dtype()) ? again.back() : Tensor());
    }
    ir::add_placeholders(wanted);
    const std::vector<Tensor> output = ir::copy_between({output_.tensor()}, stops, again);
    return backpropagate(output, {ct}, wanted, "checkpoint");
  }

 private:
  ir::NodeRef output_;
  std::vector<ir::NodeRef> inputs_;
};

/// What the output is computed from: the arguments, then what the function captured.
std::vector<Tensor> inputs_of(const Tensor& output, const std::vector<Tensor>& arguments) {
  std::vector<Tensor> inputs;
  ir::NodeMap<char> known(64);
  for (const Tensor& t : arguments) {
    if (t.defined() && known.insert(t.node(), 1)) inputs.push_back(t);
  }
  const std::vector<ir::NodeImpl*> nodes = ir::region_between({output}, inputs);
  for (const ir::NodeImpl* node : nodes) known.insert(node, 1);
  for (const ir::NodeImpl* node : nodes) {
    for (ir::NodeImpl* input : node->inputs) {
      const bool is_rule = node->op == &ir::custom_vjp_op() && input == node->inputs.back();
      if (input->op != &ir::constant_op() && !is_rule && known.insert(input, 1))
        inputs.emplace_back(input);
    }
  }
  return inputs;
}

}  // namespace

namespace detail {

std::vector<Tensor> substitute_aliases(ModelRef copies) {
  struct Substitute final : Visitor {
    std::vector<Tensor> aliases;
    void parameter(Tensor& t) override {
      if (!t.defined()) return;
      aliases.push_back(ir::make_alias(t));
      t = aliases.back();
    }
    void buffer(Buffer& t) override { parameter(t); }
  } v;
  copies.visit(v);
  return v.aliases;
}

void recompute_in_backward(ModelRef outputs, const std::vector<Tensor>& inputs) {
  struct Wrap final : Visitor {
    const std::vector<Tensor>& inputs;
    explicit Wrap(const std::vector<Tensor>& in) : inputs(in) {}
    void parameter(Tensor& t) override {
      if (!t.defined() || !is_floating(t.dtype())) return;
      const std::vector<Tensor> in = inputs_of(t, inputs);
      const Tensor copy = ir::copy_between({t}, in, in)[0];
      if (copy.node() == t.node()) return;  // nothing to compute again
      t = make_custom_vjp(
          [region = Region(copy, in)](const std::vector<Tensor>& in, const Tensor&,
                                      const Tensor& ct) { return region.recompute(in, ct); },
          t, in);
    }
    void buffer(Buffer& t) override { parameter(t); }
  } v(inputs);
  outputs.visit(v);
}

}  // namespace detail
}  // namespace lilith
