#include "eval/trace.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "core/autocast_state.h"
#include "ir/hash.h"
#include "ir/node.h"
#include "ops/random_key.h"
#include "transforms/ties.h"

namespace lilith::driver {
namespace {

Session*& current() {
  thread_local Session* session = nullptr;
  return session;
}

/// Paths of slots and hypers, and every static value as "path = value".
struct FactsVisitor final : PathVisitor {
  std::string prefix;
  std::vector<std::string> slots, facts;
  bool only_static = false;

  std::string here() const {
    return path().empty() ? prefix : prefix + (prefix.empty() ? "" : ".") + path();
  }
  void fact(const std::string& value) { facts.push_back(here() + " = " + value); }
  void parameter(Tensor&) override { slots.push_back(here()); }
  void buffer(Buffer&) override { slots.push_back(here()); }
  void hyper(Hyper& h) override { fact(fmt::format("{}", HyperAccess::value(h))); }
  void flag(bool& b) override { fact(b ? "true" : "false"); }
  void integer(std::int64_t i) override { fact(fmt::format("{}", i)); }
  void real(double d) override { fact(fmt::format("{}", d)); }
  void text(std::string_view s) override { fact(fmt::format("\"{}\"", s)); }
};

/// Tensors are x, y, z; the first model's paths stand alone, later ones begin with their number.
FactsVisitor facts_of(std::span<const detail::ArgRef> args, bool only_writable) {
  FactsVisitor v;
  std::size_t tensors = 0, models = 0;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i].is_tensor) {
      v.prefix = tensors < 3 ? std::string(1, static_cast<char>('x' + tensors))
                             : fmt::format("x{}", tensors);
      ++tensors;
    } else {
      v.prefix = models++ == 0 ? "" : fmt::format("arg{}", i);
    }
    if (!only_writable || args[i].writable) args[i].model.visit(v);
  }
  return v;
}

}  // namespace

void Signature::read(std::span<const detail::ArgRef> args) {
  key = Key();
  key.add_settings();
  key.add(static_cast<std::uint64_t>(autocast_state().value_or(DType::F32)));
  slots.clear();
  writable.clear();
  hypers.clear();
  first.clear();
  ties.clear();
  parameter_.clear();
  seen_.clear();
  for (const detail::ArgRef& arg : args) {
    first.push_back(slots.size());
    writable_now_ = arg.writable;
    key.add(arg.writable ? 7 : 8);
    tagged_ = false;
    arg.model.visit(*this);
    if (tagged_ && !arg.is_tensor) find_ties(first.back());
  }
  if (ties.empty()) return;
  number_ties();
  holders_.assign(slots.size(), 0);
  for (const std::size_t first_of : ties) ++holders_[first_of];
}

// Those of the argument whose slots begin at `from`; the pattern is a part of the key.
void Signature::find_ties(std::size_t from) {
  std::vector<Tensor*> some;
  std::vector<std::size_t> at;
  for (std::size_t k = from; k < slots.size(); ++k) {
    if (!parameter_[k]) continue;
    some.push_back(slots[k]);
    at.push_back(k);
  }
  std::vector<std::size_t> roots = detail::tie_roots(some, writable_now_);
  if (roots.empty()) return;
  for (std::size_t i = 0; i < roots.size(); ++i)
    if (some[i]->node() != some[roots[i]]->node()) roots[i] = i;
  number_ties();
  for (std::size_t i = 0; i < roots.size(); ++i) {
    ties[at[i]] = at[roots[i]];
    key.add(roots[i]);
  }
}

// Slots without a tie stand for themselves.
void Signature::number_ties() {
  for (std::size_t k = ties.size(); k < slots.size(); ++k) ties.push_back(k);
}

void Signature::slot(Tensor& t, std::uint64_t tag) {
  slots.push_back(&t);
  writable.push_back(writable_now_);
  parameter_.push_back(tag == 1);
  key.add(tag + (t.defined() ? 0 : 1));
  if (t.defined()) key.add(t.node()->aval);
}

void Signature::hyper(Hyper& h) {
  hypers.push_back(&h);
  key.add(9);
}

void Signature::real(double d) {
  std::uint64_t bits;
  std::memcpy(&bits, &d, sizeof bits);
  key.add(bits);
}

