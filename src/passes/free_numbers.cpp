#include "passes/free_numbers.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "ir/host.h"
#include "ir/rebuild.h"
#include "passes/rules.h"

namespace lilith::passes {
namespace {

using ir::NodeImpl;

/// Values that simplifications look for, with any op.
bool is_special(double v) { return v == 0 || std::fabs(v) == 1 || !std::isfinite(v); }

/// Exponents that are products, roots and quotients.
bool is_simple_exponent(double v) { return std::fabs(v) <= 8 && v * 2 == std::round(v * 2); }

/// The same number, at other places.
bool repeats(const NodeImpl& n) { return is(n, "broadcast") || is(n, "reshape"); }

/// What an op makes of numbers, where a kernel gives the very same as constant folding: ops that
/// are rounded once.
std::optional<double> exact(const NodeImpl& n, std::span<const double> x) {
  const auto rounded = [&](double v) { return ir::round_to(v, n.aval.dtype); };
  if (!is_floating(n.aval.dtype)) return {};
  if (is(n, "cast")) return rounded(x[0]);
  if (is(n, "neg")) return -x[0];
  if (is(n, "add")) return rounded(x[0] + x[1]);
  if (is(n, "sub")) return rounded(x[0] - x[1]);
  if (is(n, "mul")) return rounded(x[0] * x[1]);
  if (is(n, "div")) return rounded(x[0] / x[1]);
  return {};
}

class Search {
 public:
  explicit Search(const ir::Numbered& g)
      : g_(g), known_(g.size()), combined_(g.size()), free_(g.size(), true) {}

  Numbers run() {
    for (std::uint32_t n = 0; n < g_.size(); ++n) visit(n);
    for (const std::uint32_t out : g_.outputs()) rule_out(out, combined_);
    Numbers found;
    for (std::uint32_t n = 0; n < g_.size(); ++n) {
      if (!combined_[n]) continue;
      found.nodes.push_back(n);
      found.free.push_back(free_[n]);
    }
    return found;
  }

 private:
  /// A value that follows from constants alone, and these.
  struct Known {
    double value;
    std::vector<std::uint32_t> constants;
  };

  void visit(std::uint32_t n) {
    const NodeImpl& node = g_.node(n);
    const auto inputs = g_.inputs(n);
    if (const auto value = constant_value(node)) {
      known_[n] = Known{*value, {n}};
      combined_[n] = is_floating(node.aval.dtype);
      free_[n] = !is_special(*value);
    } else if (!inputs.empty() && repeats(node)) {
      known_[n] = known_[inputs[0]];
    } else if (!combine(n)) {
      use(n);
    }
  }
  /// Whether the node is a number too.
  bool combine(std::uint32_t n) {
    std::vector<double> values;
    Known all;
    for (const std::uint32_t in : g_.inputs(n)) {
      if (!known_[in]) return false;
      values.push_back(known_[in]->value);
      all.constants.insert(all.constants.end(), known_[in]->constants.begin(),
                           known_[in]->constants.end());
    }
    if (values.empty()) return false;
    const auto value = exact(g_.node(n), values);
    if (!value) return false;
    all.value = *value;
    known_[n] = std::move(all);
    if (is_special(*value)) rule_out(n, free_);
    return true;
  }
  void use(std::uint32_t n) {
    const NodeImpl& node = g_.node(n);
    const auto inputs = g_.inputs(n);
    const bool folds = std::ranges::all_of(inputs, [&](auto in) { return known_[in].has_value(); });
    const bool combines = node.op->cls == OpClass::Elementwise && !folds;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const bool exponent = k == 1 && is(node, "pow");
      const auto& known = known_[inputs[k]];
      if (!combines) rule_out(inputs[k], combined_);
      if (exponent && known && is_simple_exponent(known->value)) rule_out(inputs[k], free_);
    }
  }
  /// The constants that the node is made of are not `what`.
  void rule_out(std::uint32_t n, std::vector<bool>& what) {
    if (!known_[n]) return;
    for (const std::uint32_t c : known_[n]->constants) what[c] = false;
  }

  const ir::Numbered& g_;
  std::vector<std::optional<Known>> known_;
  std::vector<bool> combined_, free_;
};

Tensor placed(Tensor number, const Aval& aval) {
  if (number.device() != aval.device)
    number = apply("copy_to", {number}, {{"device", aval.device.str()}});
  if (aval.shape.rank() == 0) return number;
  const std::vector<std::int64_t> shape(aval.shape.begin(), aval.shape.end());
  return apply("broadcast", {number}, {{"shape", shape}, {"dims", std::vector<std::int64_t>{}}});
}

}  // namespace

Numbers numbers_of(const ir::Numbered& g) { return Search(g).run(); }

Graph with_inputs(const ir::Numbered& g, std::span<const std::uint32_t> constants) {
  std::vector<Tensor> inputs = g.graph().inputs();
  auto next = constants.begin();
  const Graph made = ir::transform(g, [&](std::size_t n, std::span<NodeImpl* const>) -> Tensor {
    if (next == constants.end() || n != *next) return {};
    ++next;
    const NodeImpl& constant = g.node(n);
    const LocScope::Override scope(constant.loc);
    inputs.push_back(ir::make_parameter({{}, constant.aval.dtype, {}},
                                        static_cast<std::int64_t>(inputs.size()), "number"));
    return placed(inputs.back(), constant.aval);
  });
  return Graph(std::move(inputs), made.outputs());
}

}  // namespace lilith::passes
