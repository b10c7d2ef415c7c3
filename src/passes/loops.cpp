// Loops: those that do the same become one, results that nobody reads go away, and what is the same
// in all steps is no carry.
//
//   %1 = scan(%c, %x) {body: c' = f(c, x), y = c'}      |  %2 = scan(%c, %x) {y = c'; z = g(c, x)}
//   %2 = scan(%c, %x) {the same, and z = g(c, x)}       |  %3 = get(%2) {index=0}     (a row of y)
//   %3 = get(%1) {index=0}                              |
#include <algorithm>
#include <map>
#include <optional>

#include "ir/node_map.h"
#include "ir/rebuild.h"
#include "ops/primitives.h"
#include "passes/pipeline.h"
#include "passes/rules.h"
#include "transforms/graph_copy.h"
#include "transforms/loops.h"

namespace lilith::passes {
namespace {

using ir::NodeImpl;
using I = std::int64_t;
using Tensors = std::vector<Tensor>;

// ---- Two scans that take the same. ----

/// The body of both: the results of `a`, then those of `b` behind its carries. None where their
/// carries are not the same.
std::optional<BodyPtr> joined(const Graph& a, const Graph& b, std::size_t carries) {
  Tensors outputs = a.outputs();
  const Tensors of_b = b(a.inputs());
  outputs.insert(outputs.end(), of_b.begin(), of_b.end());
  const Graph both = cse(ir::Numbered(Graph(a.inputs(), outputs)));
  Tensors made = both.outputs();
  const auto second = made.begin() + static_cast<std::ptrdiff_t>(a.outputs().size());
  for (std::size_t k = 0; k < carries; ++k)
    if (made[k].node() != second[static_cast<std::ptrdiff_t>(k)].node()) return {};
  made.erase(second, second + static_cast<std::ptrdiff_t>(carries));
  return std::make_shared<Body>(Graph(a.inputs(), std::move(made)));
}

bool takes_the_same(const NodeImpl& a, const NodeImpl& b) {
  if (a.op != &ir::scan_op() || b.op != &ir::scan_op() || a.inputs != b.inputs) return false;
  const ir::ScanAttrs x(a.attrs), y(b.attrs);
  return x.carries == y.carries && x.xs == y.xs && x.length == y.length && x.reverse == y.reverse;
}

/// Which scans become one: for each of them the first, and where its results behind the carries
/// begin.
struct Merged {
  std::map<const NodeImpl*, std::pair<const NodeImpl*, std::size_t>> first_of;
  std::map<const NodeImpl*, BodyPtr> body_of;  // of the first ones
};

Merged find_merged(const ir::Numbered& g) {
  Merged merged;
  std::vector<NodeImpl*> firsts;
  for (NodeImpl* node : g.nodes()) {
    if (node->op != &ir::scan_op()) continue;
    const auto first =
        std::ranges::find_if(firsts, [&](NodeImpl* f) { return takes_the_same(*f, *node); });
    if (first == firsts.end()) {
      firsts.push_back(node);
      continue;
    }
    const ir::ScanAttrs a((*first)->attrs), b(node->attrs);
    const auto known = merged.body_of.find(*first);
    const BodyPtr before = known != merged.body_of.end() ? known->second : a.body;
    const auto body = joined(before->graph(), b.body->graph(), a.carries);
    if (!body) continue;
    merged.first_of[node] = {*first, before->graph().outputs().size()};
    merged.body_of[*first] = *body;
  }
  return merged;
}

Graph merge(const ir::Numbered& g) {
  const Merged merged = find_merged(g);
  if (merged.first_of.empty()) return g.graph();
  std::map<const NodeImpl*, Tensor> made;
  return ir::transform(g, [&](std::size_t n, std::span<NodeImpl* const> in) -> Tensor {
    NodeImpl& node = g.node(n);
    const LocScope::Override scope(node.loc);
    if (const auto body = merged.body_of.find(&node); body != merged.body_of.end()) {
      ir::ScanAttrs a(node.attrs);
      a.body = body->second;
      return made[&node] = apply(ir::scan_op(), Tensors(in.begin(), in.end()), a.attrs());
    }
    if (node.op->cls != OpClass::Get) return {};
    const auto at = merged.first_of.find(node.inputs[0]);
    if (at == merged.first_of.end()) return {};
    const auto carries = static_cast<std::size_t>(node.inputs[0]->attrs.integer("carries"));
    auto index = static_cast<std::size_t>(node.attrs.integer("index"));
    if (index >= carries) index += at->second.second - carries;
    return ir::make_get(made.at(at->second.first), index, node.aval);
  });
}

// ---- What a scan need not do. ----

/// A scan without what nobody asks for, and where its results went.
class Reduced {
 public:
  Reduced(const NodeImpl& node, const std::vector<char>& asked)
      : node_(node), a_(node.attrs), body_(a_.body->graph()), asked_(asked) {
    const std::size_t n = body_.outputs().size();
    find_same_outputs();
    // The carry after the last step is the last row of a y that is the same.
    needed_.assign(n, 0);
    for (std::size_t k = 0; k < n; ++k)
      if (asked[k] && !unchanged(k) && !is_operand(k)) needed_[source(k)] = 1;
    for (bool more = true; more;) {
      more = false;
      find_read();
      for (std::size_t k = 0; k < a_.carries; ++k) {
        if (unchanged(k) || !read_[k] || needed_[k]) continue;
        needed_[k] = 1;
        more = true;
      }
    }
  }

