#pragma once
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include "core/phases.h"
#include "eval/canonical.h"
#include "eval/program.h"

namespace lilith::driver {

/// Programs by key, least recently used out first. Thread-safe.
class ProgramCache {
 public:
  static ProgramCache& instance();

  /// A program that is there, or what it is compiled from.
  struct Request {
    Key key;
    std::shared_ptr<Program> program;
    std::optional<Graph> graph;
    PhaseTimes before;  // of this thread
  };
  /// Under the GraphLock of the canonical graph, which get() does without.
  Request request(const Canonical& c);
  /// The program: as found, or compiled (passes, then Program::compile); once, where several
  /// threads ask for it.
  std::shared_ptr<Program> get(const Request& request);
  std::shared_ptr<Program> get(const Key& key, const Graph& g);
  bool has(const Key& key);
  /// For whoever asks from now on.
  void replace(const Key& key, std::shared_ptr<Program> program);
  void clear();
  /// Whether this thread compiles a program now: others may wait for it.
  static bool is_making();
  /// After a fork: nobody else compiles, and the locks are free.
  void forget_other_threads();

 private:
  struct Entry {
    Key key;
    std::shared_ptr<Program> program;
  };
  std::shared_ptr<Program> find(const Key& key);  // with the lock held
  void insert(const Key& key, std::shared_ptr<Program> program);
  template <class Make>
  std::shared_ptr<Program> find_or_make(const Key& key, Make make);
  void wait_until_made(const Key& key, std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable made_;
  std::unordered_map<Key, std::thread::id, KeyHash> being_made_;  // by whom
  std::list<Entry> entries_;                                      // most recently used first
  std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> by_key_;
};

/// What a graph of a trace is compiled with.
ProgramOptions program_options(const Graph& g, Precision precision);

/// Optimises and compiles; counts it. `before`: this thread's phases when the work began.
std::shared_ptr<Program> compile_program(const Graph& g, Precision precision = lilith::precision(),
                                         PhaseTimes before = phase_times());

}  // namespace lilith::driver
