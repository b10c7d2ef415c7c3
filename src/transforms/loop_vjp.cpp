// Reverse mode through loops. A scan's gradient is a scan in the other direction: its carries are
// the cotangents of the carries, its rows those of the ys. What a step of it needs of the same step
// forwards is saved by a scan that gives more (the pass "loops" makes one of it and the first):
//   %s = scan(%c, %x, %w) {body: c' = f(c, x w), …}
//   %t = scan(%c, %x, %w) {the same, and c', x w as ys}
//   %b = scan(%ct_c, %ct_ys, %saved…, %x, %w) {reverse; ct_c' = …; ct of x and of x w as ys}
// The cotangent of a weight, a sum of products over the steps, is one product after the loop.
#include <algorithm>
#include <map>
#include <string_view>

#include "ir/node_map.h"
#include "ir/rebuild.h"
#include "ops/primitives.h"
#include "transforms/graph_copy.h"
#include "transforms/loop_parts.h"
#include "transforms/loops.h"
#include "transforms/markers.h"
#include "transforms/vjp.h"

namespace lilith::ir {
namespace {

using I = std::int64_t;
using ops::Ints;
using Tensors = std::vector<Tensor>;

constexpr int kCheap = 4;  // flops that are computed again rather than saved

Tensor zeros_of(const Aval& aval) { return ops::make_full(aval.shape, 0, aval.dtype, aval.device); }

Tensors defined_of(const Tensors& all) {
  Tensors out;
  for (const Tensor& t : all)
    if (t.defined()) out.push_back(t);
  return out;
}

class ScanBackward {
 public:
  explicit ScanBackward(const VjpCtx& c)
      : c_(c), a_(c.attrs), body_(a_.body->graph()), ys_(body_.outputs().size() - a_.carries) {}

  Tensors run() {
    while (!differentiate()) {
    }
    for (const Tensor& t : inputs_) level_.add(t, level_of(t));
    for (const Tensor& t : defined_of(cts_)) level_.add(t, Dependence::Cotangent);
    level_.run(defined_of(gradients_));
    level_.run(outputs_);
    choose_outputs();
    require_for(back_outputs_);
    save();
    run_back();
    return finish();
  }

 private:
  // ---- The step, and its gradient. ----

  Dependence::Level level_of(const Tensor& input) const {
    const auto at =
        std::ranges::find_if(inputs_, [&](const Tensor& t) { return t.node() == input.node(); });
    const auto k = static_cast<std::size_t>(at - inputs_.begin());
    return k < a_.carries + a_.xs ? Dependence::Step : Dependence::Invariant;
  }

  bool is_carry(std::size_t input) const { return input < a_.carries; }
  bool is_row(std::size_t input) const { return !is_carry(input) && input < a_.carries + a_.xs; }

  // False where a carry turned out to have no cotangent, whatever the others have.
  bool differentiate() {
    if (live_.empty()) {
      for (std::size_t k = 0; k < a_.carries; ++k)
        live_.push_back(is_floating(body_.inputs()[k].dtype()));
    }
    std::vector<Aval> avals;
    for (const Tensor& t : body_.inputs()) avals.push_back(t.aval());
    inputs_ = fresh_parameters(avals);
    outputs_ = body_(inputs_);
    cts_.assign(outputs_.size(), Tensor());
    Tensors of, given, wanted;
    for (std::size_t k = 0; k < outputs_.size(); ++k) {
      if (is_carry(k) ? !live_[k] : !c_.cts[k].defined()) continue;
      cts_[k] = make_parameter(outputs_[k].aval(), 0, "ct");
      of.push_back(outputs_[k]);
      given.push_back(cts_[k]);
    }
    for (std::size_t k = 0; k < inputs_.size(); ++k) {
      const bool wants = is_carry(k) ? live_[k] : c_.wanted[k];
      wanted.push_back(wants ? inputs_[k] : Tensor());
    }
    gradients_ = backpropagate(of, given, wanted, "grad");
    bool all = true;
    for (std::size_t k = 0; k < a_.carries; ++k) {
      if (!live_[k] || gradients_[k].defined() || c_.cts[k].defined()) continue;
      live_[k] = false;
      all = false;
    }
    return all;
  }

  // ---- What the scan backwards gives. ----