  bool changes() const {
    for (std::size_t k = 0; k < needed_.size(); ++k)
      if (!needed_[k] || (k < a_.carries && asked_[k] && source(k) != k)) return true;
    for (std::size_t k = a_.carries; k < read_.size(); ++k)
      if (!read_[k] || sinks(k)) return true;
    return false;
  }

  /// On these operands.
  Tensor build(std::span<NodeImpl* const> in) {
    Tensors inputs, parameters, outputs, constants_of, constants;
    ir::ScanAttrs a = a_;
    a.carries = a.xs = 0;
    const auto take = [&](std::size_t k) {
      inputs.emplace_back(in[k]);
      parameters.push_back(body_.inputs()[k]);
    };
    for (std::size_t k = 0; k < a_.carries; ++k)
      if (needed_[k]) take(k), ++a.carries;
    for (std::size_t k = a_.carries; k < a_.carries + a_.xs; ++k)
      if (read_[k]) take(k), ++a.xs;
    for (std::size_t k = 0; k < read_.size(); ++k) {
      if (k < a_.carries ? !unchanged(k) : k < a_.carries + a_.xs) continue;
      if (!read_[k]) continue;
      if (sinks(k)) {
        constants_of.push_back(body_.inputs()[k]);
        constants.emplace_back(in[k]);
      } else {
        take(k);
      }
    }
    const Tensors old = with_constants(constants_of, constants);
    place_.assign(needed_.size(), 0);
    for (std::size_t k = 0; k < needed_.size(); ++k) {
      if (!needed_[k]) continue;
      place_[k] = outputs.size();
      outputs.push_back(old[k]);
    }
    a.body = std::make_shared<Body>(Graph(std::move(parameters), std::move(outputs)));
    for (NodeImpl* input : in) in_.emplace_back(input);
    if (a.body->graph().outputs().empty()) return {};
    return made_ = apply(ir::scan_op(), std::move(inputs), a.attrs());
  }

  /// What a result has become.
  Tensor result(std::size_t k, const Aval& aval) const {
    if (unchanged(k)) return in_[k];
    if (is_operand(k)) return all_rows_of(operand_of(k), aval);
    const std::size_t from = source(k);
    if (from < a_.carries || k >= a_.carries) return ir::make_get(made_, place_[from], aval);
    Aval all = aval;
    all.shape.insert(0, a_.length);
    const Tensor ys = ir::make_get(made_, place_[from], all);
    const I last = a_.reverse ? 0 : a_.length - 1;
    return reshape(ops::slice_dim(ys, 0, last, last + 1), aval.shape);
  }

