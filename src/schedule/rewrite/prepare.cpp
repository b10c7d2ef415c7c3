#include "schedule/rewrite/prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "core/env.h"
#include "core/run_error.h"
#include "ir/node.h"
#include "ops/operand.h"
#include "passes/pipeline.h"
#include "schedule/rewrite/conv_phases.h"
#include "schedule/rewrite/long_argmax.h"
#include "schedule/rewrite/windows.h"

namespace lilith::schedule {

bool is_zero(const ir::NodeImpl* n) {
  while (n->op->name == "broadcast" || n->op->name == "reshape") n = n->inputs[0];
  if (n->op != &ir::constant_op()) return false;
  const Attr* v = n->attrs.find("value");
  if (const auto* f = std::get_if<double>(v)) return *f == 0;
  if (const auto* i = std::get_if<std::int64_t>(v)) return *i == 0;
  return false;
}

namespace {

constexpr std::array kWindowKeys = {"window", "stride", "lo", "hi", "dilation"};

bool all_equal(const std::vector<std::int64_t>& v, std::int64_t x) {
  return std::all_of(v.begin(), v.end(), [x](std::int64_t y) { return y == x; });
}

// %y = conv_general(%x, %w) {lo=[1,1] hi=[1,1]}   ->   %p = pad(%x); %y = conv_general(%p, %w)
// {lo=[0,0] …}
Tensor explicit_padding(const Node& n, const std::vector<Tensor>& in) {
  if (n.op_name() != "conv_general") return {};
  const Attrs& a = n.attrs();
  const auto &lo = a.ints("lo"), &hi = a.ints("hi"), &dilation = a.ints("lhs_dilation"),
             &spec = a.ints("lhs_spec");
  if (all_equal(lo, 0) && all_equal(hi, 0) && all_equal(dilation, 1)) return {};
  const auto rank = in[0].shape().size();
  std::vector<std::int64_t> pad_lo(rank, 0), pad_hi(rank, 0), interior(rank, 0);
  std::vector<std::int64_t> start(rank, 0), limit = in[0].shape().vec();
  bool cut = false;
  for (std::size_t s = 0; s < lo.size(); ++s) {
    const auto d = static_cast<std::size_t>(spec[2 + s]);
    interior[d] = dilation[s] - 1;
    pad_lo[d] = std::max<std::int64_t>(0, lo[s]);
    pad_hi[d] = std::max<std::int64_t>(0, hi[s]);
    start[d] = std::max<std::int64_t>(0, -lo[s]);
    limit[d] = (limit[d] - 1) * dilation[s] + 1 + pad_lo[d] + pad_hi[d] -
               std::max<std::int64_t>(0, -hi[s]);
    cut = cut || lo[s] < 0 || hi[s] < 0;
  }
  for (std::size_t d = 0; d < rank; ++d) {
    if (std::find(spec.begin() + 2, spec.end(), static_cast<std::int64_t>(d)) == spec.end())
      limit[d] = in[0].shape()[static_cast<int>(d)];
  }
  Tensor x = apply("pad", {in[0]},
                   {{"lo", pad_lo}, {"hi", pad_hi}, {"interior", interior}, {"value", 0.0}});
  // A negative padding cuts.
  if (cut)
    x = apply("slice", {x},
              {{"start", start}, {"limit", limit}, {"stride", std::vector<std::int64_t>(rank, 1)}});
  Attrs attrs = a;
  const std::vector<std::int64_t> zeros(lo.size(), 0), ones(lo.size(), 1);
  attrs.set("lo", zeros);
  attrs.set("hi", zeros);
  attrs.set("lhs_dilation", ones);
  return apply(n.op(), {x, in[1]}, attrs);
}

// %m = le(%a, 0); %r = select(%m, 0, %a); other uses of %m   ->   le(%r, 0): the same truth, and %a
// need not be kept. With gt, %r = select(gt(%a, 0), %a, 0) and other uses become gt(%r, 0).
Graph test_the_output(const Graph& g) {
  std::unordered_map<const ir::NodeImpl*, const ir::NodeImpl*> relu_of;  // mask -> its select
  for (const Node& n : g.nodes()) {
    if (n.op_name() != "select") continue;
    const ir::NodeImpl* s = n.tensor().node();
    const ir::NodeImpl *m = s->inputs[0], *yes = s->inputs[1], *no = s->inputs[2];
    if (m->inputs.size() != 2 || !is_zero(m->inputs[1])) continue;
    const bool le = m->op->name == "le" && no == m->inputs[0] && is_zero(yes);
    const bool gt = m->op->name == "gt" && yes == m->inputs[0] && is_zero(no);
    if (le || gt) relu_of.emplace(m, s);
  }
  if (relu_of.empty()) return g;
  std::unordered_map<const ir::NodeImpl*, Tensor> relu;  // old select -> new select
  return transform(g, [&](const Node& n, const std::vector<Tensor>& in) -> Tensor {
    const ir::NodeImpl* old = n.tensor().node();
    std::vector<Tensor> inputs = in;
    bool changed = false;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const ir::NodeImpl* mask = old->inputs[i];
      const auto it = relu_of.find(mask);
      if (it == relu_of.end() || it->second == old) continue;
      const auto made = relu.find(it->second);
      if (made == relu.end()) continue;  // used before the ReLU is built: keep the mask
      inputs[i] = apply(*mask->op, {made->second, inputs[i].node()->input(1)}, mask->attrs);
      changed = true;
    }
    Tensor result;
    if (changed) result = apply(n.op(), inputs, n.attrs());
    const auto own = old->inputs.empty() ? relu_of.end() : relu_of.find(old->inputs[0]);
    if (own != relu_of.end() && own->second == old) {
      if (!result.defined()) result = apply(n.op(), inputs, n.attrs());
      relu[old] = result;
    }
    return result;
  });
}

// A tensor of `aval` in place of one that holds the same constant everywhere; undefined for others.
Tensor uniform_like(const ir::NodeImpl* n, Aval aval) {
  while (n->op->name == "broadcast" || n->op->name == "reshape") n = n->inputs[0];
  if (n->op != &ir::constant_op()) return {};
  aval.dtype = n->aval.dtype;
  const Attr* v = n->attrs.find("value");
  if (const auto* f = std::get_if<double>(v))
    return ir::make_constant({Scalar::Kind::Float, 0, *f}, aval);
  if (const auto* i = std::get_if<std::int64_t>(v))
    return ir::make_constant({Scalar::Kind::Int, *i, 0}, aval);
  return {};
}

bool same_windows(const ir::NodeImpl* x, const ir::NodeImpl* y) {
  return std::all_of(kWindowKeys.begin(), kWindowKeys.end(),
                     [&](const char* key) { return x->attrs.ints(key) == y->attrs.ints(key); });
}

// A test of what a pooling read, at the places that it chose: the same test of what it gave.
Tensor test_of_winners(const ir::NodeImpl* mask, const ir::NodeImpl* unpool) {
  const ir::NodeImpl* argmax = unpool->inputs[1];
  if (argmax->op->name != "window_argmax" || !same_windows(argmax, unpool)) return {};
  if (mask->op->cls != OpClass::Elementwise || mask->inputs.size() != 2) return {};
  const Tensor read = argmax->input(0);
  Attrs window;
  for (const char* key : kWindowKeys) window.set(key, argmax->attrs.ints(key));
  const Tensor given = apply("reduce_window_max", {read}, window);
  std::vector<Tensor> inputs;
  for (const ir::NodeImpl* in : mask->inputs) {
    inputs.push_back(in == read.node() ? given : uniform_like(in, given.aval()));
    if (!inputs.back().defined()) return {};
  }
  return apply(*mask->op, inputs, mask->attrs);
}

// select(%m, 0, unpool(%x, %i)), where %m tests what %i is the argmax of   ->
//   unpool(select(%n, 0, %x), %i), where %n tests the maxima: fewer elements, and what follows sees
//   an unpool
// reduce_sum(unpool(%x, %i)) over every pooled dimension -> reduce_sum(%x)
Tensor unpool_last(const Node& n, const std::vector<Tensor>& in) {
  const auto is_unpool = [](const Tensor& t) { return t.node()->op->name == "unpool"; };
  if (n.op_name() == "select") {
    for (const std::size_t k : {std::size_t{1}, std::size_t{2}}) {
      if (!is_unpool(in[k]) || !is_zero(in[3 - k].node())) continue;
      const ir::NodeImpl* u = in[k].node();
      const Tensor test = test_of_winners(in[0].node(), u);
      if (!test.defined()) continue;
      const Tensor x = u->input(0), zero = uniform_like(in[3 - k].node(), x.aval());
      return apply(*u->op,
                   {apply("select", {test, k == 1 ? x : zero, k == 1 ? zero : x}), u->input(1)},
                   u->attrs);
    }
  }
  if (n.op_name() == "reduce_sum" && is_unpool(in[0])) {
    const ir::NodeImpl* u = in[0].node();
    const auto &axes = n.attrs().ints("axes"), &window = u->attrs.ints("window");
    for (std::size_t d = 0; d < window.size(); ++d) {
      const bool padded = u->attrs.ints("lo")[d] != 0 || u->attrs.ints("hi")[d] > 0;
      const bool summed =
          std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(d)) != axes.end();
      const bool whole = window[d] == 1 && u->attrs.ints("stride")[d] == 1;
      if (padded || (!summed && !whole)) return {};
    }
    return apply(n.op(), {u->input(0)}, n.attrs());
  }
  return {};
}

