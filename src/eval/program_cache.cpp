#include "eval/program_cache.h"

#include <algorithm>
#include <new>
#include <optional>

#include "codegen/codegen.h"
#include "codegen/shared_code.h"
#include "core/autocast_state.h"
#include "core/dump.h"
#include "core/env.h"
#include "core/per_thread.h"
#include "core/phases.h"
#include "eval/ahead.h"
#include "eval/dump_case.h"
#include "eval/lazy.h"
#include "eval/program_store.h"
#include "lilith/compile.h"
#include "passes/pipeline.h"
#include "runtime/fork.h"
#include "schedule/plan_record.h"

namespace lilith {
namespace {

constexpr std::size_t kMaxPrograms = 512;

struct Counters {
  PerThreadCount compiled, hits, runs, donated, traces, planned;
};
Counters counters;

}  // namespace

CacheStats cache_stats() {
  return {counters.compiled.sum(), counters.hits.sum(),   counters.runs.sum(),
          counters.donated.sum(),  counters.traces.sum(), counters.planned.sum()};
}

namespace driver {

void count_run(std::int64_t donated) {
  counters.runs.add(1);
  counters.donated.add(donated);
}
void count_trace() { counters.traces.add(1); }
void count_hit() { counters.hits.add(1); }

ProgramCache& ProgramCache::instance() {
  static ProgramCache* cache = new ProgramCache;  // outlives tensors of static storage duration
  return *cache;
}

std::shared_ptr<Program> ProgramCache::look_up(const Key& key) {
  const auto at = entries_.find(key);
  if (at == entries_.end()) return nullptr;
  // The last one that was asked for stays the last: threads that ask for it leave the clock alone.
  std::atomic<std::uint64_t>& used = at->second.last_used;
  if (used.load(std::memory_order_relaxed) != clock_.load(std::memory_order_relaxed))
    used.store(++clock_, std::memory_order_relaxed);
  return at->second.program;
}

std::shared_ptr<Program> ProgramCache::find(const Key& key) {
  const std::shared_lock lock(mutex_);
  return look_up(key);
}

void ProgramCache::insert(const Key& key, std::shared_ptr<Program> program) {
  std::shared_ptr<Program> oldest;  // ends without the lock
  const std::lock_guard lock(mutex_);
  const auto [at, is_new] = entries_.try_emplace(key);
  if (!is_new) return;
  at->second.program = std::move(program);
  at->second.last_used = ++clock_;
  if (entries_.size() <= kMaxPrograms) return;
  const auto out = std::ranges::min_element(
      entries_, {}, [](const auto& entry) { return entry.second.last_used.load(); });
  oldest = std::move(out->second.program);
  entries_.erase(out);
}

namespace {
// Programs that this thread makes now; one number for all instances of find_or_make.
thread_local int depth = 0;

const bool fork_hooks = runtime::at_fork(
    runtime::LockOrder::Outer, {.before = [] { ProgramCache::instance(); },
                                .child = [] { ProgramCache::instance().forget_other_threads(); }});
}  // namespace

bool ProgramCache::is_making() { return depth > 0; }
ProgramCache::MakingScope::MakingScope() { ++depth; }
ProgramCache::MakingScope::~MakingScope() { --depth; }

void ProgramCache::forget_other_threads() {
  new (&mutex_) std::shared_mutex;
  new (&made_) std::condition_variable_any;
  std::erase_if(being_made_,
                [](const auto& made) { return made.second != std::this_thread::get_id(); });
}

// Who makes it calls code of the user, which may fork.
void ProgramCache::wait_until_made(const Key& key, std::unique_lock<std::shared_mutex>& lock) {
  while (being_made_.contains(key)) {
    {
      const runtime::Idle idle;
      made_.wait(lock);
      lock.unlock();
    }
    lock.lock();
  }
}

// A thread that compiles may be asked to evaluate: it does not wait for others, who may wait for
// it.
template <class Make>
std::shared_ptr<Program> ProgramCache::find_or_make(const Key& key, Make make) {
  const bool waits = depth == 0 && !ir::GraphLock::is_held();
  {
    std::unique_lock lock(mutex_);
    if (waits) wait_until_made(key, lock);
    if (auto found = look_up(key)) return found;
    if (waits) being_made_.emplace(key, std::this_thread::get_id());
  }
  struct Scope {
    ProgramCache& cache;
    const Key& key;
    const bool waits;
    ~Scope() {
      if (!waits) return;
      const std::lock_guard lock(cache.mutex_);
      cache.being_made_.erase(key);
      cache.made_.notify_all();
    }
  } scope{*this, key, waits};
  const MakingScope making;
  std::shared_ptr<Program> made = make();
  insert(key, made);
  return made;
}

namespace {

void count_made(const MadeProgram& made) {
  (made.is_planned ? counters.planned : counters.compiled).add(1);
}

std::shared_ptr<Program> take_or_compile(const Key& key, const Graph& g, PhaseTimes before) {
  // As in find_or_make: only a thread that nobody waits for waits itself.
  if (depth == 1 && !ir::GraphLock::is_held()) {
    if (const auto taken = Ahead::instance().take(key, g)) {
      count_made(*taken);
      return taken->program;
    }
  }
  return compile_program(g, key.precision, before);
}

}  // namespace

ProgramCache::Request ProgramCache::request(const Canonical& c) {
  Request r{.key = c.key, .program = find(c.key), .graph = {}, .before = {}};
  if (r.program) return r;
  r.before = phase_times();
  r.before[Phase::Key] -= c.ms;
  r.graph = build_graph(c);
  return r;
}

std::shared_ptr<Program> ProgramCache::get(const Request& r) {
  if (r.program) {
    count_hit();
    return r.program;
  }
  bool made = false;
  auto program = find_or_make(r.key, [&] {
    made = true;
    return take_or_compile(r.key, *r.graph, r.before);
  });
  if (!made) count_hit();  // by the thread that this one waited for
  return program;
}

std::shared_ptr<Program> ProgramCache::get(const Key& key, const Graph& g) {
  return find_or_make(key, [&] { return take_or_compile(key, g, phase_times()); });
}

bool ProgramCache::has(const Key& key) {
  const std::shared_lock lock(mutex_);
  return entries_.contains(key);
}

void ProgramCache::replace(const Key& key, std::shared_ptr<Program> program) {
  const std::lock_guard lock(mutex_);
  if (const auto at = entries_.find(key); at != entries_.end())
    at->second.program.swap(program);  // the old one ends without the lock
}

void ProgramCache::clear() {
  Ahead::instance().clear();
  std::unordered_map<Key, Entry, KeyHash> old;  // ends without the lock
  const std::lock_guard lock(mutex_);
  entries_.swap(old);
}

namespace {

ProgramOptions options_of(const Graph& g, Precision precision, Family family) {
  ProgramOptions options;
  options.precision = precision;
  options.donatable.assign(g.inputs().size(), 1);
  options.family = std::move(family);
  return options;
}

std::shared_ptr<Program> find_or_compile(const Graph& g, const ProgramOptions& options) {
  bool is_found = true;
  auto program = find_or_make_program(g, options, [&] {
    is_found = false;
    return Program::compile(run_passes(g), options);
  });
  Ahead::instance().note(is_found);
  return program;
}

std::shared_ptr<Program> make_program(const Graph& g, Precision precision) {
  if (env::eager()) return make_eager_program(g);
  try {
    return find_or_compile(g, program_options(g, precision));
  } catch (const codegen::Gone&) {
    return make_eager_program(g);  // the process ends: slow, but right
  }
}

template <class Make>
MadeProgram make_and_look(Make make) {
  const BuildingScope building;
  const AutocastOff passes;
  const std::int64_t compiled = codegen::kernels_compiled(), shared = codegen::kernels_shared();
  MadeProgram made{make()};
  made.is_planned = codegen::kernels_compiled() == compiled && codegen::kernels_shared() > shared;
  return made;
}

}  // namespace

ProgramOptions program_options(const Graph& g, Precision precision) {
  return options_of(g, precision, join_family(g));
}

std::shared_ptr<Program> compile_program(const Graph& g, Precision precision, PhaseTimes before) {
  std::optional<dump::Asked> asked;
  if (schedule::records_plans()) asked.emplace(g.hash());
  const MadeProgram made = make_and_look([&] {
    const auto make = [precision](const Graph& of) { return make_program(of, precision); };
    return dump::on() ? dump_case(g, make) : make(g);
  });
  count_made(made);
  if (env::debug(1, "phases"))
    fmt::print(stderr, "phases: {} nodes: {}\n", made.program->stats().num_nodes,
               (phase_times() - before).str());
  return made.program;
}

std::optional<MadeProgram> make_program_ahead(const Graph& g, Precision precision) {
  std::optional<Family> family = family_ahead(g);
  if (!family) return std::nullopt;
  const ProgramOptions options = options_of(g, precision, *std::move(family));
  const ProgramCache::MakingScope making;
  return make_and_look([&] { return find_or_compile(g, options); });
}

}  // namespace driver

void clear_program_cache() {
  const runtime::Busy busy;
  driver::ProgramCache::instance().clear();
}

}  // namespace lilith
