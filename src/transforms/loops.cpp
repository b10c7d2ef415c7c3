#include "transforms/loops.h"

#include <algorithm>

#include "ir/node_map.h"
#include "ir/op_registry.h"
#include "ir/reference.h"
#include "ops/define.h"
#include "transforms/markers.h"
#include "transforms/vmap.h"

namespace lilith::ir {
namespace {

using I = std::int64_t;
using Values = std::vector<RefTensor>;

I count(const InferCtx& c, std::string_view key) {
  const I n = c.attrs.integer(key);
  LILITH_CHECK(n >= 0 && n <= std::ssize(c.in), "{}: {} is {}, of {} operands", c.op, key, n,
               c.in.size());
  return n;
}

void check_body(const InferCtx& c, std::string_view key, std::span<const Aval> in) {
  const std::vector<Tensor>& wanted = c.attrs.body(key)->graph().inputs();
  LILITH_CHECK(wanted.size() == in.size(), "{}: the {} takes {} values; got {}", c.op, key,
               wanted.size(), in.size());
  for (std::size_t i = 0; i < in.size(); ++i)
    LILITH_CHECK(wanted[i].aval() == in[i], "{}: value {} of the {} is {}; need {}", c.op, i, key,
                 in[i].str(), wanted[i].aval().str());
}

// What a body makes of the first operands has their avals.
void check_carries(const InferCtx& c, std::string_view key, std::size_t carries) {
  const std::vector<Tensor>& made = c.attrs.body(key)->graph().outputs();
  LILITH_CHECK(made.size() >= carries, "{}: the {} gives {} values; need the {} carries", c.op, key,
               made.size(), carries);
  for (std::size_t k = 0; k < carries; ++k)
    LILITH_CHECK(made[k].aval() == c.in[k], "{}: carry {} is {} before a step and {} after it",
                 c.op, k, c.in[k].str(), made[k].aval().str());
}

std::vector<Aval> avals_of(const std::vector<Tensor>& tensors) {
  std::vector<Aval> out;
  for (const Tensor& t : tensors) out.push_back(t.aval());
  return out;
}

// All of a Loop's results, as one value: it has none of its own.
Aval of_all(const InferCtx& c, std::string_view key) {
  const std::vector<Tensor>& made = c.attrs.body(key)->graph().outputs();
  const Device device = !c.in.empty() ? c.in[0].device : made.empty() ? cpu() : made[0].device();
  return {.shape = {}, .dtype = DType::Bool, .device = device};
}

// ---- scan ----

Aval row_of(const InferCtx& c, const Aval& x, I length) {
  LILITH_CHECK(x.shape.rank() > 0 && x.shape[0] == length,
               "{}: it takes {} steps along the first dimension of {}", c.op, length, x.str());
  Aval row = x;
  row.shape.erase(0);
  return row;
}

Aval infer_scan(const InferCtx& c) {
  const I carries = count(c, "carries"), xs = count(c, "xs"), length = c.attrs.integer("length");
  LILITH_CHECK(carries + xs <= std::ssize(c.in), "{}: {} carries and {} xs, of {} operands", c.op,
               carries, xs, c.in.size());
  LILITH_CHECK(length > 0, "{}: length is {}; need a positive one", c.op, length);
  static_cast<void>(c.attrs.flag("reverse"));
  std::vector<Aval> in(c.in.begin(), c.in.end());
  for (I k = carries; k < carries + xs; ++k) {
    Aval& x = in[static_cast<std::size_t>(k)];
    x = row_of(c, x, length);
  }
  check_body(c, "body", in);
  check_carries(c, "body", static_cast<std::size_t>(carries));
  return of_all(c, "body");
}

std::vector<Aval> scan_results(const InferCtx& c) {
  std::vector<Aval> out = avals_of(c.attrs.body("body")->graph().outputs());
  for (auto k = static_cast<std::size_t>(c.attrs.integer("carries")); k < out.size(); ++k)
    out[k].shape.insert(0, c.attrs.integer("length"));
  return out;
}

void copy_row(const RefTensor& from, I at, RefTensor& to, I row, I elements) {
  for (I e = 0; e < elements; ++e)
    ops::copy_element(to, row * elements + e, from, at * elements + e);
}

RunBody runner(const RefCtx& c) { return c.run ? c.run : &interpret; }

Values operands(const RefCtx& c, std::size_t from = 0) {
  Values out;
  for (std::size_t i = from; i < c.in.size(); ++i) out.push_back(*c.in[i]);
  return out;
}

void run_scan(RefCtx& c) {
  const ScanAttrs a(c.attrs);
  const Graph& body = a.body->graph();
  Values in = operands(c);
  for (std::size_t k = a.carries; k < a.carries + a.xs; ++k)
    in[k] = RefTensor(body.inputs()[k].aval());
  std::vector<Aval> avals;
  for (const RefTensor* t : c.in) avals.push_back(t->aval);
  for (const Aval& aval : scan_results({"scan", avals, c.attrs})) c.out.results.emplace_back(aval);
  for (I step = 0; step < a.length; ++step) {
    const I row = a.reverse ? a.length - 1 - step : step;
    for (std::size_t k = a.carries; k < a.carries + a.xs; ++k)
      copy_row(*c.in[k], row, in[k], 0, in[k].aval.numel());
    Values made = runner(c)(body, in);
    for (std::size_t k = a.carries; k < made.size(); ++k)
      copy_row(made[k], 0, c.out.results[k], row, made[k].aval.numel());
    for (std::size_t k = 0; k < a.carries; ++k) in[k] = std::move(made[k]);
  }
  for (std::size_t k = 0; k < a.carries; ++k) c.out.results[k] = std::move(in[k]);
}

// ---- while_loop ----

Aval infer_while(const InferCtx& c) {
  const auto carries = static_cast<std::size_t>(count(c, "carries"));
  check_body(c, "condition", c.in);
  check_body(c, "body", c.in);
  check_carries(c, "body", carries);
  LILITH_CHECK(c.attrs.body("body")->graph().outputs().size() == carries,
               "{}: the body gives more than the {} carries", c.op, carries);
  const std::vector<Aval> said = avals_of(c.attrs.body("condition")->graph().outputs());
  LILITH_CHECK(said.size() == 1 && said[0].shape.empty() && said[0].dtype == DType::Bool,
               "{}: the condition is {}; need bool[]", c.op,
               said.size() == 1 ? said[0].str() : fmt::format("{} values", said.size()));
  return of_all(c, "body");
}

std::vector<Aval> while_results(const InferCtx& c) {
  return avals_of(c.attrs.body("body")->graph().outputs());
}

void run_while(RefCtx& c) {
  const Graph &condition = c.attrs.body("condition")->graph(),
              &body = c.attrs.body("body")->graph();
  const auto carries = static_cast<std::size_t>(c.attrs.integer("carries"));
  Values in = operands(c);
  while (runner(c)(condition, in)[0].i[0] != 0) {
    Values made = runner(c)(body, in);
    std::ranges::move(made, in.begin());
  }
  for (std::size_t k = 0; k < carries; ++k) c.out.results.push_back(std::move(in[k]));
}

// ---- cond ----

Aval infer_cond(const InferCtx& c) {
  LILITH_CHECK(!c.in.empty() && c.in[0].shape.empty() && c.in[0].dtype == DType::Bool,
               "{}: the predicate is {}; need bool[]", c.op, c.in.empty() ? "none" : c.in[0].str());
  check_body(c, "then", c.in.subspan(1));
  check_body(c, "otherwise", c.in.subspan(1));
  const std::vector<Aval> a = avals_of(c.attrs.body("then")->graph().outputs()),
                          b = avals_of(c.attrs.body("otherwise")->graph().outputs());
  LILITH_CHECK(a.size() == b.size(), "{}: one branch gives {} values, the other {}", c.op, a.size(),
               b.size());
  for (std::size_t k = 0; k < a.size(); ++k)
    LILITH_CHECK(a[k] == b[k], "{}: value {} is {} in one branch and {} in the other", c.op, k,
                 a[k].str(), b[k].str());
  return of_all(c, "then");
}

std::vector<Aval> cond_results(const InferCtx& c) {
  return avals_of(c.attrs.body("then")->graph().outputs());
}

void run_cond(RefCtx& c) {
  const BodyPtr& branch = c.attrs.body(c.in[0]->i[0] != 0 ? "then" : "otherwise");
  c.out.results = runner(c)(branch->graph(), operands(c, 1));
}

// ---- get ----

Aval infer_get(const InferCtx& c) {
  LILITH_CHECK(c.attrs.integer("index") >= 0, "{}: index is {}", c.op, c.attrs.integer("index"));
  return {
      .shape = c.attrs.ints("shape"), .dtype = c.attrs.dtype("dtype"), .device = c.in[0].device};
}

void run_get(RefCtx& c) {
  const auto index = static_cast<std::size_t>(c.attrs.integer("index"));
  LILITH_CHECK(index < c.in[0]->results.size(), "get: there is no result {}", index);
  c.out = c.in[0]->results[index];
}

}  // namespace

ScanAttrs::ScanAttrs(const Attrs& a)
    : body(a.body("body")),
      carries(static_cast<std::size_t>(a.integer("carries"))),
      xs(static_cast<std::size_t>(a.integer("xs"))),
      length(a.integer("length")),
      reverse(a.flag("reverse")) {}

Attrs ScanAttrs::attrs() const {
  return {{"body", body},
          {"carries", static_cast<I>(carries)},
          {"length", length},
          {"reverse", reverse},
          {"xs", static_cast<I>(xs)}};
}

const OpDef& scan_op() {
  static const OpDef& op =
      register_builtin({.name = "scan",
                        .arity = -1,
                        .cls = OpClass::Loop,
                        .infer = infer_scan,
                        .vjp = [](const VjpCtx& c, const Tensor&) { return scan_vjp(c); },
                        .reference = run_scan,
                        .results = scan_results,
                        .batch = scan_batch});
  return op;
}

const OpDef& while_op() {
  static const OpDef& op = register_builtin(
      {.name = "while_loop",
       .arity = -1,
       .cls = OpClass::Loop,
       .infer = infer_while,
       .no_vjp_reason = "the number of its steps is not known before it runs, so that what the "
                        "backward pass needs of each has no place; scan has a fixed number",
       .reference = run_while,
       .results = while_results,
       .batch = while_batch});
  return op;
}

const OpDef& cond_op() {
  static const OpDef& op =
      register_builtin({.name = "cond",
                        .arity = -1,
                        .cls = OpClass::Loop,
                        .infer = infer_cond,
                        .vjp = [](const VjpCtx& c, const Tensor&) { return cond_vjp(c); },
                        .reference = run_cond,
                        .results = cond_results,
                        .batch = cond_batch});
  return op;
}

const OpDef& get_op() {
  static const OpDef& op =
      register_builtin({.name = "get",
                        .arity = 1,
                        .cls = OpClass::Get,
                        .infer = infer_get,
                        .no_vjp_reason = "its cotangent is a part of the loop's",
                        .reference = run_get,
                        .cost = 0});
  return op;
}

namespace {
[[maybe_unused]] const OpDef* const kLoops[] = {&scan_op(), &while_op(), &cond_op(), &get_op()};
}  // namespace

std::vector<Aval> result_avals(const NodeImpl& loop) {
  std::vector<Aval> in;
  for (const NodeImpl* input : loop.inputs) in.push_back(input->aval);
  return loop.op->results({loop.op->name, in, loop.attrs});
}

Tensor make_get(const Tensor& loop, std::size_t index, const Aval& aval) {
  return apply(
      get_op(), {loop},
      {{"dtype", aval.dtype}, {"index", static_cast<I>(index)}, {"shape", aval.shape.vec()}});
}

std::vector<Tensor> apply_loop(const OpDef& op, std::vector<Tensor> inputs, Attrs attrs) {
  const Tensor loop = apply(op, std::move(inputs), std::move(attrs));
  std::vector<Tensor> out;
  for (const Aval& aval : result_avals(*loop.node()))
    out.push_back(make_get(loop, out.size(), aval));
  return out;
}

std::vector<Tensor> fresh_parameters(const std::vector<Aval>& avals) {
  std::vector<Tensor> out;
  for (const Aval& aval : avals) out.push_back(make_parameter(aval, std::ssize(out), ""));
  return out;
}

namespace {

/// Copies what depends on the parameters; the rest is captured.
class Closer {
 public:
  explicit Closer(const std::vector<Tensor>& parameters) {
    for (const Tensor& t : parameters) {
      inputs_.push_back(make_parameter(t.aval(), std::ssize(inputs_), t.node()->name));
      made_.insert(t.node(), inputs_.back());
      depends_.insert(t.node(), 1);
    }
  }