  void choose_outputs() {
    for (std::size_t k = 0; k < a_.carries; ++k) {
      if (!live_[k]) continue;
      const Tensor& g = gradients_[k];
      back_outputs_.push_back(g.defined() ? g : zeros_of(inputs_[k].aval()));
    }
    for (std::size_t k = a_.carries; k < inputs_.size(); ++k)
      if (gradients_[k].defined() && is_row(k)) stack(gradients_[k].node());
    decompose_all();
    for (auto& [k, terms] : terms_) {
      for (const Term& t : terms)
        if (is_product(level_, t.root)) stack_operands(t.root);
    }
    decompose_all();  // as far as what is stacked by now
    for (auto& [k, terms] : terms_) {
      for (Term& t : terms)
        if (!is_product(level_, t.root) && !stacked_.contains(t.root)) add_up(&t);
    }
    for (const Tensor& value : sums_) {
      back_carries_.push_back(make_parameter(value.aval(), 0, "sum"));
      level_.add(back_carries_.back(), Dependence::Cotangent);
      back_outputs_.push_back(apply("add", {back_carries_.back(), value}));
      level_.run({back_outputs_.back()});
    }
    for (NodeImpl* n : stack_order_) back_outputs_.emplace_back(n);
  }

  void decompose_all() {
    terms_.clear();
    for (std::size_t k = a_.carries + a_.xs; k < inputs_.size(); ++k)
      if (gradients_[k].defined())
        decompose(level_, stacked_, gradients_[k].node(), {}, &terms_[k - a_.carries - a_.xs]);
  }

  // Gives a value of each step backwards.
  void stack(NodeImpl* n) {
    if (stacked_.insert(n, stack_order_.size())) stack_order_.push_back(n);
  }

  void stack_operands(const NodeImpl* product) {
    for (NodeImpl* in : product->inputs) {
      if (level_.is_back(in))
        stack(in);
      else
        save_stack(in);
    }
  }

  // What is added up in a carry: the root, or what the chain makes of it where that is smaller.
  void add_up(Term* t) {
    Tensor value(t->root);
    const I least = t->chain.empty() ? t->root->aval.numel() : t->chain[0]->aval.numel();
    t->is_chained = 4 * least < t->root->aval.numel();
    if (t->is_chained) {
      value = apply_chain(level_, *t, value, [](NodeImpl* other) { return Tensor(other); });
      level_.run({value});
    }
    const auto known =
        std::ranges::find_if(sums_, [&](const Tensor& s) { return s.node() == value.node(); });
    t->sum = static_cast<std::size_t>(known - sums_.begin());
    if (known == sums_.end()) sums_.push_back(value);
  }

  // ---- What a step backwards reads of the step forwards. ----

  void require_for(const Tensors& outputs) {
    std::vector<NodeImpl*> needed;
    for (const Tensor& t : outputs)
      if (!level_.is_back(t.node())) needed.push_back(t.node());
    for (NodeImpl* node : topological_order(outputs)) {
      if (!level_.is_back(node)) continue;
      for (NodeImpl* in : node->inputs)
        if (!level_.is_back(in)) needed.push_back(in);
    }
    // What has to be saved first: from that others follow.
    for (NodeImpl* n : needed)
      if (!is_cheap(n)) supply(n);
    for (NodeImpl* n : needed) supply(n);
  }

  bool is_there(const NodeImpl* n) const {
    return level_.of(n) <= Dependence::Invariant || n->op == &parameter_op() ||
           supplied_.contains(n);
  }
  // Always computed again: a checkpoint's, and what is the same in all steps.
  bool is_again(const NodeImpl* n) const {
    if (n->op == &parameter_op()) return false;
    return level_.of(n) <= Dependence::Invariant || level_.behind_barrier(n) ||
           n->op->cls == OpClass::Loop || n->op == &alias_op() ||
           (n->op->cls == OpClass::Call && n->op->results);
  }
  bool is_cheap(const NodeImpl* n) const {
    if (n->op == &parameter_op()) return false;
    return is_again(n) ||
           (n->op->pure && (n->op->cls == OpClass::View ||
                            (n->op->cls == OpClass::Elementwise && n->op->cost <= kCheap)));
  }

  // Computed again where that takes no more values of the step forwards than itself.
  bool is_recomputed(const NodeImpl* n) const {
    constexpr std::size_t kMostNodes = 16;
    if (is_again(n)) return true;
    if (!is_cheap(n)) return false;
    std::vector<const NodeImpl*> todo{n}, missing;
    for (std::size_t seen = 0; !todo.empty(); ++seen) {
      const NodeImpl* node = todo.back();
      todo.pop_back();
      if (seen >= kMostNodes) return false;
      for (const NodeImpl* in : node->inputs) {
        if (is_there(in)) continue;
        if (is_cheap(in))
          todo.push_back(in);
        else if (!std::ranges::count(missing, in))
          missing.push_back(in);
      }
    }
    return missing.size() <= 1;
  }