 private:
  // A carry that a step leaves as it is.
  bool unchanged(std::size_t k) const {
    return k < a_.carries && body_.outputs()[k].node() == body_.inputs()[k].node();
  }
  // A y that is a row of xs, or what all steps share.
  bool is_operand(std::size_t k) const {
    const NodeImpl* n = body_.outputs()[k].node();
    return k >= a_.carries && n->op == &ir::parameter_op() && operand_of(k) >= a_.carries;
  }
  std::size_t operand_of(std::size_t k) const {
    const NodeImpl* n = body_.outputs()[k].node();
    return static_cast<std::size_t>(
        std::ranges::find_if(body_.inputs(), [&](const Tensor& t) { return t.node() == n; }) -
        body_.inputs().begin());
  }
  Tensor all_rows_of(std::size_t operand, const Aval& aval) const {
    if (operand < a_.carries + a_.xs) return in_[operand];
    Ints dims;
    for (I d = 1; d < aval.shape.rank(); ++d) dims.push_back(d);
    return ops::make_broadcast(in_[operand], aval.shape, dims);
  }
  // A number for all steps.
  bool sinks(std::size_t k) const {
    return (k >= a_.carries + a_.xs || unchanged(k)) && is_constant(*node_.inputs[k]);
  }

  // By output: the y that has its value.
  void find_same_outputs() {
    ir::NodeMap<std::size_t> y(body_.outputs().size());
    for (std::size_t k = a_.carries; k < body_.outputs().size(); ++k)
      if (!is_operand(k)) y.insert(body_.outputs()[k].node(), k);
    for (std::size_t k = 0; k < body_.outputs().size(); ++k) {
      const std::size_t* at = y.find(body_.outputs()[k].node());
      same_.push_back(at ? *at : k);
    }
  }
  std::size_t source(std::size_t k) const { return same_[k]; }

  void find_read() {
    Tensors outputs;
    for (std::size_t k = 0; k < needed_.size(); ++k)
      if (needed_[k]) outputs.push_back(body_.outputs()[k]);
    ir::NodeMap<char> reached(64);
    for (const NodeImpl* n : ir::topological_order(outputs)) reached.insert(n, 1);
    read_.clear();
    for (const Tensor& t : body_.inputs()) read_.push_back(reached.contains(t.node()) ? 1 : 0);
  }

  Tensors with_constants(const Tensors& of, const Tensors& constants) const {
    if (of.empty()) return body_.outputs();
    ir::NodeMap<Tensor> by(of.size());
    for (std::size_t k = 0; k < of.size(); ++k) by.insert(of[k].node(), constants[k]);
    Tensors in;
    for (const Tensor& t : body_.inputs()) {
      const Tensor* constant = by.find(t.node());
      in.push_back(constant ? *constant : t);
    }
    return body_(in);
  }