void Signature::text(std::string_view s) { key.add(hash_text(s)); }

void note_hyper_read(const Hyper& h) {
  Session* session = current();
  Hyper copy = h;
  if (!session || !HyperAccess::tracer(copy).defined()) return;
  for (std::size_t i = 0; i < session->hypers_.size(); ++i)
    if (session->hypers_[i].node() == HyperAccess::tracer(copy).node())
      session->guards_.push_back({i, HyperAccess::value(h)});
}

CallRule::~CallRule() = default;

std::optional<Session::Place> Session::place_of(const void* object) const {
  const auto* at = static_cast<const char*>(object);
  for (std::size_t i = 0; i < args_.size(); ++i) {
    const auto* from = static_cast<const char*>(args_[i].address);
    if (args_[i].writable && at >= from && at < from + args_[i].bytes) return Place{i, at - from};
  }
  return {};
}

std::optional<std::size_t> Session::slot_of(const Tensor& field) const {
  const auto at = std::find(before_.slots.begin(), before_.slots.end(), &field);
  if (at == before_.slots.end()) return {};
  return static_cast<std::size_t>(at - before_.slots.begin());
}

Tensor before_trace(const Tensor& field) {
  for (const Session* s = current(); s != nullptr; s = s->outer_) {
    if (const auto slot = s->slot_of(field)) return s->originals_[*slot];
    // An argument that cannot be written was copied: its fields are known by their tracers.
    for (std::size_t k = 0; k < s->parameters_.size() && field.defined(); ++k)
      if (s->parameters_[k].node() == field.node()) return s->originals_[k];
  }
  return {};
}

void bind_calls(const void* owner, const void* model, const std::vector<Tensor*>& fields,
                std::shared_ptr<const CallRule> rule) {
  Session* session = current();
  if (session == nullptr || fields.empty()) return;
  const auto owner_at = session->place_of(owner), model_at = session->place_of(model);
  if (!owner_at || !model_at) return;
  Session::Binding binding{*owner_at, *model_at, {}, std::move(rule)};
  for (const Tensor* field : fields) {
    const auto slot = session->slot_of(*field);
    if (!slot) return;
    binding.slots.push_back(*slot);
  }
  session->bindings_.push_back(std::move(binding));
}

Tensor Session::add_key() {
  const std::size_t index = parameters_.size() + hypers_.size() + keys_.size();
  keys_.push_back(
      ir::make_parameter({{}, DType::I64, {}}, static_cast<std::int64_t>(index), "key"));
  const RandomGenerator* chosen = ops::current_generator();
  key_sources_.push_back(chosen ? std::optional(*chosen) : std::nullopt);
  return keys_.back();
}

Session::Session(std::span<const detail::ArgRef> args, const char* what, bool trace_hypers)
    : args_(args), what_(what), outer_(current()), trace_hypers_(trace_hypers) {
  before_.read(args);
  FactsVisitor v = facts_of(args, false);
  paths_ = std::move(v.slots);
  facts_ = facts_of(args, true).facts;
  for (std::size_t k = 0; k < before_.slots.size(); ++k) {
    const Tensor& t = *before_.slots[k];
    originals_.emplace_back(t.node());
    if (!before_.ties.empty() && before_.ties[k] != k) {
      const Tensor& tied = parameters_[before_.ties[k]];
      parameters_.emplace_back(tied.node());
      continue;
    }
    parameters_.push_back(
        t.defined() ? ir::make_parameter(t.aval(), static_cast<std::int64_t>(k), paths_[k])
                    : Tensor());
  }
  if (!trace_hypers) return;
  for (std::size_t k = 0; k < before_.hypers.size(); ++k)
    hypers_.push_back(ir::make_parameter(
        {{}, DType::F64, {}}, static_cast<std::int64_t>(before_.slots.size() + k), "hyper"));
}

Session::~Session() { restore(); }

