#include "lilith/compile.h"

#include <algorithm>

#include "core/env.h"
#include "core/run_error.h"
#include "eval/compiled_entries.h"
#include "eval/families.h"
#include "eval/lazy.h"
#include "eval/program_cache.h"
#include "eval/program_store.h"
#include "eval/retrace.h"
#include "eval/trace.h"
#include "eval/tune.h"
#include "ir/node.h"
#include "ops/random_key.h"
#include "runtime/sole_holder.h"
#include "transforms/differentiation.h"
#include "transforms/settle.h"

namespace lilith {
namespace detail {

using driver::Entry;

namespace {

/// Makes every slot that is an input real. Allocates only when something is pending.
void settle_inputs(const CallState& s) {
  std::vector<Tensor> pending;
  for (const Entry::Input& in : s.entry->inputs) {
    if (in.kind != Entry::Input::Slot) continue;
    const Tensor& t = *s.signature.slots[in.index];
    if (t.node()->storage() && t.node()->op != &ir::constant_op()) continue;
    LILITH_CHECK(t.node()->op != &ir::parameter_op(),
                 "compile: an argument belongs to a function that is being traced");
    if (t.node()->op == &ir::constant_op())
      ir::make_real(t);
    else
      pending.push_back(t);
  }
  if (!pending.empty()) driver::evaluate(pending);
}

template <class T>
void put(std::vector<StoragePtr>& scalars, std::size_t at, T value) {
  if (scalars.size() <= at) scalars.resize(at + 1);
  StoragePtr& scalar = scalars[at];
  if (!scalar || !runtime::held_by(scalar, 1)) scalar = Storage::allocate(sizeof(T));
  *static_cast<T*>(scalar->data()) = value;
}

// Without `draws` random numbers are those of a key that nobody drew.
void gather_inputs(CallState& s, bool draws) {
  const Entry& entry = *s.entry;
  for (std::size_t k = 0; k < s.signature.hypers.size(); ++k)
    put(s.hypers, k, HyperAccess::value(*s.signature.hypers[k]));
  for (std::size_t k = 0; k < entry.key_sources.size(); ++k)
    put(s.keys, k,
        draws ? ops::take_host_key(entry.key_sources[k])
              : decltype(ops::take_host_key(entry.key_sources[k]))());
  for (const Entry::Input& in : entry.inputs) {
    switch (in.kind) {
      case Entry::Input::Slot:
        s.inputs.push_back(s.signature.slots[in.index]->node()->storage());
        break;
      case Entry::Input::Hyper:
        s.inputs.push_back(s.hypers[in.index]);
        break;
      case Entry::Input::RandomKey:
        s.inputs.push_back(s.keys[in.index]);
        break;
      case Entry::Input::Fixed:
        s.inputs.push_back(in.fixed);
        break;
    }
  }
  // After all are gathered: a storage that two slots hold shows in its count.
  s.donated.assign(entry.inputs.size(), 0);
  for (std::size_t k = 0; k < entry.inputs.size(); ++k) {
    const Entry::Input& in = entry.inputs[k];
    if (in.kind != Entry::Input::Slot || !in.dies) continue;
    const ir::NodeImpl& node = *s.signature.slots[in.index]->node();
    s.donated[k] = node.refs() == s.signature.holders(in.index) && node.op == &ir::data_op() &&
                   runtime::held_by(s.inputs[k], 2) && !s.inputs[k]->lent();
  }
}

const Tensor& output_value(const CallState& s, const Entry::Output& out) {
  switch (out.kind) {
    case Entry::Output::Program:
      return s.values[out.index];
    case Entry::Output::Passed:
      return s.passed[out.index];
    case Entry::Output::Fixed:
      break;
  }
  return out.fixed;
}

void run_entry(CallState& s) {
  const Entry& entry = *s.entry;
  settle_inputs(s);
  for (std::size_t slot : entry.passed_slots) s.passed.push_back(*s.signature.slots[slot]);
  if (s.program) {
    gather_inputs(s, true);
    s.outputs.resize(entry.output_avals.size());
    driver::run_at(*s.program, s.inputs, s.donated, s.outputs,
                   [&](std::size_t item) { return entry.lines.at(item); });
    driver::count_run(std::count(s.donated.begin(), s.donated.end(), 1));
    // Dead once it is replaced: else update takes it for the memory of a copy (optim/identity.h).
    s.inputs.clear();
    for (std::size_t k = 0; k < s.outputs.size(); ++k)
      s.values.push_back(ir::make_data(entry.output_avals[k], std::move(s.outputs[k])));
  }
  for (const auto& [slot, out] : entry.state) s.signature.slots[slot]->rebind(output_value(s, out));
  for (const Entry::Output& out : entry.results) s.results.push_back(output_value(s, out));
}

/// Whether a RetraceAfter's objects are arguments, so that they are there after the trace is
/// undone.
bool are_arguments(const driver::RetraceAfter& request, std::span<const ArgRef> args) {
  return std::all_of(request.objects.begin(), request.objects.end(), [&](const void* p) {
    return std::any_of(args.begin(), args.end(), [&](const ArgRef& a) {
      const auto* from = static_cast<const char*>(a.address);
      return a.writable && p >= from && p < from + a.bytes;
    });
  });
}

std::shared_ptr<Entry> trace_entry(std::span<const ArgRef> args, const TraceFunction& f) {
  constexpr int kMaxRetraces = 16;
  for (int k = 0; k < kMaxRetraces; ++k) {
    std::function<void()> action;
    try {
      driver::count_trace();
      return driver::make_entry(args, f);
    } catch (const driver::RetraceAfter& request) {
      LILITH_CHECK(are_arguments(request, args), "{}", request.otherwise);
      action = request.action;
    }
    action();
  }
  throw InternalError("compile: the trace asks to be repeated again and again");
}

/// When a function that captures something is traced again, though its signature is known: at the
/// second call, and then for a small part of the time.
bool is_due(Entry& entry) {
  constexpr double kShare = 1.0 / 64;
  if (++entry.calls == 2) return true;
  return (driver::now_ms() - entry.traced_at_ms) * kShare > entry.trace_ms;
}

void say_what_changed(const CompiledImpl& impl, const Entry& before, const Entry& now) {
  const std::int64_t calls = before.calls - before.traced_calls - 1;
  fmt::print(stderr,
             "lilith: compile{}: what the function captures changed after it was traced ({}){}. It "
             "is traced at every call from now on. Pass a number that changes as an argument or as "
             "a Hyper.\n",
             impl.loc ? " at " + impl.loc.str() : "", before.change_to(now),
             calls > 0 ? fmt::format("; up to {} calls used what was captured before", calls) : "");
}

/// The entry of the signature that was read.
void find_or_trace(CompiledImpl& impl, CallState& s, std::span<const ArgRef> args,
                   const TraceFunction& f) {
  double begin = 0;
  const auto trace = [&] {
    begin = driver::now_ms();
    s.version = 0;
    s.entry = trace_entry(args, f);
    s.program = s.entry->program;
    s.signature.read(args);  // what was made real before tracing belongs to it
  };
  if (!impl.changes) {
    impl.find(s, args);
    const bool due = s.entry && impl.captures && is_due(*s.entry);
    if (s.entry && !due) return driver::count_hit();
    const std::lock_guard lock(impl.trace_mutex);
    if (!s.entry) impl.find(s, args);
    if (!s.entry || due) {
      const std::shared_ptr<Entry> before = std::move(s.entry);
      const std::shared_ptr<Program> known = s.program;
      trace();
      s.entry->note_trace(begin);
      if (!before) return impl.insert(s.entry);
      if (before->structure == s.entry->structure) {
        before->note_trace(begin);
        s.entry = before;
        s.program = known;
        return driver::count_hit();
      }
      if (!impl.changes.exchange(true)) say_what_changed(impl, *before, *s.entry);
    }
    return;
  }
  const std::lock_guard lock(impl.trace_mutex);
  trace();
}

TuneReport tune_entry(CompiledImpl& impl, CallState& s) {
  Entry& entry = *s.entry;
  if (!s.program) return {};
  entry.tuned = true;
  settle_inputs(s);
  gather_inputs(s, false);
  const auto options = driver::program_options(entry.graph, entry.program_key.precision);
  Tuned tuned;
  try {
    tuned = tune_program(entry.graph, s.program, options, s.inputs);
  } catch (const RunError& e) {
    if (e.loc().site == 0) throw;
    e.rethrow_at(entry.lines.at(e.loc().site - 1));
  }
  if (tuned.program) {
    driver::ProgramCache::instance().replace(entry.program_key, tuned.program);
    impl.replace_program(entry, tuned.program);
  }
  return tuned.report;
}

/// LILITH_TUNE, at the second call: the first one may be the only one.
void tune_when_asked(CompiledImpl& impl, CallState& s) {
  Entry& entry = *s.entry;
  if (!impl.tunes || !s.program || impl.changes) return;
  if (!entry.was_called.exchange(true) || entry.tuned.exchange(true)) return;
  if (is_tuned_on_disk(entry.graph,
                       driver::program_options(entry.graph, entry.program_key.precision)))
    return;
  std::string report;
  try {
    report = tune_entry(impl, s).str();
  } catch (const DeviceError& e) {
    report = e.what();  // no room for a second program: it stays as it is
  }
  s.inputs.clear();
  s.program = impl.program_of(entry);
  if (env::debug(1, "tune"))
    fmt::print(stderr, "tune: compile{}: {}\n", impl.loc ? " at " + impl.loc.str() : "", report);
}

}  // namespace

CompiledBase::CompiledBase(Loc loc, bool captures, const CompileOptions& options)
    : options_(options), impl_(std::make_shared<CompiledImpl>(loc, captures)) {
  const LocScope scope(loc, "compile");
  const Scope checked(options);
}

CompiledBase::Scope::Scope(const CompileOptions& options) {
  if (!options.dynamic) saved_ = set_own_sizes(true);
  if (options.autocast) autocast_.emplace(*options.autocast);
}
CompiledBase::Scope::~Scope() {
  if (saved_) set_own_sizes(*saved_);
}

std::string CompiledBase::explain() const { return impl_->explain(); }
void CompiledBase::explain_html(const std::string& path) const { impl_->explain_html(path); }
CompiledStats CompiledBase::stats() const { return impl_->stats(); }

bool CompiledBase::runs_inline() {
  return ir::trace_depth() > 0 || ir::differentiation_depth() > 0;
}

CompiledBase::Call::Call(const CompiledBase& f, const ArgRef* args, std::size_t n,
                         TraceTrampoline trace, void* context)
    : impl_(*f.impl_), state_(impl_.acquire()) {
  const LocScope::Fallback line(impl_.loc);
  const runtime::Busy busy;
  try {
    CallState& s = *state_;
    const std::span<const ArgRef> all(args, n);
    s.signature.read(all);
    find_or_trace(impl_, s, all, [&](Tracer& t) { return trace(context, t); });
    tune_when_asked(impl_, s);
    run_entry(s);
    each_binding(
        *s.entry, s, all,
        [](const driver::CallRule& rule, void* owner, const void* model, const auto& fields) {
          rule.ran(owner, model, fields);
          return true;
        });
  } catch (...) {
    impl_.release(state_);
    throw;
  }
}

TuneReport CompiledBase::tune(const ArgRef* args, std::size_t n, TraceTrampoline trace,
                              void* context) const {
  LILITH_CHECK(!runs_inline(),
               "tune: it runs the function, which a trace or a grad cannot wait for");
  const LocScope::Fallback line(impl_->loc);
  const runtime::Busy busy;
  const std::unique_ptr<CallState, std::function<void(CallState*)>> state(
      impl_->acquire(), [&](CallState* s) { impl_->release(s); });
  const std::span<const ArgRef> all(args, n);
  state->signature.read(all);
  find_or_trace(*impl_, *state, all, [&](Tracer& t) { return trace(context, t); });
  return tune_entry(*impl_, *state);
}

CompiledBase::Call::~Call() { impl_.release(state_); }

ResultBox& CompiledBase::Call::prototype() const { return *state_->entry->prototype; }

void CompiledBase::Call::fill(ModelRef result) const {
  struct Fill final : Visitor {
    const std::vector<Tensor>& values;
    std::size_t next = 0;
    explicit Fill(const std::vector<Tensor>& v) : values(v) {}
    void parameter(Tensor& t) override { t.rebind(values[next++]); }
    void buffer(Buffer& t) override { t = values[next++]; }
  } fill(state_->results);
  result.visit(fill);
}

}  // namespace detail
}  // namespace lilith
