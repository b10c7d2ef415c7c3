#include "schedule/rewrite/index_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>
#include <tuple>

#include "core/run_error.h"
#include "ir/node.h"
#include "ops/operand.h"
#include "passes/rules.h"
#include "schedule/rewrite/index_range.h"
#include "schedule/rewrite/rewrites.h"

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

IndexChecks add_index_checks(const ir::Numbered& numbered) {
  const Graph& g = numbered.graph();
  IndexChecks all;
  const std::vector<char> simple_index = simple_nodes(numbered);
  const std::vector<std::optional<IndexRange>> ranges = index_ranges(numbered);
  std::set<std::tuple<const ir::NodeImpl*, std::int64_t, std::int64_t>> done;
  std::vector<Tensor> outputs = g.outputs(), early, indices;
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
    (simple ? early : outputs)
        .push_back(axes.empty() ? place : apply("reduce_max", {place}, {{"axes", axes}}));
    (simple ? all.early : all.checks).push_back(check);
    if (simple) indices.push_back(index);
  }
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
