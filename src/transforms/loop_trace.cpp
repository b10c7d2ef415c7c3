#include <algorithm>
#include <bit>
#include <optional>

#include "ir/hash.h"
#include "ir/node.h"
#include "ir/one_device.h"
#include "lilith/loops.h"
#include "lilith/ops/create.h"
#include "ops/primitives.h"
#include "ops/random_key.h"
#include "transforms/loops.h"

// How scan, while_loop and cond trace the user's functions.
namespace lilith::detail {
namespace {

using I = std::int64_t;

/// The defined tensors of a struct, where they are, and a hash of what is static beside them.
struct Slots final : PathVisitor {
  explicit Slots(ConstModelRef model) { model.visit(*this); }
  void parameter(Tensor& t) override {
    if (!t.defined()) return;
    tensors.push_back(&t);
    paths.push_back(path());
  }
  void buffer(Buffer& t) override { parameter(t); }
  void flag(bool& b) override { add(b ? 1 : 2); }
  void integer(I i) override { add(static_cast<std::uint64_t>(i)); }
  void real(double d) override { add(std::bit_cast<std::uint64_t>(d)); }
  void text(std::string_view s) override { add(hash_text(s)); }
  void structure(I n) override { add(static_cast<std::uint64_t>(n)); }

  std::vector<Tensor> values() const {
    std::vector<Tensor> out;
    for (const Tensor* t : tensors) out.emplace_back(t->node());
    return out;
  }
  void assign(std::span<const Tensor> values) {
    for (std::size_t i = 0; i < tensors.size(); ++i) tensors[i]->rebind(values[i]);
  }

  std::vector<Tensor*> tensors;
  std::vector<std::string> paths;
  std::uint64_t facts = 0;

 private:
  void add(std::uint64_t x) { facts = mix(facts, x); }
};

std::string quoted(const std::string& path) { return path.empty() ? "" : " '" + path + "'"; }

std::vector<Tensor> named_parameters(const std::vector<Tensor>& like,
                                     const std::vector<std::string>& paths) {
  std::vector<Tensor> out;
  for (std::size_t i = 0; i < like.size(); ++i)
    out.push_back(ir::make_parameter(like[i].aval(), static_cast<I>(i), paths[i]));
  return out;
}

}  // namespace

struct LoopTrace::State {
  State(const char* w, Loc l) : what(w), loc(l), fallback(l) {}
  ~State() { leave(); }

  /// Random draws in steps have a key of their own in each: made of one outside and of `index`.
  void enter(bool has_steps) {
    ++ir::trace_depth();
    tracing = true;
    if (!has_steps) return;
    draws.emplace([this](I) {
      const Aval number{{}, DType::I64, device()};
      keys.push_back(ir::make_parameter(number, std::ssize(keys), "key"));
      if (!index.defined()) index = ir::make_parameter(number, 0, "step");
      return ops::fold_in(keys.back(), index);
    });
  }
  void leave() {
    if (!tracing) return;
    tracing = false;
    draws.reset();
    --ir::trace_depth();
  }
  std::vector<Tensor> outer_keys() const {
    std::vector<Tensor> out;
    for (std::size_t k = 0; k < keys.size(); ++k)
      out.push_back(ir::on_device(ops::next_key(), device()));
    return out;
  }
  /// Of all that the loop takes.
  Device device() const {
    const std::vector<Tensor>& some = init.empty() ? xs : init;
    return some.empty() ? cpu() : some[0].device();
  }

  /// What a step gives has to be what it takes.
  void check_carry(const Slots& made) const {
    LILITH_CHECK(made.tensors.size() == init.size(),
                 "{}: the carry has {} tensors before a step and {} after it", what, init.size(),
                 made.tensors.size());
    for (std::size_t k = 0; k < init.size(); ++k)
      LILITH_CHECK(made.tensors[k]->aval() == init[k].aval(),
                   "{}: the carry{} is {} before a step and {} after it; need the same", what,
                   quoted(paths[k]), ir::placed_text(init[k].aval()),
                   ir::placed_text(made.tensors[k]->aval()));
    LILITH_CHECK(made.facts == facts,
                 "{}: a static field of the carry (a number, a flag, a text) changes in a step, "
                 "which is traced once; make it a Tensor",
                 what);
  }

