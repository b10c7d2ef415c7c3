#include "transforms/custom_rules.h"

#include "ir/one_device.h"
#include "ops/batch.h"
#include "ops/primitives.h"
#include "transforms/markers.h"
#include "transforms/vmap.h"

namespace lilith {
namespace {

/// Holds a rule as the memory of a leaf, so that it lives as long as the nodes that use it.
class RuleStorage final : public Storage {
 public:
  explicit RuleStorage(CustomRule r) : rule(std::move(r)) {
    data_ = &byte_;
    bytes_ = 1;
    lend();
  }
  CustomRule rule;

 private:
  char byte_ = 0;
};

const CustomRule& rule_of(const ir::NodeImpl* node) {
  const auto* holder = dynamic_cast<const RuleStorage*>(node->storage().get());
  if (holder == nullptr) throw InternalError("custom_vjp: its last input holds no rule");
  return holder->rule;
}

}  // namespace

Tensor make_custom_vjp(CustomRule rule, const Tensor& out, const std::vector<Tensor>& in) {
  LILITH_CHECK(out.defined(), "custom_vjp: the function returned an undefined tensor");
  const Aval aval{{}, DType::Bool, out.device()};
  std::vector<Tensor> inputs{out};
  inputs.insert(inputs.end(), in.begin(), in.end());
  inputs.push_back(ir::make_data(aval, std::make_shared<RuleStorage>(std::move(rule))));
  return apply(ir::custom_vjp_op(), std::move(inputs));
}

std::vector<CustomRule> copy_rules(const std::vector<Tensor>& outputs) {
  std::vector<CustomRule> rules;
  for (const ir::NodeImpl* node : ir::topological_order(outputs)) {
    if (node->op != &ir::custom_vjp_op()) continue;
    rules.push_back(rule_of(node->inputs.back()));
  }
  return rules;
}

std::vector<Tensor> apply_custom_rule(const VjpCtx& c, const Tensor& ct) {
  const std::vector<Tensor> in(c.in.begin() + 1, c.in.end() - 1);
  std::vector<Tensor> cts = rule_of(c.in.back().node())(in, c.out, ct);
  LILITH_CHECK(cts.size() == in.size(),
               "custom_vjp: the rule gave {} cotangents; need one for each of {} inputs",
               cts.size(), in.size());
  for (std::size_t i = 0; i < in.size(); ++i)
    LILITH_CHECK(!cts[i].defined() || cts[i].aval() == in[i].aval(),
                 "custom_vjp: the rule's cotangent of input {} is {}; need {}, as the input", i,
                 ir::placed_text(cts[i].aval()), ir::placed_text(in[i].aval()));
  cts.insert(cts.begin(), Tensor());  // the value's own gradient is replaced
  cts.emplace_back();                 // the rule
  return cts;
}

std::vector<Tensor> batched_rule(const CustomRule& rule, const std::vector<bool>& batched,
                                 std::int64_t size, const std::vector<Tensor>& in,
                                 const Tensor& out, const Tensor& ct) {
  std::vector<Tensor> placeholders, given;
  std::vector<ir::ForAll> values;
  const auto one = [&](const Tensor& all) {
    Aval aval = all.aval();
    aval.shape.erase(0);
    placeholders.push_back(ir::make_parameter(aval, std::ssize(placeholders), ""));
    values.push_back({all, true});
    return placeholders.back();
  };
  for (std::size_t k = 0; k < in.size(); ++k) given.push_back(batched[k] ? one(in[k]) : in[k]);
  ir::ExampleScope scope(size);
  std::vector<Tensor> cts = rule(given, one(out), one(ct)), defined;
  LILITH_CHECK(cts.size() == in.size(),
               "custom_vjp: the rule gave {} cotangents; need one for each of {} inputs",
               cts.size(), in.size());
  for (const Tensor& t : cts)
    if (t.defined()) defined.push_back(t);
  const std::vector<ir::ForAll> made = scope.finish(defined, placeholders, values);
  std::size_t next = 0;
  for (std::size_t k = 0; k < cts.size(); ++k) {
    if (!cts[k].defined()) continue;
    cts[k] = ir::for_each_example(made[next++], size);
    if (!batched[k]) cts[k] = ops::make_reduce("reduce_sum", cts[k], {0});
  }
  return cts;
}

std::vector<Tensor> batch_custom_rule(const BatchCtx& c) {
  const CustomRule& rule = rule_of(c.in.back().node());
  const std::vector<Tensor> in(c.in.begin() + 1, c.in.end() - 1);
  const std::vector<bool> batched(c.batched.begin() + 1, c.batched.end() - 1);
  return {make_custom_vjp(
      [rule, batched, size = c.size](const std::vector<Tensor>& in, const Tensor& out,
                                     const Tensor& ct) {
        return batched_rule(rule, batched, size, in, out, ct);
      },
      ops::batched_operand(c, 0), in)};
}

}  // namespace lilith
