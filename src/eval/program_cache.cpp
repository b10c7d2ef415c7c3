#include "eval/program_cache.h"

#include <atomic>
#include <optional>

#include "codegen/codegen.h"
#include "core/dump.h"
#include "core/env.h"
#include "core/phases.h"
#include "eval/dump_case.h"
#include "eval/lazy.h"
#include "lilith/compile.h"
#include "passes/pipeline.h"
#include "runtime/fork.h"
#include "schedule/plan_record.h"

namespace lilith {
namespace {

constexpr std::size_t kMaxPrograms = 512;

struct Counters {
  std::atomic<std::int64_t> compiled{0}, hits{0}, runs{0}, donated{0}, traces{0};
};
Counters counters;

}  // namespace

CacheStats cache_stats() {
  return {counters.compiled, counters.hits, counters.runs, counters.donated, counters.traces};
}

namespace driver {

void count_run(std::int64_t donated) {
  ++counters.runs;
  counters.donated += donated;
}
void count_trace() { ++counters.traces; }
void count_hit() { ++counters.hits; }

ProgramCache& ProgramCache::instance() {
  static ProgramCache* cache = new ProgramCache;  // outlives tensors of static storage duration
  return *cache;
}

std::shared_ptr<Program> ProgramCache::find(const Key& key) {
  std::lock_guard lock(mutex_);
  const auto at = by_key_.find(key);
  if (at == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, at->second);
  return at->second->program;
}

void ProgramCache::insert(const Key& key, std::shared_ptr<Program> program) {
  std::lock_guard lock(mutex_);
  if (by_key_.count(key)) return;
  entries_.push_front({key, std::move(program)});
  by_key_[key] = entries_.begin();
  if (entries_.size() > kMaxPrograms) {
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

namespace {
// Programs that this thread makes now; one number for all instances of make_once.
thread_local int depth = 0;
}  // namespace

// A thread that compiles may be asked to evaluate: it does not wait for others, who may wait for
// it.
template <class Make>
std::shared_ptr<Program> ProgramCache::make_once(const Key& key, Make make) {
  const bool waits = depth == 0 && !ir::GraphLock::is_held();
  if (waits) {
    std::unique_lock lock(mutex_);
    made_.wait(lock, [&] { return !being_made_.contains(key); });
    if (const auto at = by_key_.find(key); at != by_key_.end()) return at->second->program;
    being_made_.insert(key);
  }
  struct Scope {
    ProgramCache& cache;
    const Key& key;
    const bool waits;
    ~Scope() {
      --depth;
      if (!waits) return;
      const std::lock_guard lock(cache.mutex_);
      cache.being_made_.erase(key);
      cache.made_.notify_all();
    }
  } scope{*this, key, waits};
  ++depth;
  std::shared_ptr<Program> made = make();
  insert(key, made);
  return made;
}

ProgramCache::Request ProgramCache::request(const Canonical& c) {
  Request r{.key = c.key, .program = find(c.key), .graph = {}, .before = {}};
  if (r.program) return r;
  r.before = phase_times();
  r.before[Phase::Key] -= c.ms;
  r.graph = build_graph(c);
  return r;
}

std::shared_ptr<Program> ProgramCache::get(const Request& r) {
  if (!r.program) return make_once(r.key, [&] { return compile_program(*r.graph, r.before); });
  count_hit();
  return r.program;
}

std::shared_ptr<Program> ProgramCache::get(const Key& key, const Graph& g) {
  if (auto found = find(key)) return found;
  return make_once(key, [&] { return compile_program(g); });
}

void ProgramCache::clear() {
  std::lock_guard lock(mutex_);
  entries_.clear();
  by_key_.clear();
}

namespace {

std::shared_ptr<Program> make_program(const Graph& g) {
  if (env::eager()) return make_eager_program(g);
  ProgramOptions options;
  options.donatable.assign(g.inputs().size(), 1);
  try {
    return Program::compile(run_passes(g), options);
  } catch (const codegen::Gone&) {
    return make_eager_program(g);  // the process ends: slow, but right
  }
}

}  // namespace

std::shared_ptr<Program> compile_program(const Graph& g, const PhaseTimes& before) {
  const BuildingScope building;
  ++counters.compiled;
  std::optional<dump::Asked> asked;
  if (schedule::records_plans()) asked.emplace(g.hash());
  auto made = dump::on() ? dump_case(g, make_program) : make_program(g);
  if (env::debug(1, "phases"))
    fmt::print(stderr, "phases: {} nodes: {}\n", made->stats().num_nodes,
               (phase_times() - before).str());
  return made;
}

}  // namespace driver

void clear_program_cache() {
  const runtime::Busy busy;
  driver::ProgramCache::instance().clear();
}

}  // namespace lilith
