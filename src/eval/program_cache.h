#pragma once
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "core/phases.h"
#include "eval/canonical.h"
#include "eval/program.h"

namespace lilith::driver {

/// Programs by key, least recently used out first. Thread-safe.
class ProgramCache {
 public:
  static ProgramCache& instance();

  /// The program of a canonical graph: from the cache, or compiled (passes, then Program::compile).
  std::shared_ptr<Program> get(const Canonical& c);
  std::shared_ptr<Program> get(const Key& key, const Graph& g);
  void clear();

 private:
  struct Entry {
    Key key;
    std::shared_ptr<Program> program;
  };
  std::shared_ptr<Program> find(const Key& key);
  void insert(const Key& key, std::shared_ptr<Program> program);

  std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> by_key_;
};

/// Optimises and compiles; counts it. `before`: this thread's phases when the work began.
std::shared_ptr<Program> compile_program(const Graph& g, const PhaseTimes& before = phase_times());

}  // namespace lilith::driver