// What follows from inputs by elementwise and view ops alone: cheap to compute twice.
std::unordered_set<const ir::NodeImpl*> simple_nodes(const Graph& g) {
  std::unordered_set<const ir::NodeImpl*> simple;
  for (const Node& node : g.nodes()) {
    const ir::NodeImpl* n = node.tensor().node();
    const OpClass c = n->op->cls;
    if ((c == OpClass::Leaf || c == OpClass::Elementwise || c == OpClass::View) &&
        std::all_of(n->inputs.begin(), n->inputs.end(),
                    [&](const ir::NodeImpl* in) { return in->is_leaf() || simple.contains(in); }))
      simple.insert(n);
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
  if (test->op->name != "lt" || test->inputs[0] != raw || !is_zero(test->inputs[1]) ||
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

// gather(%x, %i): max((%i - low) ^ sign bit) tells of an index outside.
void add_checks(Prepared* p) {
  const auto simple_index = simple_nodes(p->graph);
  std::set<std::tuple<const ir::NodeImpl*, std::int64_t, std::int64_t>> done;
  std::vector<Tensor> outputs = p->graph.outputs(), early;
  for (const Node& n : p->graph.nodes()) {
    if (n.op_name() != "gather" && n.op_name() != "scatter_add") continue;
    const ir::NodeImpl& node = *n.tensor().node();
    const std::int64_t size =
        node.inputs[0]->aval.shape[static_cast<int>(n.attrs().integer("axis"))];
    auto [index, wrap] = unwrapped(source_of(node.input(1)));
    if (wrap != size) std::tie(index, wrap) = std::pair(source_of(node.input(1)), 0);
    if (node.inputs[1]->aval.numel() == 0 || !done.emplace(index.node(), wrap, size).second)
      continue;
    const auto constant = [&, aval = index.aval()](std::int64_t v) {
      return ir::make_constant({Scalar::Kind::Int, v, 0}, aval);
    };
    Tensor place = index;
    if (wrap != 0) place = apply("add", {place, constant(wrap)});
    place = apply("xor", {place, constant(kSignBit)});
    std::vector<std::int64_t> axes(index.shape().size());
    std::iota(axes.begin(), axes.end(), 0);
    const bool simple = index.node()->is_leaf() || simple_index.contains(index.node());
    (simple ? early : outputs)
        .push_back(axes.empty() ? place : apply("reduce_max", {place}, {{"axes", axes}}));
    (simple ? p->early_checks : p->checks).push_back({n.op().name.c_str(), n.loc(), -wrap, size});
  }
  p->before = Graph(p->graph.inputs(), std::move(early));
  p->graph = Graph(p->graph.inputs(), std::move(outputs));
}

}  // namespace

bool Prepared::Check::failed(std::int64_t seen) const {
  return static_cast<std::uint64_t>(seen ^ kSignBit) >= static_cast<std::uint64_t>(high - low);
}

void Prepared::Check::fail(std::int64_t seen) const {
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

Prepared prepare(const Graph& g) {
  Prepared p;
  p.graph = g;
  for (const auto rewrite : {split_phases, explicit_padding, split_windows, split_argmax})
    p.graph = transform(p.graph, rewrite);
  p.graph = test_the_output(passes::cse(p.graph));
  if (!env::disabled("sparse")) p.graph = passes::cse(transform(p.graph, unpool_last));
  add_checks(&p);
  return p;
}

}  // namespace lilith::schedule