void Session::substitute(std::size_t arg, ModelRef copy) {
  Signature s;
  const detail::ArgRef ref{copy, nullptr, 0, false, false};
  s.read({&ref, 1});
  const std::size_t from = before_.first[arg];
  const std::size_t to =
      arg + 1 < before_.first.size() ? before_.first[arg + 1] : parameters_.size();
  LILITH_CHECK(s.slots.size() == to - from,
               "{}: the copy of argument {} has {} tensors, the argument {}", what_, arg,
               s.slots.size(), to - from);
  for (std::size_t k = 0; k < s.slots.size(); ++k) s.slots[k]->rebind(parameters_[from + k]);
}

void Session::restore() {
  if (!substituted_) return;
  substituted_ = false;
  current() = outer_;
  --ir::trace_depth();
  for (std::size_t k = 0; k < originals_.size(); ++k)
    if (before_.writable[k]) before_.slots[k]->rebind(originals_[k]);
  for (std::size_t k = 0; k < hypers_.size(); ++k)
    HyperAccess::tracer(*before_.hypers[k]) = Tensor();
}

std::unique_ptr<detail::ResultBox> Session::run(const detail::TraceFunction& f) {
  substituted_ = true;
  current() = this;
  ++ir::trace_depth();
  for (std::size_t k = 0; k < parameters_.size(); ++k) {
    if (!before_.writable[k]) continue;
    // One object given twice: its second visit finds the tracer of the first.
    if (originals_[k].defined() && before_.slots[k]->node() != originals_[k].node()) continue;
    before_.slots[k]->rebind(parameters_[k]);
  }
  for (std::size_t k = 0; k < hypers_.size(); ++k)
    HyperAccess::tracer(*before_.hypers[k]) = hypers_[k];
  // The graph that trace gives has no hidden inputs: its keys are data.
  std::optional<ops::KeyScope> draws;
  if (trace_hypers_) draws.emplace([this](std::int64_t) { return add_key(); });
  detail::Tracer tracer(*this);
  std::unique_ptr<detail::ResultBox> result = f(tracer);
  check_static();
  return result;
}

void Session::check_static() const {
  const FactsVisitor now = facts_of(args_, true);
  for (std::size_t k = 0; k < std::min(facts_.size(), now.facts.size()); ++k)
    LILITH_CHECK(facts_[k] == now.facts[k],
                 "{}: a static field changed while the function was traced, from {} to {}; the "
                 "program would "
                 "not repeat that. Make it a Tensor, or change it outside.",
                 what_, facts_[k], now.facts[k]);
  Signature after;
  after.read(args_);
  bool same = after.slots.size() == before_.slots.size() && facts_.size() == now.facts.size();
  for (std::size_t k = 0; same && k < after.slots.size(); ++k) {
    same = after.slots[k] == before_.slots[k];
    LILITH_CHECK(!same || after.slots[k]->defined() || !parameters_[k].defined(),
                 "{}: '{}' became undefined while the function was traced; do that outside", what_,
                 paths_[k]);
  }
  LILITH_CHECK(
      same,
      "{}: the structure of an argument changed while the function was traced (an optional was "
      "set, a "
      "container grew); the program would not repeat that. Do it outside, before the call.",
      what_);
}

std::vector<std::size_t> Session::changed() const {
  std::vector<std::size_t> out;
  for (std::size_t k = 0; k < parameters_.size(); ++k) {
    if (!before_.writable[k]) continue;
    const ir::NodeImpl* now = before_.slots[k]->node();
    bool same = now == parameters_[k].node();
    // The second visit of one object holds the tracer of the first.
    for (std::size_t j = 0; !same && j < k; ++j)
      same = before_.slots[j] == before_.slots[k] && now == parameters_[j].node();
    if (!same) out.push_back(k);
  }
  return out;
}

bool Session::escaped() const {
  auto held = [](const Tensor& t, int own = 1) { return t.defined() && t.node()->refs() > own; };
  for (std::size_t k = 0; k < parameters_.size(); ++k)
    if (held(parameters_[k], before_.holders(k))) return true;
  for (const Tensor& t : hypers_)
    if (held(t)) return true;
  for (const Tensor& t : keys_)
    if (held(t)) return true;
  return false;
}

}  // namespace lilith::driver

namespace lilith::detail {

ResultBox::~ResultBox() = default;

void Tracer::substitute(std::size_t arg, ModelRef copy) { session_.substitute(arg, copy); }

}  // namespace lilith::detail
