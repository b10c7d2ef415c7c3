#pragma once
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>

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
  void clear();

 private:
  struct Entry {
    Key key;
    std::shared_ptr<Program> program;
  };
  std::shared_ptr<Program> find(const Key& key);
  void insert(const Key& key, std::shared_ptr<Program> program);
  template <class Make>
  std::shared_ptr<Program> make_once(const Key& key, Make make);

  std::mutex mutex_;
  std::condition_variable made_;
  std::unordered_set<Key, KeyHash> being_made_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> by_key_;
};

/// Optimises and compiles; counts it. `before`: this thread's phases when the work began.
std::shared_ptr<Program> compile_program(const Graph& g, const PhaseTimes& before = phase_times());

}  // namespace lilith::driver