  const char* what;
  Loc loc;
  LocScope::Fallback fallback;
  bool tracing = false;
  std::optional<ops::KeyScope> draws;
  std::vector<Tensor> keys;  // parameters of the body
  Tensor index;              // the number of the step, where it is asked for
  std::uint64_t facts = 0;   // the static fields of the carry
  std::vector<Tensor> init, xs, parameters;
  std::vector<std::string> paths;
  I length = 0;
  bool reverse = false;
  ir::Closure first;         // a condition, or a branch
  std::vector<Aval> wanted;  // what it gave
  std::vector<Tensor> parameters_of_second;
};

LoopTrace::LoopTrace(const char* what, Loc loc) : state_(std::make_unique<State>(what, loc)) {}
LoopTrace::~LoopTrace() = default;

// ---- scan ----

void LoopTrace::begin_scan(ModelRef carry, ModelRef row, bool reverse) {
  State& s = *state_;
  const LocScope scope(s.loc, s.what);
  Slots carries(carry), rows(row);
  s.facts = carries.facts;
  std::vector<Tensor> all = ir::joined(carries.values(), rows.values());
  ir::bring_together(s.what, all);
  const auto split = all.begin() + static_cast<std::ptrdiff_t>(carries.tensors.size());
  s.init.assign(all.begin(), split);
  s.xs.assign(split, all.end());
  s.paths = carries.paths;
  s.reverse = reverse;
  LILITH_CHECK(!s.xs.empty(),
               "{}: xs has no tensor, whose rows would say how many steps there are; arange(n) "
               "gives n",
               s.what);
  std::vector<Tensor> parameters = named_parameters(s.init, carries.paths);
  for (std::size_t k = 0; k < s.xs.size(); ++k) {
    Aval aval = s.xs[k].aval();
    LILITH_CHECK(aval.shape.rank() > 0, "{}: xs{} is {}; need a first dimension, of the steps",
                 s.what, quoted(rows.paths[k]), aval.str());
    if (k == 0) s.length = aval.shape[0];
    LILITH_CHECK(aval.shape[0] == s.length,
                 "{}: xs{} is {}, and{} {}; need the same number of rows", s.what,
                 quoted(rows.paths[k]), aval.str(), quoted(rows.paths[0]), s.xs[0].aval().str());
    aval.shape.erase(0);
    parameters.push_back(ir::make_parameter(aval, std::ssize(parameters),
                                            rows.paths[k].empty() ? "x" : rows.paths[k]));
  }
  carries.assign(parameters);
  rows.assign(std::span(parameters).subspan(s.init.size()));
  s.parameters = std::move(parameters);
  s.enter(true);
}

void LoopTrace::end_scan(ModelRef carry, ModelRef ys) {
  State& s = *state_;
  s.leave();
  const LocScope scope(s.loc, s.what);
  Slots carries(carry), rows(ys);
  s.check_carry(carries);
  const std::vector<Tensor> outputs = ir::joined(carries.values(), rows.values());
  if (s.length == 0) {
    carries.assign(s.init);
    std::vector<Tensor> none;
    for (const Tensor* t : rows.tensors) {
      Shape shape = t->shape();
      shape.insert(0, 0);
      none.push_back(ops::make_full(shape, 0, t->dtype(), t->device()));
    }
    rows.assign(none);
    return;
  }
  std::vector<Tensor> parameters = s.parameters, inputs = ir::joined(s.init, s.xs);
  if (s.index.defined()) {
    parameters.push_back(s.index);
    inputs.push_back(ops::make_iota({s.length}, 0, DType::I64, s.device()));
  }
  const std::size_t xs = inputs.size() - s.init.size();
  ir::Closure closed = ir::close_over(ir::joined(std::move(parameters), s.keys), outputs);
  inputs = ir::joined(ir::joined(std::move(inputs), s.outer_keys()), closed.captured);
  const std::vector<Tensor> results = ir::apply_loop(ir::scan_op(), std::move(inputs),
                                                     {{"body", closed.body},
                                                      {"carries", static_cast<I>(s.init.size())},
                                                      {"length", s.length},
                                                      {"reverse", s.reverse},
                                                      {"xs", static_cast<I>(xs)}});
  carries.assign(results);
  rows.assign(std::span(results).subspan(s.init.size()));
}

// ---- while_loop ----

void LoopTrace::begin_while(ModelRef for_condition, ModelRef for_body) {
  State& s = *state_;
  const LocScope scope(s.loc, s.what);
  Slots seen(for_condition), carries(for_body);
  s.facts = carries.facts;
  s.init = carries.values();
  ir::bring_together(s.what, s.init);
  s.paths = carries.paths;
  s.parameters = named_parameters(s.init, s.paths);
  s.parameters_of_second = named_parameters(s.init, s.paths);
  seen.assign(s.parameters);
  carries.assign(s.parameters_of_second);
  s.enter(true);
}

void LoopTrace::add_condition(const Tensor& condition) {
  State& s = *state_;
  const LocScope scope(s.loc, s.what);
  LILITH_CHECK(condition.defined() && condition.dtype() == DType::Bool && condition.ndim() == 0,
               "{}: the condition is {}; need bool[]", s.what,
               condition.defined() ? condition.aval().str() : "undefined");
  LILITH_CHECK(s.keys.empty(), "{}: the condition draws random numbers; do that in the body",
               s.what);
  s.first = ir::close_over(s.parameters, {condition});
}

void LoopTrace::end_while(ModelRef carry) {
  State& s = *state_;
  s.leave();
  const LocScope scope(s.loc, s.what);
  Slots carries(carry);
  s.check_carry(carries);
  std::vector<Tensor> outputs = carries.values(), inputs = s.init,
                      parameters = s.parameters_of_second;
  std::size_t own = inputs.size();
  BodyPtr condition = s.first.body;
  if (s.index.defined()) {  // counted by a carry
    parameters.push_back(s.index);
    outputs.push_back(apply("add", {s.index, ops::integer_as(s.index, 1)}));
    inputs.push_back(ir::make_constant({Scalar::Kind::Int, 0, 0}, s.index.aval()));
    condition = ir::with_inputs(condition, {inputs.back()}, {}, own);
    ++own;
  }
  const std::vector<Tensor> keys = s.outer_keys();
  const ir::Closure closed = ir::close_over(ir::joined(parameters, s.keys), outputs);
  const std::vector<Tensor> of_body = ir::joined(keys, closed.captured);
  inputs = ir::joined(ir::joined(std::move(inputs), s.first.captured), of_body);
  const std::vector<Tensor> results =
      ir::apply_loop(ir::while_op(), std::move(inputs),
                     {{"body", ir::with_inputs(closed.body, s.first.captured, {}, own)},
                      {"carries", static_cast<I>(own)},
                      {"condition", ir::with_inputs(condition, {}, of_body, own)}});
  carries.assign(results);
}

// ---- cond ----

void LoopTrace::begin_cond(const Tensor& predicate, ModelRef for_then, ModelRef for_otherwise) {
  State& s = *state_;
  const LocScope scope(s.loc, s.what);
  Slots a(for_then), b(for_otherwise);
  LILITH_CHECK(predicate.defined() && predicate.dtype() == DType::Bool && predicate.ndim() == 0,
               "{}: the predicate is {}; need bool[]", s.what,
               predicate.defined() ? predicate.aval().str() : "undefined");
  s.init = ir::joined({predicate}, a.values());
  ir::bring_together(s.what, s.init);
  const std::vector<Tensor> operands(s.init.begin() + 1, s.init.end());
  s.parameters = named_parameters(operands, a.paths);
  s.parameters_of_second = named_parameters(operands, a.paths);
  a.assign(s.parameters);
  b.assign(s.parameters_of_second);
  s.enter(false);
}

void LoopTrace::add_then(ConstModelRef result) {
  State& s = *state_;
  const LocScope scope(s.loc, s.what);
  const Slots made(result);
  for (const Tensor* t : made.tensors) s.wanted.push_back(t->aval());
  s.facts = made.facts;
  s.paths = made.paths;
  s.first = ir::close_over(s.parameters, made.values());
}

void LoopTrace::end_cond(ModelRef result) {
  State& s = *state_;
  s.leave();
  const LocScope scope(s.loc, s.what);
  Slots made(result);
  LILITH_CHECK(made.tensors.size() == s.wanted.size() && made.facts == s.facts,
               "{}: one branch gives {} tensors, the other {}; need the same structure", s.what,
               s.wanted.size(), made.tensors.size());
  for (std::size_t k = 0; k < s.wanted.size(); ++k)
    LILITH_CHECK(made.tensors[k]->aval() == s.wanted[k],
                 "{}: the value{} is {} in one branch and {} in the other; need the same", s.what,
                 quoted(s.paths[k]), ir::placed_text(s.wanted[k]),
                 ir::placed_text(made.tensors[k]->aval()));
  const std::size_t own = s.parameters.size();
  const ir::Closure closed = ir::close_over(s.parameters_of_second, made.values());
  std::vector<Tensor> inputs = ir::joined(ir::joined(s.init, s.first.captured), closed.captured);
  made.assign(
      ir::apply_loop(ir::cond_op(), std::move(inputs),
                     {{"otherwise", ir::with_inputs(closed.body, s.first.captured, {}, own)},
                      {"then", ir::with_inputs(s.first.body, {}, closed.captured, own)}}));
}

}  // namespace lilith::detail
