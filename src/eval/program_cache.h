#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>
#include <unordered_map>

#include "core/phases.h"
#include "eval/canonical.h"
#include "eval/program.h"

namespace lilith::driver {

/// Programs by key, least recently used out first. Thread-safe; threads look side by side.
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
  /// The program that is there, or null.
  std::shared_ptr<Program> find(const Key& key);
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
  /// On a thread that makes a program for others.
  class MakingScope {
   public:
    MakingScope();
    ~MakingScope();
    MakingScope(const MakingScope&) = delete;
  };
  /// After a fork: nobody else compiles, and the locks are free.
  void forget_other_threads();

 private:
  struct Entry {
    std::shared_ptr<Program> program;
    std::atomic<std::uint64_t> last_used{0};
  };
  std::shared_ptr<Program> look_up(const Key& key);  // with the lock held
  void insert(const Key& key, std::shared_ptr<Program> program);
  template <class Make>
  std::shared_ptr<Program> find_or_make(const Key& key, Make make);
  void wait_until_made(const Key& key, std::unique_lock<std::shared_mutex>& lock);

  std::shared_mutex mutex_;
  std::condition_variable_any made_;
  std::unordered_map<Key, std::thread::id, KeyHash> being_made_;  // by whom
  std::unordered_map<Key, Entry, KeyHash> entries_;
  std::atomic<std::uint64_t> clock_{0};
};

/// What a graph of a trace is compiled with.
ProgramOptions program_options(const Graph& g, Precision precision);

struct MadeProgram {
  std::shared_ptr<Program> program;
  bool is_planned = false;  // all its code was there
};
/// The program that nobody has asked for yet; none where that cannot be (families.h). Not counted.
std::optional<MadeProgram> make_program_ahead(const Graph& g, Precision precision);

/// Optimises and compiles; counts it. `before`: this thread's phases when the work began.
std::shared_ptr<Program> compile_program(const Graph& g, Precision precision = lilith::precision(),
                                         PhaseTimes before = phase_times());

}  // namespace lilith::driver
