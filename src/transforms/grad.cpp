#include <algorithm>
#include <set>

#include "ir/node.h"
#include "ir/one_device.h"
#include "lilith/transforms.h"
#include "transforms/custom_rules.h"
#include "transforms/differentiation.h"
#include "transforms/graph_copy.h"
#include "transforms/markers.h"
#include "transforms/settle.h"
#include "transforms/ties.h"
#include "transforms/vjp.h"

namespace lilith {
namespace detail {
namespace {

struct WatchVisitor final : PathVisitor {
  std::vector<std::pair<std::string, Tensor*>> parameters;
  std::vector<Buffer*> buffers;
  void parameter(Tensor& t) override { parameters.emplace_back(path(), &t); }
  void buffer(Buffer& t) override { buffers.push_back(&t); }
};

bool differentiable(const Tensor& t) { return t.defined() && is_floating(t.dtype()); }

std::string list(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 8;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    out += (i ? ", '" : "'") + names[i] + "'";
  if (names.size() > kShown) out += fmt::format(" and {} more", names.size() - kShown);
  return out;
}

}  // namespace

Tape::Tape(const char* what, Loc loc) : what_(what), line_(loc) { ir::begin_differentiation(); }
Tape::~Tape() { ir::end_differentiation(); }

void Tape::settle(ConstModelRef model) const {
  // Inside another trace fields are tracers, and stay so.
  if (ir::trace_depth() == 0 && ir::differentiation_depth() == 1) ir::settle({&model, 1});
}

void Tape::watch(ModelRef copy, std::size_t index, bool is_model) {
  WatchVisitor v;
  copy.visit(v);
  Watched& w = watched_.emplace_back();
  w.index = index;
  std::vector<Tensor*> all;
  for (auto& [path, t] : v.parameters) all.push_back(t);
  const std::vector<std::size_t> roots = tie_roots(all);
  for (std::size_t k = 0; k < all.size(); ++k) {
    const auto& [path, t] = v.parameters[k];
    LILITH_CHECK(is_model || differentiable(*t),
                 "{}: argument {} is {}; need a floating dtype to differentiate", what_, index,
                 t->defined() ? t->aval().str() : "undefined");
    w.paths.push_back(path.empty() ? fmt::format("argument {}", index) : path);
    w.nodes.emplace_back();
    if (!differentiable(*t)) continue;
    if (const std::size_t root = root_of(roots, k); root != k) {
      w.nodes.back().rebind(w.nodes[root]);
    } else {
      w.nodes.back() = ir::make_alias(*t);
      w.nodes.back().node()->name = path;
    }
    t->rebind(w.nodes.back());
  }
  ir::add_placeholders(w.nodes);
  for (const Buffer* b : v.buffers) w.buffers.push_back(b->node());
}

void Tape::write_back(ModelRef original, ModelRef copy, std::size_t index) {
  WatchVisitor to, from;
  original.visit(to);
  copy.visit(from);
  const auto w =
      std::find_if(watched_.begin(), watched_.end(), [&](auto& x) { return x.index == index; });
  const std::size_t n = std::min({to.buffers.size(), from.buffers.size(), w->buffers.size()});
  for (std::size_t i = 0; i < n; ++i) {
    const Buffer& now = *from.buffers[i];
    if (now.node() == w->buffers[i]) continue;
    *to.buffers[i] = now.defined() ? Buffer(apply("stop_gradient", {now})) : Buffer();
  }
}

std::vector<Tensor> Tape::slots() const {
  std::vector<Tensor> out;
  for (const Watched& w : watched_) out.insert(out.end(), w.nodes.begin(), w.nodes.end());
  return out;
}

void Tape::distribute(const std::vector<Tensor>& gradients, const GradOptions& options) {
  std::size_t next = 0;
  std::vector<std::string> unused;
  for (Watched& w : watched_) {
    for (std::size_t i = 0; i < w.nodes.size(); ++i) {
      w.gradients.push_back(gradients[next++]);
      if (w.nodes[i].defined() && !w.gradients.back().defined()) unused.push_back(w.paths[i]);
    }
  }
  LILITH_CHECK(options.allow_unused || unused.empty(),
               "{}: the value does not depend on {} in a differentiable way; {{.allow_unused = "
               "true}} as the "
               "first argument leaves such gradients undefined",
               what_, list(unused));
}

void Tape::solve_scalar(const Tensor& value, ConstModelRef companions, const GradOptions& options) {
  LILITH_CHECK(value.defined(), "{}: the function returned an undefined tensor; need a scalar",
               what_);
  const LocScope::Fallback line(LocScope::current() ? Loc() : value.node()->loc);
  LILITH_CHECK(value.numel() == 1 && is_floating(value.dtype()),
               "{}: the function's value is {}; need a floating scalar, as sum() or mean() give",
               what_, value.aval().str());
  std::vector<Tensor> returned{value};
  for (Tensor& t : all_tensors(companions))
    if (t.defined()) returned.push_back(t);
  const Tensor seed(
      new ir::NodeImpl(&ir::seed_op(), std::move(returned), {}, value.aval(), LocScope::current()));
  distribute(backpropagate({value}, {seed}, slots(), what_), options);
}

void Tape::fill_gradient(ModelRef copy, std::size_t index) const {
  WatchVisitor v;
  copy.visit(v);
  const auto w =
      std::find_if(watched_.begin(), watched_.end(), [&](auto& x) { return x.index == index; });
  LILITH_CHECK(v.parameters.size() == w->gradients.size(),
               "{}: the function changed the structure of argument {}: {} parameters, now {}",
               what_, index, w->gradients.size(), v.parameters.size());
  for (std::size_t i = 0; i < v.parameters.size(); ++i)
    v.parameters[i].second->rebind(w->gradients[i]);
  for (Buffer* b : v.buffers) *b = Buffer();
}

Linearised::Linearised(ConstModelRef outputs, const Tape& tape)
    : outputs_(ir::copy_between(all_tensors(outputs), tape.slots(), tape.slots())),
      slots_(tape.slots()) {}

// Each call walks back through a copy: what it gives is evaluated together with the values that it
// is computed from, which become leaves; other threads may call meanwhile.
void Linearised::pull_back(ConstModelRef cts, ModelRef copies) const {
  const ir::DifferentiationScope scope;
  ir::add_placeholders(slots_);
  const std::vector<Tensor> ct = all_tensors(cts);
  LILITH_CHECK(ct.size() == outputs_.size(),
               "vjp: the function returns {} tensors, the cotangent has {}", outputs_.size(),
               ct.size());
  const std::vector<Tensor> values = ir::copy_between(outputs_, slots_, slots_);
  std::vector<Tensor> outputs, seeds;
  for (std::size_t i = 0; i < ct.size(); ++i) {
    if (!ct[i].defined() || !outputs_[i].defined()) continue;
    LILITH_CHECK(ct[i].aval() == outputs_[i].aval(),
                 "vjp: output {} is {}, its cotangent {}; need the same", i,
                 ir::placed_text(outputs_[i].aval()), ir::placed_text(ct[i].aval()));
    outputs.push_back(values[i]);
    seeds.push_back(ct[i]);
  }
  const std::vector<Tensor> gradients = backpropagate(outputs, seeds, slots_, "vjp");
  WatchVisitor v;
  copies.visit(v);
  for (std::size_t i = 0; i < v.parameters.size(); ++i)
    v.parameters[i].second->rebind(gradients[i]);
  for (Buffer* b : v.buffers) *b = Buffer();
}

Tensor with_rule(Rule rule, const Tensor& out, const std::vector<Tensor>& in) {
  return make_custom_vjp(std::move(rule), out, in);
}

}  // namespace detail
}  // namespace lilith
