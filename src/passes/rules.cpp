#include "passes/rules.h"

#include <algorithm>
#include <numeric>

#include "ir/host.h"
#include "ir/rebuild.h"

namespace lilith::passes {
namespace {

// A rule that keeps fitting its own result is a mistake; stop rather than hang.
constexpr int kMaxRewrites = 32;

Tensor first_fit(const std::vector<Rule>& rules, ir::NodeImpl& node) {
  for (const Rule rule : rules) {
    if (Tensor out = rule(node); out.defined()) {
      if (!(out.aval() == node.aval)) {
        throw InternalError("a rule turned " + node.op->name + " " + node.aval.str() + " into " +
                            out.aval().str());
      }
      return out;
    }
  }
  return {};
}

}  // namespace

Rules by_op(const NamedRules& rules) {
  Rules out;
  for (const auto& [name, list] : rules) {
    const OpDef* op = find_op(name);
    if (op == nullptr) throw InternalError(fmt::format("rules of '{}', which is no op", name));
    out.emplace(op, list);
  }
  return out;
}

Graph apply_rules(const ir::Numbered& g, const Rules& rules) {
  return ir::transform(g, [&](std::size_t n, std::span<ir::NodeImpl* const> inputs) -> Tensor {
    ir::NodeImpl& old = g.node(n);
    auto fitting = rules.find(old.op);
    if (fitting == rules.end()) return {};
    const LocScope::Override scope(old.loc);
    Tensor current;  // undefined while it is the old node
    if (!std::ranges::equal(inputs, old.inputs)) current = ir::rebuild(&old, inputs);
    for (int i = 0; i < kMaxRewrites && fitting != rules.end(); ++i) {
      Tensor next = first_fit(fitting->second, current.defined() ? *current.node() : old);
      if (!next.defined()) break;
      current = std::move(next);
      fitting = rules.find(current.node()->op);
    }
    return current;
  });
}

std::optional<double> constant_value(const ir::NodeImpl& node) {
  if (!is_constant(node)) return std::nullopt;
  const Attr& value = *node.attrs.find("value");
  if (const double* f = std::get_if<double>(&value)) return ir::round_to(*f, node.aval.dtype);
  return static_cast<double>(std::get<std::int64_t>(value));
}

const ir::NodeImpl* repeated_constant(const ir::NodeImpl* node) {
  while (is(*node, "broadcast") || is(*node, "reshape")) node = node->inputs[0];
  return is_constant(*node) ? node : nullptr;
}

bool is_zero(const ir::NodeImpl* node) {
  const ir::NodeImpl* c = repeated_constant(node);
  return c && constant_value(*c) == 0.0;
}

Tensor constant(double value, const Aval& aval) {
  return ir::make_constant({Scalar::Kind::Float, 0, value}, aval);
}

Tensor constant_like(const ir::NodeImpl& node, const Aval& aval) {
  const Attr& value = *node.attrs.find("value");
  if (const double* f = std::get_if<double>(&value)) return constant(*f, aval);
  return ir::make_constant({Scalar::Kind::Int, std::get<std::int64_t>(value), 0}, aval);
}

Tensor reshape(const Tensor& x, const Shape& shape) {
  return x.shape() == shape ? x : apply("reshape", {x}, {{"shape", shape.vec()}});
}

Tensor transpose(const Tensor& x, const Ints& perm) {
  return is_identity(perm) ? x : apply("transpose", {x}, {{"perm", perm}});
}

bool is_identity(const Ints& perm) {
  for (std::size_t i = 0; i < perm.size(); ++i) {
    if (perm[i] != static_cast<std::int64_t>(i)) return false;
  }
  return true;
}

Ints inverse(const Ints& perm) {
  Ints out(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i) {
    out[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);
  }
  return out;
}

Ints compose(const Ints& first, const Ints& second) { return permuted(first, second); }

Ints permuted(const Ints& list, const Ints& perm) {
  Ints out(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i) out[i] = list[static_cast<std::size_t>(perm[i])];
  return out;
}

}  // namespace lilith::passes
