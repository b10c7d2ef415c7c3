#pragma once
#include <atomic>

#include "eval/program.h"
#include "eval/trace.h"

namespace lilith::driver {

/// One signature of a compiled function: its program, and where inputs come from and outputs go.
struct Entry {
  struct Input {
    enum Kind : std::uint8_t { Slot, Hyper, RandomKey, Fixed } kind;
    std::size_t index = 0;  // of a slot, hyper or draw
    bool dies = false;      // a slot that the function assigns: its old value is not needed after
    StoragePtr fixed = {};
  };
  struct Output {
    enum Kind : std::uint8_t { Program, Passed, Fixed } kind;
    std::size_t index = 0;  // of the program's outputs, or of passed_slots
    Tensor fixed = {};
  };

  struct Constant {
    std::string value;
    Loc loc;
  };

  Key key;
  std::vector<Session::Guard> guards;
  std::vector<Session::Binding> bindings;
  std::vector<Input> inputs;
  // Draws of one call, each with its generator: that advances by all of its own, used or not.
  std::vector<std::optional<RandomGenerator>> key_sources;
  std::vector<Aval> output_avals;
  std::vector<std::size_t> passed_slots;
  std::vector<std::pair<std::size_t, Output>> state;
  std::vector<Output> results;
  std::shared_ptr<Program> program;  // null when nothing is computed; tuning replaces it
  Key program_key;
  std::atomic<bool> was_called{false}, tuned{false};  // or being tuned
  Graph graph;             // that it was compiled from, with this function's lines
  std::vector<Loc> lines;  // of the items of its canonical graph
  std::unique_ptr<detail::ResultBox> prototype;
  std::string label;
  Key structure;                  // of the trace, its constants too
  std::vector<Constant> numbers;  // of the trace, in order
  std::atomic<std::uint64_t> last_used{0};
  // Where the function captures something: its calls, and those until it was traced last.
  std::atomic<std::int64_t> calls{1}, traced_calls{1};
  std::atomic<double> traced_at_ms{0}, trace_ms{0};  // and how long that took

  bool accepts(const Signature& s) const;
  std::string explain() const;
  /// The function was traced for this signature, from then on until now.
  void note_trace(double began_ms);
  /// What the first number is that a later trace of the same signature has otherwise: "1 -> 2, used
  /// at net.cpp:12".
  std::string change_to(const Entry& later) const;
};

/// Of a clock that only moves on.
double now_ms();

/// Traces, checks and compiles.
std::shared_ptr<Entry> make_entry(std::span<const detail::ArgRef> args,
                                  const detail::TraceFunction& f);

}  // namespace lilith::driver
