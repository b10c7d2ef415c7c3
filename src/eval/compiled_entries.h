#pragma once
#include <atomic>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/env.h"
#include "core/per_thread.h"
#include "eval/trace_entry.h"
#include "lilith/compile.h"
#include "runtime/fork.h"

namespace lilith::detail {

/// What one call needs; kept and used again, so that a call allocates nothing.
struct CallState {
  driver::Signature signature;
  std::shared_ptr<driver::Entry> entry;
  std::shared_ptr<Program> program;  // the entry's, as it was when the call began
  std::uint64_t version = 0;         // of the entries, when those two were found; 0: they were not
  std::vector<StoragePtr> inputs, outputs, hypers, keys;
  std::vector<char> donated;
  std::vector<Tensor> values;  // of the program's outputs
  std::vector<Tensor> passed;  // of slots that an output only passes on
  std::vector<Tensor> results;
  std::vector<Tensor*> fields;  // of a binding

  void clear() {
    inputs.clear();
    for (StoragePtr& s : outputs) s.reset();
    values.clear();
    passed.clear();
    results.clear();
  }
};

/// Calls f(rule, owner, model, fields) for each binding of the entry until it returns false.
template <class F>
bool each_binding(const driver::Entry& entry, CallState& s, std::span<const ArgRef> args,
                  const F& f) {
  const auto object_at = [&](const driver::Session::Place& place) -> void* {
    return const_cast<char*>(static_cast<const char*>(args[place.arg].address)) + place.offset;
  };
  for (const driver::Session::Binding& b : entry.bindings) {
    s.fields.clear();
    for (const std::size_t slot : b.slots) s.fields.push_back(s.signature.slots[slot]);
    if (!f(*b.rule, object_at(b.owner), object_at(b.model), s.fields)) return false;
  }
  return true;
}

/// A compiled function: the signatures that it was called with, and states for its calls.
class CompiledImpl {
 public:
  CompiledImpl(Loc loc, bool captures) : loc(loc), captures(captures) {}

  /// A state that no other call has, until it is released.
  CallState* acquire();
  void release(CallState* state);

  /// Gives the state the entry of the signature that was read, and its program; false where there
  /// is none.
  bool find(CallState& s, std::span<const ArgRef> args);
  void insert(std::shared_ptr<driver::Entry> entry);
  void replace_program(driver::Entry& entry, std::shared_ptr<Program> program);
  std::shared_ptr<Program> program_of(const driver::Entry& entry) const;

  // As of Compiled.
  std::string explain() const;
  void explain_html(const std::string& path) const;
  CompiledStats stats() const;

  const Loc loc;                                // the line of compile
  const bool captures;                          // the function may hold numbers that change
  const bool tunes = env::flag("LILITH_TUNE");  // each entry, at its second call
  std::atomic<bool> changes{false};             // they did: it is traced at each call
  // One trace at a time: the user's function may keep state of its own.
  runtime::ForkMutex trace_mutex;

 private:
  bool accepts(const driver::Entry& entry, CallState& s, std::span<const ArgRef> args) const;
  void note_use(driver::Entry& entry);
  // That of the last call comes last.
  using Called = std::pair<std::shared_ptr<const driver::Entry>, std::shared_ptr<const Program>>;
  std::vector<Called> in_order_of_calls() const;
  void evict();

  mutable std::shared_mutex mutex_;
  std::unordered_map<driver::Key, std::vector<std::shared_ptr<driver::Entry>>, driver::KeyHash>
      entries_;
  std::size_t count_ = 0;
  // Changes when an entry or its program goes: what a state found before may be out of date.
  std::atomic<std::uint64_t> version_{1};
  std::atomic<std::uint64_t> clock_{0};
  PerThreadPool<CallState> free_;
};

}  // namespace lilith::detail