  Closure run(const std::vector<Tensor>& outputs) {
    const GraphLock lock;
    for (NodeImpl* node : topological_order(outputs)) look_at(node);
    std::vector<Tensor> made;
    for (const Tensor& t : outputs) made.push_back(value(t.node()));
    return {std::make_shared<Body>(Graph(std::move(inputs_), std::move(made))),
            std::move(captured_)};
  }

 private:
  void look_at(NodeImpl* node) {
    if (made_.contains(node)) return;
    const auto has = [&](const NodeMap<char>& map) {
      return [&map](const NodeImpl* in) { return map.contains(in); };
    };
    if (!node->storage() && std::ranges::any_of(node->inputs, has(depends_))) {
      depends_.insert(node, 1);
      made_.insert(node, copy(node));
      return;
    }
    // Numbers, and what is made of nothing else.
    const bool is_marker = node->op->cls == OpClass::Marker;
    if (node->op == &constant_op() ||
        (!node->is_leaf() && !node->storage() && !is_marker && node->op->pure &&
         std::ranges::all_of(node->inputs, has(free_))))
      free_.insert(node, 1);
  }

  // In the body.
  Tensor value(NodeImpl* node) {
    if (const Tensor* t = made_.find(node)) return *t;
    const bool is_view = node->op->cls == OpClass::View && node->inputs.size() == 1;
    Tensor t;
    if (node->op == &constant_op())
      t = Tensor(node);
    else if (free_.contains(node) || (is_view && !node->storage()))
      t = copy(node);
    else
      t = capture(node);
    made_.insert(node, t);
    return t;
  }

