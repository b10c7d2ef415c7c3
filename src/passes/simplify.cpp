// Exact identities of elementwise ops; those of views are in simplify_views.cpp.
//
//   %1: f32[4] = constant {value=1.0}          |
//   %2: f32[4] = mul(%x, %1)                   |
//   %3: f32[4] = neg(%2)                       |  %1: f32[4] = sub(%y, %x)
//   %4: f32[4] = add(%y, %3)                   |  return %1
//   return %4                                  |
#include <algorithm>
#include <bit>
#include <cmath>

#include "ops/half.h"
#include "passes/pipeline.h"
#include "passes/rules.h"
#include "passes/simplify.h"

namespace lilith::passes {
namespace {

using ir::NodeImpl;

Tensor make(std::string_view op, std::vector<Tensor> inputs) {
  return lilith::apply(op, std::move(inputs));
}

// A power of two whose reciprocal is a normal number: division by it is an exact multiplication.
bool has_exact_reciprocal(double c) {
  int exponent = 0;
  return std::isfinite(c) && std::fabs(std::frexp(c, &exponent)) == 0.5 && std::abs(exponent) < 14;
}

// ---- Operands in a canonical order: constants on the right. ----

Tensor constant_to_the_right(NodeImpl& n) {
  if (!is_constant(*n.inputs[0]) || is_constant(*n.inputs[1])) return {};
  return apply(*n.op, {in(n, 1), in(n, 0)}, n.attrs);
}

// ---- Sums. ----

Tensor add_zero(NodeImpl& n) { return is_constant(operand(n, 1), 0) ? in(n, 0) : Tensor(); }

// x + (-y) = x - y
Tensor add_negated(NodeImpl& n) {
  if (is(operand(n, 1), "neg")) return make("sub", {in(n, 0), in(n, 1).node()->input(0)});
  if (is(operand(n, 0), "neg")) return make("sub", {in(n, 1), in(n, 0).node()->input(0)});
  return {};
}

// x - (-y) = x + y
Tensor sub_negated(NodeImpl& n) {
  if (!is(operand(n, 1), "neg")) return {};
  return make("add", {in(n, 0), in(n, 1).node()->input(0)});
}

Tensor sub_itself(NodeImpl& n) {
  const bool exact = is_integral(n.aval.dtype) && n.inputs[0] == n.inputs[1];
  return exact ? constant(0, n.aval) : Tensor();
}

// ---- Products. 0 * x stays: x may be inf or NaN. ----

Tensor mul_one(NodeImpl& n) {
  if (is_constant(operand(n, 1), 1)) return in(n, 0);
  if (is_constant(operand(n, 1), -1)) return make("neg", {in(n, 0)});
  return {};
}

Tensor mul_zero_of_integers(NodeImpl& n) {
  return is_integral(n.aval.dtype) && is_constant(operand(n, 1), 0) ? in(n, 1) : Tensor();
}

// (-x) * (-y) = x * y, the same for division
Tensor both_negated(NodeImpl& n) {
  if (!is_floating(n.aval.dtype) || !is(operand(n, 0), "neg") || !is(operand(n, 1), "neg"))
    return {};
  return apply(*n.op, {in(n, 0).node()->input(0), in(n, 1).node()->input(0)});
}

Tensor div_constant(NodeImpl& n) {
  const auto c = constant_value(operand(n, 1));
  if (!c) return {};
  if (*c == 1) return in(n, 0);
  if (!is_floating(n.aval.dtype) || !has_exact_reciprocal(*c)) return {};
  return make("mul", {in(n, 0), constant(1 / *c, n.aval)});
}

// x^2 = x*x and the like. What is rounded once more is within the promise of pow.
Tensor pow_constant(NodeImpl& n) {
  const auto c = constant_value(operand(n, 1));
  if (!c) return {};
  const Tensor x = in(n, 0);
  const bool floating = is_floating(n.aval.dtype);
  if (*c == 0) return constant(1, n.aval);
  if (*c == 1) return x;
  if (*c == 2) return make("mul", {x, x});
  if (*c == 3 || *c == 4) {
    return ops::rounded_once(x, [&](const Tensor& t) {
      const Tensor square = make("mul", {t, t});
      return make("mul", {square, *c == 3 ? t : square});
    });
  }
  if (!floating) return {};
  if (*c == 0.5) return make("sqrt", {x});
  if (*c == -0.5) return make("rsqrt", {x});
  if (*c == -1) return make("div", {constant(1, n.aval), x});
  return {};
}

// ---- Signs and logic. ----

// f(f(x)) = x
Tensor involution(NodeImpl& n) {
  const NodeImpl& x = *n.inputs[0];
  return x.op == n.op ? x.input(0) : Tensor();
}

// f(f(x)) = f(x)
Tensor idempotent(NodeImpl& n) { return n.inputs[0]->op == n.op ? in(n, 0) : Tensor(); }

// f(-x) = f(x)
Tensor even_function(NodeImpl& n) {
  return is(operand(n, 0), "neg") ? apply(*n.op, {in(n, 0).node()->input(0)}) : Tensor();
}

Tensor not_comparison(NodeImpl& n) {
  const NodeImpl& x = *n.inputs[0];
  if (is(x, "eq")) return make("ne", {x.input(0), x.input(1)});
  if (is(x, "ne")) return make("eq", {x.input(0), x.input(1)});
  // With NaN the order is partial: not (a < b) is more than a >= b.
  if (x.inputs.empty() || is_floating(x.inputs[0]->aval.dtype)) return {};
  if (is(x, "lt")) return make("ge", {x.input(0), x.input(1)});
  if (is(x, "ge")) return make("lt", {x.input(0), x.input(1)});
  if (is(x, "gt")) return make("le", {x.input(0), x.input(1)});
  if (is(x, "le")) return make("gt", {x.input(0), x.input(1)});
  return {};
}

Tensor both_the_same(NodeImpl& n) { return n.inputs[0] == n.inputs[1] ? in(n, 0) : Tensor(); }

Tensor and_constant(NodeImpl& n) {
  const auto c = constant_value(operand(n, 1));
  if (!c) return {};
  if (*c == 0) return in(n, 1);
  const bool all_ones = n.aval.dtype == DType::Bool || *c == -1;
  return all_ones ? in(n, 0) : Tensor();
}

Tensor or_constant(NodeImpl& n) {
  const auto c = constant_value(operand(n, 1));
  if (!c) return {};
  if (*c == 0) return in(n, 0);
  return n.aval.dtype == DType::Bool ? in(n, 1) : Tensor();
}

// max(max(x, 1), 2) = max(x, 2), the same for min
Tensor nested_bounds(NodeImpl& n) {
  const NodeImpl& x = *n.inputs[0];
  if (x.op != n.op || !is_constant(*x.inputs[1])) return {};
  const auto a = constant_value(operand(x, 1)), b = constant_value(operand(n, 1));
  // From 2^53 on the doubles no longer tell integers apart.
  if (!b || !(std::fabs(*a) < 0x1p53 && std::fabs(*b) < 0x1p53)) return {};
  const bool outer = is(n, "maximum") ? *b >= *a : *b <= *a;
  return apply(*n.op, {x.input(0), outer ? in(n, 1) : x.input(1)});
}

// ---- select ----

Tensor select_known(NodeImpl& n) {
  if (const auto c = constant_value(operand(n, 0))) return in(n, *c != 0 ? 1 : 2);
  return n.inputs[1] == n.inputs[2] ? in(n, 1) : Tensor();
}

Tensor select_negated(NodeImpl& n) {
  if (!is(operand(n, 0), "not")) return {};
  return make("select", {in(n, 0).node()->input(0), in(n, 2), in(n, 1)});
}

// select(c, select(c, a, b), d) = select(c, a, d)
Tensor select_of_select(NodeImpl& n) {
  for (int side = 1; side <= 2; ++side) {
    const NodeImpl& x = *n.inputs[static_cast<std::size_t>(side)];
    if (!is(x, "select") || x.inputs[0] != n.inputs[0]) continue;
    std::vector<Tensor> inputs = {in(n, 0), in(n, 1), in(n, 2)};
    inputs[static_cast<std::size_t>(side)] = x.input(side);
    return apply(*n.op, std::move(inputs));
  }
  return {};
}

// ---- cast ----

// True when every value of `from` is one of `to`.
bool is_lossless(DType from, DType to) {
  if (from == to || from == DType::Bool) return true;
  struct Range {
    int digits;    // of the significand or the integer, without sign
    int exponent;  // of the largest value; floats
    bool is_signed;
  };
  const auto range = [](DType d) -> Range {
    switch (d) {
      case DType::U8:
        return {8, 8, false};
      case DType::I8:
        return {7, 7, true};
      case DType::I16:
        return {15, 15, true};
      case DType::I32:
        return {31, 31, true};
      case DType::I64:
        return {63, 63, true};
      case DType::F16:
        return {11, 15, true};
      case DType::BF16:
        return {8, 127, true};
      case DType::F32:
        return {24, 127, true};
      case DType::F64:
        return {53, 1023, true};
      default:
        return {0, 0, false};
    }
  };
  const Range a = range(from), b = range(to);
  if (is_floating(from) && !is_floating(to)) return false;
  if (a.is_signed && !b.is_signed) return false;
  return a.digits <= b.digits && a.exponent <= b.exponent;
}

Tensor cast_nothing(NodeImpl& n) {
  return n.inputs[0]->aval.dtype == n.aval.dtype ? in(n, 0) : Tensor();
}

Tensor cast_of_cast(NodeImpl& n) {
  const NodeImpl& x = *n.inputs[0];
  if (!is(x, "cast") || !is_lossless(x.inputs[0]->aval.dtype, x.aval.dtype)) return {};
  return apply("cast", {x.input(0)}, {{"dtype", n.aval.dtype}});
}

Tensor its_input(NodeImpl& n) { return in(n, 0); }

Tensor ones(NodeImpl& n) { return constant(1, n.aval); }

NamedRules elementwise_rules() {
  return {
      {"add", {constant_to_the_right, add_zero, add_negated}},
      {"sub", {add_zero, sub_negated, sub_itself}},
      {"mul", {constant_to_the_right, mul_one, mul_zero_of_integers, both_negated}},
      {"div", {div_constant, both_negated}},
      {"pow", {pow_constant}},
      {"neg", {involution}},
      {"not", {involution, not_comparison}},
      {"abs", {idempotent, even_function}},
      {"cos", {even_function}},
      {"cosh", {even_function}},
      {"floor", {idempotent}},
      {"ceil", {idempotent}},
      {"trunc", {idempotent}},
      {"round", {idempotent}},
      {"and", {constant_to_the_right, both_the_same, and_constant}},
      {"or", {constant_to_the_right, both_the_same, or_constant}},
      {"xor", {constant_to_the_right, add_zero}},
      {"shl", {add_zero}},
      {"shr", {add_zero}},
      {"maximum", {constant_to_the_right, both_the_same, nested_bounds}},
      {"minimum", {constant_to_the_right, both_the_same, nested_bounds}},
      {"eq", {constant_to_the_right}},
      {"ne", {constant_to_the_right}},
      {"select", {select_known, select_negated, select_of_select}},
      {"cast", {cast_nothing, cast_of_cast}},
      {"stop_gradient", {its_input}},
      // What transforms leave behind; no gradient is taken of a compiled graph.
      {"grad_alias", {its_input}},
      {"grad_seed", {ones}},
      {"custom_vjp", {its_input}},
  };
}

}  // namespace

Graph simplify(const ir::Numbered& g) {
  static const Rules* rules = [] {
    NamedRules all = elementwise_rules();
    for (auto& [op, list] : view_rules()) {
      auto& into = all[op];
      into.insert(into.end(), list.begin(), list.end());
    }
    return new Rules(by_op(all));
  }();
  return apply_rules(g, *rules);
}

}  // namespace lilith::passes
