#include "schedule/rewrite/index_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "core/run_error.h"
#include "ir/node.h"
#include "ir/rebuild.h"
#include "ops/operand.h"
#include "passes/rules.h"
#include "schedule/rewrite/index_range.h"
#include "schedule/rewrite/rewrites.h"
#include "transforms/loops.h"

//   gather(%x, %i)   ->   and max((%i - low) ^ sign bit), which tells of an index outside
namespace lilith::schedule {
namespace {

// What follows from inputs by elementwise and view ops alone: cheap to compute twice.
std::vector<char> simple_nodes(const ir::Numbered& g) {
  std::vector<char> simple(g.size(), 0);
  for (std::size_t n = 0; n < g.size(); ++n) {
    const OpClass c = g.node(n).op->cls;
    const auto reads = g.inputs(n);
    simple[n] = (c == OpClass::Leaf || c == OpClass::Elementwise || c == OpClass::View) &&
                std::all_of(reads.begin(), reads.end(),
                            [&](std::uint32_t in) { return simple[in] || g.node(in).is_leaf(); });
  }
  return simple;
}

// The index itself, before it was repeated or reshaped: every element once.
Tensor source_of(Tensor index) {
  const auto is = [&](const char* op) { return index.node()->op->name == op; };
  while (is("broadcast") || is("reshape") || is("transpose")) index = index.node()->input(0);
  return index;
}

// What select(%i < 0, %i + n, %i) makes of an index that may count from the end: %i; 0 for n when
// it is something else.
std::pair<Tensor, std::int64_t> unwrapped(const Tensor& index) {
  const ir::NodeImpl* n = index.node();
  if (n->op->name != "select") return {index, 0};
  const ir::NodeImpl *test = n->inputs[0], *moved = n->inputs[1], *raw = n->inputs[2];
  if (test->op->name != "lt" || test->inputs[0] != raw || !passes::is_zero(test->inputs[1]) ||
      moved->op->name != "add")
    return {index, 0};
  for (const int k : {0, 1}) {
    const std::optional<double> size = ops::constant_value(moved->input(1 - k));
    if (moved->inputs[static_cast<std::size_t>(k)] == raw && size)
      return {moved->input(k), static_cast<std::int64_t>(*size)};
  }
  return {index, 0};
}

// Unsigned, an index below the range is above it, so that one maximum tells of both sides. The
// flipped sign bit makes a signed maximum of it.
constexpr std::int64_t kSignBit = std::numeric_limits<std::int64_t>::min();

}  // namespace

namespace {

/// A check, what tells of an index outside, and the index where it follows simply from inputs.
struct Told {
  IndexCheck check;
  Tensor seen, simple;
};

// Of the nodes of a graph, but for those inside of loops.
std::vector<Told> told_by_nodes(const ir::Numbered& numbered) {
  std::vector<Told> all;
  const std::vector<char> simple_index = simple_nodes(numbered);
  const std::vector<std::optional<IndexRange>> ranges = index_ranges(numbered);
  std::set<std::tuple<const ir::NodeImpl*, std::int64_t, std::int64_t>> done;
  for (const ir::NodeImpl* n : numbered.nodes()) {
    const ir::NodeImpl& node = *n;
    const int operand = node.op->index_operand;
    if (operand == 0) continue;
    const std::int64_t size =
        node.inputs[0]->aval.shape[static_cast<int>(node.attrs.integer("axis"))];
    auto [index, wrap] = unwrapped(source_of(node.input(operand)));
    if (wrap != size) std::tie(index, wrap) = std::pair(source_of(node.input(operand)), 0);
    if (node.inputs[static_cast<std::size_t>(operand)]->aval.numel() == 0 ||
        !done.emplace(index.node(), wrap, size).second)
      continue;
    const IndexCheck check{node.op->name.c_str(), node.loc, -wrap, size};
    const std::uint32_t* at = numbered.find(index.node());
    if (const auto range = at ? ranges[*at] : std::nullopt;
        range && check.passes(range->least, range->most))
      continue;
    const auto constant = [&, aval = index.aval()](std::int64_t v) {
      return ir::make_constant({Scalar::Kind::Int, v, 0}, aval);
    };
    Tensor place = index;
    if (wrap != 0) place = apply("add", {place, constant(wrap)});
    place = apply("xor", {place, constant(kSignBit)});
    std::vector<std::int64_t> axes(index.shape().size());
    std::iota(axes.begin(), axes.end(), 0);
    const bool simple = index.node()->is_leaf() || simple_index[*numbered.find(index.node())] != 0;
    all.push_back({check, axes.empty() ? place : apply("reduce_max", {place}, {{"axes", axes}}),
                   simple ? index : Tensor()});
  }
  return all;
}

// What says that no index is outside.
Tensor none_seen(Device device) {
  return ir::make_constant({Scalar::Kind::Int, kSignBit, 0}, {{}, DType::I64, device});
}

/// A graph whose loops give what tells of the indices inside of them.
struct Telling {
  Graph graph;
  std::vector<IndexCheck> checks;
  std::vector<Tensor> seen;  // one each
};

Telling telling(const ir::Numbered& g);

/// A body that gives what tells of its indices behind its outputs: the most of that and of `seen`
/// (inputs behind the carries), where there are any.
struct TellingBody {
  BodyPtr body;
  std::vector<IndexCheck> checks;
};

TellingBody telling_body(const BodyPtr& body, std::size_t outputs_before, bool carried) {
  const Telling inner = telling(ir::Numbered(body->graph()));
  TellingBody out{body, inner.checks};
  std::vector<Tensor> seen = inner.seen;
  for (const Told& t : told_by_nodes(ir::Numbered(inner.graph))) {
    out.checks.push_back(t.check);
    seen.push_back(t.seen);
  }
  if (seen.empty()) return out;
  std::vector<Tensor> inputs = inner.graph.inputs(), outputs = inner.graph.outputs();
  const auto at = static_cast<std::ptrdiff_t>(outputs_before);
  for (std::size_t k = 0; carried && k < seen.size(); ++k) {
    const Tensor before = ir::make_parameter(seen[k].aval(), 0, "seen");
    inputs.insert(inputs.begin() + at + static_cast<std::ptrdiff_t>(k), before);
    seen[k] = apply("maximum", {before, seen[k]});
  }
  outputs.insert(outputs.begin() + at, seen.begin(), seen.end());
  out.body = std::make_shared<Body>(Graph(std::move(inputs), std::move(outputs)));
  return out;
}

/// A loop that tells of its indices by more results, behind `at` of its own.
struct TellingLoop {
  Tensor loop;
  std::size_t at = 0;
  std::vector<IndexCheck> checks;
};

// One that repeats its body has them as carries.
TellingLoop telling_steps(const ir::NodeImpl& node, std::span<ir::NodeImpl* const> in) {
  const auto carries = static_cast<std::size_t>(node.attrs.integer("carries"));
  TellingBody body = telling_body(node.attrs.body("body"), carries, true);
  if (body.checks.empty()) return {};
  std::vector<Tensor> inputs(in.begin(), in.end());
  const std::vector<Tensor> none(body.checks.size(), none_seen(node.aval.device));
  inputs.insert(inputs.begin() + static_cast<std::ptrdiff_t>(carries), none.begin(), none.end());
  Attrs attrs = node.attrs;
  attrs.set("body", body.body);
  attrs.set("carries", static_cast<std::int64_t>(carries + none.size()));
  if (attrs.has("condition"))
    attrs.set("condition", ir::with_inputs(attrs.body("condition"), none, {}, carries));
  return {apply(*node.op, std::move(inputs), attrs), carries, std::move(body.checks)};
}

// Of two bodies the one that is not run saw nothing.
TellingLoop telling_branches(const ir::NodeImpl& node, std::span<ir::NodeImpl* const> in) {
  const std::size_t results = node.attrs.body("then")->graph().outputs().size();
  TellingBody a = telling_body(node.attrs.body("then"), results, false),
              b = telling_body(node.attrs.body("otherwise"), results, false);
  if (a.checks.empty() && b.checks.empty()) return {};
  const auto with_none = [&](const BodyPtr& body, std::size_t before, std::size_t after) {
    std::vector<Tensor> outputs = body->graph().outputs();
    const Tensor none = none_seen(node.aval.device);
    outputs.insert(outputs.begin() + static_cast<std::ptrdiff_t>(results), before, none);
    outputs.insert(outputs.end(), after, none);
    return std::make_shared<const Body>(Graph(body->graph().inputs(), std::move(outputs)));
  };
  Attrs attrs = node.attrs;
  attrs.set("then", with_none(a.body, 0, b.checks.size()));
  attrs.set("otherwise", with_none(b.body, a.checks.size(), 0));
  a.checks.insert(a.checks.end(), b.checks.begin(), b.checks.end());
  return {apply(*node.op, std::vector<Tensor>(in.begin(), in.end()), attrs), results,
          std::move(a.checks)};
}

Telling telling(const ir::Numbered& g) {
  const auto is_loop = [](const ir::NodeImpl* n) { return n->op->cls == OpClass::Loop; };
  if (std::ranges::none_of(g.nodes(), is_loop)) return {g.graph(), {}, {}};
  Telling out;
  std::map<const ir::NodeImpl*, TellingLoop> loops;
  out.graph = ir::transform(g, [&](std::size_t n, std::span<ir::NodeImpl* const> in) -> Tensor {
    const ir::NodeImpl& node = g.node(n);
    const LocScope::Override scope(node.loc);
    if (is_loop(&node)) {
      TellingLoop made =
          node.attrs.has("then") ? telling_branches(node, in) : telling_steps(node, in);
      if (made.checks.empty()) return {};
      for (std::size_t k = 0; k < made.checks.size(); ++k) {
        out.checks.push_back(made.checks[k]);
        out.seen.push_back(
            ir::make_get(made.loop, made.at + k, {{}, DType::I64, node.aval.device}));
      }
      return loops.emplace(&node, std::move(made)).first->second.loop;
    }
    const auto loop = node.op->cls == OpClass::Get ? loops.find(node.inputs[0]) : loops.end();
    if (loop == loops.end()) return {};
    auto index = static_cast<std::size_t>(node.attrs.integer("index"));
    if (index >= loop->second.at) index += loop->second.checks.size();
    return ir::make_get(loop->second.loop, index, node.aval);
  });
  return out;
}

}  // namespace

IndexChecks add_index_checks(const ir::Numbered& given) {
  Telling inside = telling(given);
  const ir::Numbered numbered = inside.checks.empty() ? given : ir::Numbered(inside.graph);
  const Graph& g = numbered.graph();
  IndexChecks all;
  std::vector<Tensor> outputs = g.outputs(), early, indices;
  for (const Told& t : told_by_nodes(numbered)) {
    (t.simple.defined() ? early : outputs).push_back(t.seen);
    (t.simple.defined() ? all.early : all.checks).push_back(t.check);
    if (t.simple.defined()) indices.push_back(t.simple);
  }
  outputs.insert(outputs.end(), inside.seen.begin(), inside.seen.end());
  all.checks.insert(all.checks.end(), inside.checks.begin(), inside.checks.end());
  all.before = Graph(g.inputs(), std::move(early));
  all.indices = Graph(g.inputs(), std::move(indices));
  all.graph = Graph(g.inputs(), std::move(outputs));
  return all;
}

bool IndexCheck::failed(std::int64_t seen) const {
  return static_cast<std::uint64_t>(seen ^ kSignBit) >= static_cast<std::uint64_t>(high - low);
}

void IndexCheck::fail(std::int64_t seen) const {
  // Modulo 2^64, as the kernel computed it.
  const auto index = static_cast<std::uint64_t>(seen ^ kSignBit) + static_cast<std::uint64_t>(low);
  fail_index(op, loc, static_cast<std::int64_t>(index), low, high);
}

void fail_index(std::string_view op, Loc loc, std::int64_t index, std::int64_t low,
                std::int64_t high) {
  throw RunError(std::string(op),
                 fmt::format("index {} is out of range; need {} <= index < {}", index, low, high),
                 loc);
}

}  // namespace lilith::schedule