  const NodeImpl& node_;
  const ir::ScanAttrs a_;
  const Graph& body_;
  const std::vector<char> asked_;
  std::vector<std::size_t> same_;
  std::vector<char> needed_, read_;  // by output, by input
  std::vector<std::size_t> place_;   // by output: which one it is now
  Tensors in_;
  Tensor made_;
};

Graph reduce(const ir::Numbered& g) {
  std::map<const NodeImpl*, std::vector<char>> asked;
  for (const NodeImpl* node : g.nodes()) {
    if (node->op == &ir::scan_op())
      asked[node].resize(node->attrs.body("body")->graph().outputs().size());
    if (node->op->cls == OpClass::Get && node->inputs[0]->op == &ir::scan_op())
      asked[node->inputs[0]][static_cast<std::size_t>(node->attrs.integer("index"))] = 1;
  }
  std::map<const NodeImpl*, Reduced> reduced;
  for (const auto& [node, results] : asked) {
    Reduced r(*node, results);
    if (r.changes()) reduced.emplace(node, std::move(r));
  }
  if (reduced.empty()) return g.graph();
  return ir::transform(g, [&](std::size_t n, std::span<NodeImpl* const> in) -> Tensor {
    NodeImpl& node = g.node(n);
    const LocScope::Override scope(node.loc);
    if (const auto r = reduced.find(&node); r != reduced.end()) return r->second.build(in);
    if (node.op->cls != OpClass::Get) return {};
    const auto r = reduced.find(node.inputs[0]);
    if (r == reduced.end()) return {};
    return r->second.result(static_cast<std::size_t>(node.attrs.integer("index")), node.aval);
  });
}

// ---- Products that need not wait for the steps. ----

/// dot_general of an operand of all steps, its first dimension, and one that they share.
Tensor product_of_rows(const NodeImpl& product, std::size_t rows_at, const Tensor& rows,
                       const Tensor& other) {
  Attrs attrs = product.attrs;
  const char* side = rows_at == 0 ? "lhs" : "rhs";
  std::size_t batch = 0;
  for (const char* kind : {"_batch", "_contract"}) {
    Ints dims = attrs.ints(std::string(side) + kind);
    if (std::string_view(kind) == "_batch") batch = dims.size();
    for (I& d : dims) ++d;
    attrs.set(std::string(side) + kind, dims);
  }
  const Tensor made = rows_at == 0 ? apply("dot_general", {rows, other}, attrs)
                                   : apply("dot_general", {other, rows}, attrs);
  // The steps stand behind the batch, and behind what the first operand has for itself.
  std::size_t at = batch;
  if (rows_at == 1)
    at = product.aval.shape.size() -
         (product.inputs[1]->aval.shape.size() - batch - product.attrs.ints("rhs_contract").size());
  Ints perm{static_cast<I>(at)};
  for (std::size_t d = 0; d < made.shape().size(); ++d)
    if (d != at) perm.push_back(static_cast<I>(d));
  return transpose(made, perm);
}

/// Products of a row of xs with what is the same in all steps are one product in front of the loop;
/// those that are results alone, one behind it.
class Moved {
 public:
  explicit Moved(const NodeImpl& node)
      : a_(node.attrs), body_(a_.body->graph()), outputs_(body_.outputs()) {
    find_levels();
    for (std::size_t y = a_.carries; y < outputs_.size(); ++y) find_behind(y);
    for (const Node& n : body_.nodes()) {
      NodeImpl* product = n.tensor().node();
      if (!is(*product, "dot_general")) continue;
      for (const std::size_t k : {0, 1}) {
        const NodeImpl* row = product->inputs[k];
        if (!is_row(row) || !is_shared(product->inputs[1 - k])) continue;
        if (is_better_inside(*product, *row)) continue;
        front_.push_back({product, k});
        break;
      }
    }
  }

  bool changes() const { return !front_.empty() || !behind_.empty(); }

  Tensor build(std::span<NodeImpl* const> in) {
    for (NodeImpl* t : in) in_.emplace_back(t);
    Tensors inputs = in_, parameters = body_.inputs(), products, by;
    const auto xs_end = static_cast<std::ptrdiff_t>(a_.carries + a_.xs);
    for (std::size_t k = 0; k < front_.size(); ++k) {
      const auto& [product, at] = front_[k];
      const Tensor rows = in_[place_of(product->inputs[at])];
      products.emplace_back(product);
      by.push_back(ir::make_parameter(product->aval, 0, ""));
      const auto to = xs_end + static_cast<std::ptrdiff_t>(k);
      inputs.insert(inputs.begin() + to,
                    product_of_rows(*product, at, rows, outside(product->inputs[1 - at])));
      parameters.insert(parameters.begin() + to, by.back());
    }
    ir::ScanAttrs a = a_;
    a.xs += front_.size();
    a.body = std::make_shared<Body>(
        Graph(std::move(parameters), ir::copy_between(outputs_, products, by)));
    return made_ = apply(ir::scan_op(), std::move(inputs), a.attrs());
  }

  Tensor result(std::size_t k, const Aval& aval) const {
    const auto at = behind_.find(k);
    if (at == behind_.end()) return ir::make_get(made_, k, aval);
    const auto& [product, row_at] = at->second;
    Aval rows = product->inputs[row_at]->aval;
    rows.shape.insert(0, a_.length);
    return product_of_rows(*product, row_at, ir::make_get(made_, k, rows),
                           outside(product->inputs[1 - row_at]));
  }

 private:
  struct Place {
    NodeImpl* product;
    std::size_t row;  // which operand differs from step to step
  };

  std::size_t place_of(const NodeImpl* input) const {
    return static_cast<std::size_t>(
        std::ranges::find_if(body_.inputs(), [&](const Tensor& t) { return t.node() == input; }) -
        body_.inputs().begin());
  }
  bool is_row(const NodeImpl* n) const {
    const std::size_t k = n->op == &ir::parameter_op() ? place_of(n) : 0;
    return n->op == &ir::parameter_op() && k >= a_.carries && k < a_.carries + a_.xs;
  }
  bool is_shared(const NodeImpl* n) const { return !differs_.contains(n); }