  void supply(NodeImpl* n) {
    std::vector<NodeImpl*> todo{n};
    while (!todo.empty()) {
      NodeImpl* node = todo.back();
      todo.pop_back();
      if (level_.of(node) == Dependence::None || supplied_.contains(node)) continue;
      const bool again = is_recomputed(node);
      supplied_.insert(node, 1);
      if (again) {
        todo.insert(todo.end(), node->inputs.begin(), node->inputs.end());
        continue;
      }
      const Tensor in = make_parameter(node->aval, 0, node->name);
      stops_.emplace_back(node);
      by_.push_back(in);
      if (level_.of(node) == Dependence::Invariant) {
        others_.push_back({in, c_.in[input_of(node)]});
      } else {
        rows_.push_back({in, node});
        save_stack(node);
      }
    }
  }

  std::size_t input_of(const NodeImpl* parameter) const {
    const auto at =
        std::ranges::find_if(inputs_, [&](const Tensor& t) { return t.node() == parameter; });
    return static_cast<std::size_t>(at - inputs_.begin());
  }

  // ---- The rows of all steps of a value forwards. ----

  void save_stack(NodeImpl* n) {
    if (n->op == &parameter_op()) {
      const std::size_t k = input_of(n);
      if (!is_carry(k)) return;
      n = outputs_[k].node();  // of the step before
    }
    if (saved_at_.contains(n)) return;
    const auto y = std::find_if(outputs_.begin() + static_cast<std::ptrdiff_t>(a_.carries),
                                outputs_.end(), [&](const Tensor& t) { return t.node() == n; });
    if (y != outputs_.end()) {
      saved_at_.insert(n, static_cast<std::size_t>(y - outputs_.begin()));
      return;
    }
    saved_at_.insert(n, outputs_.size() + saved_.size());
    saved_.emplace_back(n);
  }

  void save() {
    if (saved_.empty()) return;
    Tensors all = outputs_;
    all.insert(all.end(), saved_.begin(), saved_.end());
    const Closure closed = close_over(inputs_, all);
    Tensors in = c_.in;
    in.insert(in.end(), closed.captured.begin(), closed.captured.end());
    ScanAttrs a = a_;
    a.body = closed.body;
    forward_ = apply_loop(scan_op(), std::move(in), a.attrs());
  }

  Tensor stack_of(NodeImpl* n) {
    if (n->op != &parameter_op()) return saved_stack(n);
    const std::size_t k = input_of(n);
    if (!is_carry(k)) return c_.in[k];
    if (Tensor* known = carry_stacks_.find(n)) return *known;
    // Before the first step it is what the scan was given.
    Shape one = n->aval.shape;
    one.insert(0, 1);
    const Tensor first = ops::make_reshape(c_.in[k], one), made = saved_stack(outputs_[k].node());
    Tensor all = first;
    if (a_.length > 1 && !a_.reverse)
      all = ops::make_concat({first, ops::slice_dim(made, 0, 0, a_.length - 1)}, 0);
    if (a_.length > 1 && a_.reverse)
      all = ops::make_concat({ops::slice_dim(made, 0, 1, a_.length), first}, 0);
    carry_stacks_.insert(n, all);
    return all;
  }
  Tensor saved_stack(NodeImpl* n) {
    const std::size_t at = *saved_at_.find(n);
    if (!forward_.empty()) return forward_[at];
    Aval aval = n->aval;
    aval.shape.insert(0, a_.length);
    return make_get(c_.out, at, aval);
  }

  // ---- The scan backwards. ----

  void run_back() {
    Tensors parameters, in;
    const auto add = [&](const Tensor& parameter, const Tensor& value) {
      parameters.push_back(parameter);
      in.push_back(value);
    };
    for (std::size_t k = 0; k < a_.carries; ++k) {
      if (!live_[k]) continue;
      add(cts_[k], c_.cts[k].defined() ? c_.cts[k] : zeros_of(inputs_[k].aval()));
    }
    for (const Tensor& sum : back_carries_) add(sum, zeros_of(sum.aval()));
    const std::size_t carries = in.size();
    for (std::size_t k = a_.carries; k < cts_.size(); ++k)
      if (cts_[k].defined()) add(cts_[k], c_.cts[k]);
    for (const auto& [parameter, node] : rows_) add(parameter, stack_of(node));
    const std::size_t xs = in.size() - carries;
    for (const auto& [parameter, value] : others_) add(parameter, value);
    const Closure closed = close_over(parameters, copy_between(back_outputs_, stops_, by_));
    in.insert(in.end(), closed.captured.begin(), closed.captured.end());
    ScanAttrs a = a_;
    a.body = closed.body;
    a.carries = carries;
    a.xs = xs;
    a.reverse = !a_.reverse;
    back_ = apply_loop(scan_op(), std::move(in), a.attrs());
  }