  Tensor copy(NodeImpl* node) {
    std::vector<Tensor> in;
    for (NodeImpl* input : node->inputs) {
      // The rule of a custom gradient stays where it is.
      const bool is_rule = node->op == &custom_vjp_op() && input == node->inputs.back();
      in.push_back(is_rule ? Tensor(input) : value(input));
    }
    return Tensor(new NodeImpl(node->op, std::move(in), node->attrs, node->aval, node->loc));
  }

  Tensor capture(NodeImpl* node) {
    captured_.emplace_back(node);
    inputs_.push_back(make_parameter(node->aval, std::ssize(inputs_), node->name));
    return inputs_.back();
  }

  std::vector<Tensor> inputs_, captured_;
  NodeMap<Tensor> made_{64};
  NodeMap<char> depends_{64}, free_{64};
};

BodyPtr clean(const BodyPtr& body) {
  const Graph& g = body->graph();
  NodeMap<Tensor> made(64);
  for (const Tensor& t : g.inputs()) made.insert(t.node(), t);
  std::vector<NodeImpl*> roots;
  for (const Tensor& t : g.outputs()) roots.push_back(see_through(t.node()));
  const auto value = [&](NodeImpl* node) { return *made.find(see_through(node)); };
  // What only markers read is copied for nothing, and dropped with the copy.
  std::vector<Tensor> all(roots.begin(), roots.end());
  for (NodeImpl* node : topological_order(all)) {
    if (made.contains(node) || see_through(node) != node) continue;
    if (node->is_leaf()) {
      made.insert(node, Tensor(node));
    } else if (node->op == &seed_op()) {
      made.insert(node, make_constant({Scalar::Kind::Int, 1, 0}, node->aval));
    } else {
      std::vector<Tensor> in;
      for (NodeImpl* input : node->inputs) in.push_back(value(input));
      made.insert(node,
                  Tensor(new NodeImpl(node->op, std::move(in), ir::without_markers(node->attrs),
                                      node->aval, node->loc)));
    }
  }
  std::vector<Tensor> outputs;
  for (NodeImpl* root : roots) outputs.push_back(value(root));
  return std::make_shared<Body>(Graph(g.inputs(), std::move(outputs)));
}

}  // namespace

Closure close_over(const std::vector<Tensor>& parameters, const std::vector<Tensor>& outputs) {
  return Closer(parameters).run(outputs);
}

BodyPtr with_inputs(const BodyPtr& body, const std::vector<Tensor>& before,
                    const std::vector<Tensor>& after, std::size_t own) {
  const std::vector<Tensor>& in = body->graph().inputs();
  std::vector<Tensor> all;
  const auto add = [&](const std::vector<Tensor>& like) {
    for (const Tensor& t : like) all.push_back(make_parameter(t.aval(), std::ssize(all), ""));
  };
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (i == own) add(before);
    all.push_back(in[i]);
  }
  if (own >= in.size()) add(before);
  add(after);
  return std::make_shared<Body>(Graph(std::move(all), body->graph().outputs()));
}

Attrs without_markers(const Attrs& attrs) {
  return map_bodies(attrs, [](const BodyPtr& body) { return clean(body); });
}

}  // namespace lilith::ir