  // What differs from step to step, and how many nodes and results read each.
  void find_levels() {
    for (std::size_t k = 0; k < a_.carries + a_.xs; ++k)
      differs_.insert(body_.inputs()[k].node(), 1);
    for (const NodeImpl* n : ir::topological_order(outputs_)) {
      for (const NodeImpl* in : n->inputs) {
        ++uses_[in];
        if (differs_.contains(in)) differs_.insert(n, 1);
      }
    }
    for (const Tensor& t : outputs_) ++uses_[t.node()];
  }

  // A step of many elements gains nothing, and those of all steps would be kept.
  static bool is_better_inside(const NodeImpl& product, const NodeImpl& row) {
    constexpr I kMany = 1 << 17, kMore = 8;
    const I n = product.aval.numel();
    return n >= kMany && n > kMore * row.aval.numel();
  }

  // Where the rows that are given instead are given anyway, or take little more memory.
  void find_behind(std::size_t y) {
    constexpr I kMore = 2;
    NodeImpl* product = outputs_[y].node();
    if (!is(*product, "dot_general") || uses_[product] != 1) return;
    for (const std::size_t k : {0, 1}) {
      NodeImpl* row = product->inputs[k];
      if (is_shared(row) || is_row(row) || !is_shared(product->inputs[1 - k])) continue;
      const bool given =
          std::ranges::any_of(body_.outputs(), [&](const Tensor& t) { return t.node() == row; });
      if (!given && row->aval.numel() > kMore * product->aval.numel()) return;
      behind_[y] = {product, k};
      outputs_[y] = Tensor(row);
    }
  }

  // A value that all steps share, of the scan's operands.
  Tensor outside(NodeImpl* n) const {
    return ir::copy_between({Tensor(n)}, body_.inputs(), in_)[0];
  }

  const ir::ScanAttrs a_;
  const Graph& body_;
  Tensors outputs_;
  ir::NodeMap<char> differs_{64};
  ir::NodeMap<int> uses_{64};
  std::vector<Place> front_;
  std::map<std::size_t, Place> behind_;  // by result
  Tensors in_;
  Tensor made_;
};

Graph move_products(const ir::Numbered& g) {
  std::map<const NodeImpl*, Moved> moved;
  for (const NodeImpl* node : g.nodes()) {
    if (node->op != &ir::scan_op()) continue;
    Moved m(*node);
    if (m.changes()) moved.emplace(node, std::move(m));
  }
  if (moved.empty()) return g.graph();
  return ir::transform(g, [&](std::size_t n, std::span<NodeImpl* const> in) -> Tensor {
    NodeImpl& node = g.node(n);
    const LocScope::Override scope(node.loc);
    if (const auto m = moved.find(&node); m != moved.end()) return m->second.build(in);
    const auto m = node.op->cls == OpClass::Get ? moved.find(node.inputs[0]) : moved.end();
    if (m == moved.end()) return {};
    return m->second.result(static_cast<std::size_t>(node.attrs.integer("index")), node.aval);
  });
}

}  // namespace

Graph loops(const ir::Numbered& g) {
  if (!g.has(OpClass::Loop)) return g.graph();
  const ir::Numbered merged = g.next(merge(g));
  const ir::Numbered reduced = merged.next(reduce(merged));
  return move_products(reduced);
}

Graph with_bodies(const ir::Numbered& g, const std::function<Graph(const Graph&)>& f) {
  if (!g.has(OpClass::Loop)) return g.graph();
  return ir::transform(g, [&](std::size_t n, std::span<NodeImpl* const> in) -> Tensor {
    NodeImpl& node = g.node(n);
    if (node.op->cls != OpClass::Loop) return {};
    return Tensor(new NodeImpl(
        node.op, Tensors(in.begin(), in.end()),
        ir::map_bodies(
            node.attrs,
            [&](const BodyPtr& body) { return std::make_shared<const Body>(f(body->graph())); }),
        node.aval, node.loc));
  });
}

}  // namespace lilith::passes
