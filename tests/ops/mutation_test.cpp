#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "ir/node.h"
#include "lilith/loops.h"
#include "lilith/transforms.h"
#include "ops/check.h"
#include "transforms/markers.h"
#include "transforms/vjp.h"

// One rule at a time is made 1 % too large, and a comparison with differences has to fail.
namespace lilith::testing {
namespace {

using Ts = std::vector<Tensor>;

// Rows for the ops that transforms put into a graph: the table is of functions on tensors.
// Ops that are no rows of the table.
std::vector<Case> other_cases() {
  const auto cube = [](const Tensor& x) { return x * x * x; };
  const auto slope = [](const Ts& in, const Tensor&, const Tensor& ct) {
    return Ts{ct * in[0] * in[0] * 3};
  };
  return {
      {"grad_alias", {{{3, 4}}}, [](const Ts& x) { return ir::make_alias(x[0] * x[0]); }},
      {"grad_seed",
       {{{3, 4}}},
       [](const Ts& x) { return grad([](Tensor t) { return sum(t * t); }, x[0]).second; }},
      {"custom_vjp", {{{3, 4}}}, [=](const Ts& x) { return custom_vjp(cube, slope)(x[0]); }},
      {"scan",
       {{{4}}, {{3, 4}}, {{4}}},
       [](const Ts& x) {
         return scan([&](const Tensor& s, const Tensor& row) { return s * x[2] + row * row; }, x[0],
                     x[1])
             .carry;
       }},
      {"cond",
       {{{3, 4}}},
       [](const Ts& x) {
         return cond(
             tensor(true), [](const Tensor& x) { return x * x; }, [](const Tensor& x) { return x; },
             x[0]);
       }},
  };
}

/// The registered ops with a rule, and for each the rows whose forward graph it is in.
std::map<const OpDef*, std::vector<Case>> rows_of_rules() {
  std::map<const OpDef*, std::vector<Case>> out;
  for (const OpDef* op : all_ops()) {
    if (op->vjp) out[op];
  }
  std::vector<Case> all = other_cases();
  all.insert(all.end(), cases().begin(), cases().end());
  for (const Case& c : all) {
    const Tensor y = c.build(parameters(draw(c, 1)));
    if (!is_floating(y.dtype())) continue;
    std::set<const OpDef*> inside;
    for (const ir::NodeImpl* n : ir::topological_order({y})) inside.insert(n->op);
    for (const OpDef* op : inside) {
      const auto at = out.find(op);
      // Its own rows first.
      if (at != out.end())
        at->second.insert(op->name == c.op ? at->second.begin() : at->second.end(), c);
    }
  }
  return out;
}

bool is_zero(const Tensor& ct) { return ct.numel() == 0 || ct.node()->op == &ir::constant_op(); }

/// The inputs that an op's rule gives a cotangent to in that row's first derivative.
std::set<int> inputs_with_slope(const OpDef* op, const Case& c) {
  std::set<int> out;
  set_vjp_hook([&](const OpDef& of, int input, Tensor ct) {
    if (&of == op && !is_zero(ct)) out.insert(input);
    return ct;
  });
  EXPECT_EQ(check_gradient(c, 1, true), "") << c.op;
  set_vjp_hook({});
  return out;
}

bool is_noticed(const OpDef* op, int input, const Case& c) {
  set_vjp_hook([&](const OpDef& of, int i, Tensor ct) {
    return &of == op && i == input ? ct * full({}, 1.01, {.dtype = ct.dtype()}) : ct;
  });
  const std::string text = check_gradient(c, 1, true);
  set_vjp_hook({});
  return !text.empty();
}

/// True when nothing flows to the operands of a row: the whole gradient is zero.
bool is_flat(const Case& c) {
  const std::vector<RefTensor> x = draw(c, 1);
  const std::vector<Tensor> params = parameters(x);
  const Tensor y = c.build(params);
  Ts found;
  for (const Tensor& g : backpropagate({y}, {ones_like(y)}, params, "is_flat")) {
    if (g.defined()) found.push_back(g);
  }
  for (const RefTensor& g : ir::interpret(Graph(params, found), x)) {
    if (std::any_of(g.f.begin(), g.f.end(), [](double v) { return v != 0; })) return false;
  }
  return true;
}

TEST(Mutation, EveryRegisteredRuleIsNoticed) {
  for (const auto& [op, rows] : rows_of_rules()) {
    std::map<int, bool> noticed;  // per input of the rule
    for (const Case& c : rows) {
      for (int input : inputs_with_slope(op, c)) {
        bool& done = noticed[input];
        done = done || is_noticed(op, input, c);
      }
      if (op->name != c.op && !noticed.empty()) break;  // other rows only where its own say nothing
    }
    for (const auto& [input, done] : noticed)
      EXPECT_TRUE(done) << op->name << ", input " << input << ": 1 % more goes unnoticed";
    if (!noticed.empty()) continue;
    // A rule that gives nothing is right for a function of no slope, and where that is its purpose.
    const bool cuts = op == &ir::seed_op() || op->name == "stop_gradient";
    std::vector<Case> own;
    for (const Case& c : rows) {
      if (c.op == op->name) own.push_back(c);
    }
    EXPECT_TRUE(cuts || (!own.empty() && std::all_of(own.begin(), own.end(), is_flat)))
        << op->name << ": no row reaches its rule";
  }
}

}  // namespace
}  // namespace lilith::testing
