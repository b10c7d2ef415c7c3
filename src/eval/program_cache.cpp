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

std::shared_ptr<Program> ProgramCache::get(const Canonical& c) {
  if (auto found = find(c.key)) {
    count_hit();
    return found;
  }
  PhaseTimes before = phase_times();
  before[Phase::Key] -= c.ms;
  auto made = compile_program(build_graph(c), before);
  insert(c.key, made);
  return made;
}

std::shared_ptr<Program> ProgramCache::get(const Key& key, const Graph& g) {
  if (auto found = find(key)) return found;
  auto made = compile_program(g);
  insert(key, made);
  return made;
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