  Tensor back_stack(NodeImpl* n) const {
    return back_[back_.size() - stack_order_.size() + *stacked_.find(n)];
  }

  // ---- The cotangents of the scan's operands. ----

  Tensors finish() {
    Tensors out(inputs_.size());
    std::size_t next = 0;
    for (std::size_t k = 0; k < a_.carries; ++k)
      if (live_[k]) out[k] = back_[next++];
    for (std::size_t k = a_.carries; k < inputs_.size(); ++k) {
      if (!gradients_[k].defined()) continue;
      if (is_row(k)) {
        out[k] = back_stack(gradients_[k].node());
        continue;
      }
      for (const Term& t : terms_[k - a_.carries - a_.xs]) {
        const Tensor part = sum_over_steps(t);
        out[k] = out[k].defined() ? apply("add", {out[k], part}) : part;
      }
    }
    return out;
  }

  Tensor sum_over_steps(const Term& t) {
    const auto other = [&](NodeImpl* n) { return copy_between({Tensor(n)}, inputs_, c_.in)[0]; };
    if (is_product(level_, t.root)) return apply_chain(level_, t, product_of_stacks(t.root), other);
    if (stacked_.contains(t.root)) {
      const bool sums = !t.chain.empty() && t.chain.back()->op->name == "reduce_sum";
      Ints axes{0};
      if (sums)
        for (const I axis : t.chain.back()->attrs.ints("axes")) axes.push_back(axis + 1);
      const Tensor sum = ops::make_reduce("reduce_sum", back_stack(t.root), axes);
      return apply_chain(level_, t, sum, other, sums ? 1 : 0);
    }
    const auto live = static_cast<std::size_t>(std::ranges::count(live_, true));
    return t.is_chained ? back_[live + t.sum] : apply_chain(level_, t, back_[live + t.sum], other);
  }

  // The steps are one more dimension to sum over.
  Tensor product_of_stacks(const NodeImpl* product) {
    const auto stack_of_operand = [&](NodeImpl* in) {
      return level_.is_back(in) ? back_stack(in) : stack_of(in);
    };
    Attrs attrs = product->attrs;
    for (const char* key : {"lhs_batch", "rhs_batch", "lhs_contract", "rhs_contract"}) {
      Ints dims = attrs.ints(key);
      for (I& d : dims) ++d;
      if (std::string_view(key).ends_with("contract")) dims.insert(dims.begin(), 0);
      attrs.set(key, dims);
    }
    return apply("dot_general",
                 {stack_of_operand(product->inputs[0]), stack_of_operand(product->inputs[1])},
                 attrs);
  }

  const VjpCtx& c_;
  const ScanAttrs a_;
  const Graph& body_;
  const std::size_t ys_;
  std::vector<bool> live_;          // by carry: its cotangent is not zero in all steps
  Tensors inputs_, outputs_, cts_;  // of one step; cts of the outputs
  Tensors gradients_;               // of the inputs
  Dependence level_;
  Tensors back_outputs_;                            // carries, sums, stacks
  Tensors back_carries_, sums_;                     // the sums so far, and what each step adds
  std::map<std::size_t, std::vector<Term>> terms_;  // by operand behind carries and xs
  NodeMap<std::size_t> stacked_{8};                 // by value: which of stack_order_
  std::vector<NodeImpl*> stack_order_;
  NodeMap<char> supplied_{64};
  Tensors stops_, by_;                              // what the step backwards takes for what
  std::vector<std::pair<Tensor, NodeImpl*>> rows_;  // inputs that differ from step to step
  std::vector<std::pair<Tensor, Tensor>> others_;   // and those that do not
  Tensors saved_;                                   // what the scan forwards gives beside
  NodeMap<std::size_t> saved_at_{16};               // by value: which result it is
  NodeMap<Tensor> carry_stacks_{8};
  Tensors forward_, back_;  // results
};

}  // namespace

std::vector<Tensor> scan_vjp(const VjpCtx& c) { return ScanBackward(c).run(); }

}  // namespace lilith::ir
