#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "codegen/codegen.h"
#include "codegen/kernel_store.h"
#include "core/env.h"
#include "core/phases.h"
#include "kernel_ir/forms.h"
#include "lilith/error.h"
#include "runtime/disk_cache.h"
#include "runtime/fork.h"
#include "runtime/thread_team.h"

namespace lilith::codegen {
namespace {

CompileFn* load_code_generator() {
  const std::string path = code_generator_path();
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) library = dlopen("liblilith-codegen.so", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw DeviceError(fmt::format("cpu: cannot load the code generator: {}", dlerror()));
  }
  void* symbol = dlsym(library, "lilith_codegen_compile");
  if (symbol == nullptr) throw DeviceError(fmt::format("cpu: {} is no code generator", path));
  return reinterpret_cast<CompileFn*>(symbol);
}

/// What a kernel is found by: the processor and the canonical form.
struct Key {
  const std::string* cpu;  // one string for each that there is
  std::shared_ptr<const kir::Form> form;
  bool operator==(const Key& o) const {
    return cpu == o.cpu && (form == o.form || *form == *o.form);
  }
};
struct KeyHash {
  std::size_t operator()(const Key& k) const { return k.form->hash[0]; }
};

/// The kernels of this process.
struct Cache {
  std::mutex mutex;
  std::condition_variable made;  // some that were being made are not any more
  std::unordered_set<std::string> cpus;
  std::unordered_map<Key, CompiledKernel, KeyHash> kernels;
  std::unordered_set<Key, KeyHash> being_made;
};

Cache& cache() {
  static Cache* c = new Cache;  // outlives every static that still holds code
  return *c;
}

// Nobody else makes kernels in the child of a fork.
void forget_other_threads() {
  Cache& c = cache();
  new (&c.mutex) std::mutex;
  new (&c.made) std::condition_variable;
  c.being_made.clear();
}
[[maybe_unused]] const bool fork_hooks = runtime::at_fork(
    runtime::LockOrder::Outer, {.before = [] { cache(); }, .child = forget_other_threads});

// LLVM's own statics are destroyed when the process ends, while other threads and the destructors
// of the user's statics may still compute. What is compiled then ends first; nothing new begins.
struct Life {
  std::shared_mutex mutex;
  bool over = false;
};
Life& life() {
  static Life* l = new Life;
  return *l;
}
void end_life() {
  const std::unique_lock lock(life().mutex);
  life().over = true;
}
// The main thread's own objects are destroyed before any exit handler runs, so before those of
// statics that LLVM is just making.
struct EndOfMain {
  ~EndOfMain() { end_life(); }
};
void end_life_with_main() {
  if (::gettid() != ::getpid()) return;
  static thread_local EndOfMain end;
  static_cast<void>(&end);
}
[[maybe_unused]] const bool ends_with_main = (end_life_with_main(), true);
// Where another thread ends the process: exit handlers run last first, and those of statics that
// LLVM makes on its way came after ours.
void outlive_no_static_of_llvm() {
  static std::atomic<unsigned> calls{0};
  if (std::has_single_bit(++calls)) std::atexit(end_life);
}

/// One kernel that this process does not have, and what came of it.
struct Job {
  const kir::Kernel* kernel;
  Key key;
  CompiledKernel result;
  bool was_on_disk = false;
  std::exception_ptr error;
};

// A line for each kernel of a program, and one of what they took together.
void report(std::span<const kir::Kernel* const> kernels, const std::vector<Job>& jobs, double ms) {
  if (!env::debug(1, "codegen")) return;
  std::size_t bytes = 0, found = 0;
  std::unordered_map<const kir::Kernel*, const Job*> job_of;
  for (const Job& job : jobs) {
    job_of[job.kernel] = &job;
    found += job.was_on_disk;
    bytes += job.result.code_bytes;
  }
  const auto what_became = [&](const kir::Kernel* k) {
    const auto at = job_of.find(k);
    if (at == job_of.end()) return std::string("cache hit");
    if (at->second->was_on_disk) return std::string("found on disk");
    return fmt::format("compiled, {} bytes of code", at->second->result.code_bytes);
  };
  for (const kir::Kernel* k : kernels) {
    fmt::print(stderr, "codegen: {} {:016x}: {}\n", k->name,
               std::hash<std::string>{}(kir::canonical_of(*k)->bytes), what_became(k));
  }
  fmt::print(stderr,
             "codegen: {} kernels: {} compiled and {} found on disk in {:.2f} ms, {} bytes of "
             "code; {} cache hits\n",
             kernels.size(), jobs.size() - found, found, ms, bytes, kernels.size() - jobs.size());
}

/// Compiles jobs as one object: setting LLVM up costs as much as a small kernel.
void compile_jobs(const std::vector<Job*>& jobs, const Target& info, const std::string& identity) {
  std::vector<const kir::Kernel*> kernels;
  std::vector<std::string> forms;
  for (const Job* job : jobs) {
    kernels.push_back(job->kernel);
    forms.push_back(job->key.form->bytes);
  }
  std::shared_ptr<const KernelObject> object;
  {
    const std::shared_lock lock(life().mutex);
    if (life().over) throw Gone{};
    static CompileFn* const generate = load_code_generator();
    std::unique_ptr<KernelObject> made(generate(kernels, info));
    made->made_by = loaded_llvm();
    object = std::move(made);
    outlive_no_static_of_llvm();
  }
  const std::vector<CompiledKernel> code = load_object(object);
  for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i]->result = code[i];
  if (!identity.empty()) store_on_disk(identity, forms, *object);
}

void run_batch(std::span<Job> batch, const Target& info, const std::string& identity) {
  const PhaseScope phase(Phase::Machine);
  try {
    std::vector<Job*> missing;
    for (Job& job : batch) {
      std::optional<CompiledKernel> found;
      if (!identity.empty()) found = find_on_disk(identity, job.key.form->bytes);
      job.was_on_disk = found.has_value();
      if (found)
        job.result = std::move(*found);
      else
        missing.push_back(&job);
    }
    if (!missing.empty()) compile_jobs(missing, info, identity);
  } catch (...) {
    batch[0].error = std::current_exception();
  }
}

// Every processor takes a batch when it has done one. Processes that make the same program at the
// same time begin at different ones and find each other's on disk.
void run_jobs(std::span<Job> jobs, const Target& info) {
  const auto processors = static_cast<std::size_t>(runtime::available_cores());
  const std::size_t batch = std::clamp<std::size_t>(jobs.size() / (2 * processors), 1, 8);
  const std::size_t batches = (jobs.size() + batch - 1) / batch;
  // Who wants to see what LLVM does has it done.
  const bool looks = runtime::has_disk_cache() && !env::debug(5, "codegen/llvm");
  const std::string identity = looks ? code_identity(info) : "";
  const auto first = static_cast<std::size_t>(::getpid()) % batches;
  std::atomic<std::size_t> next{0};
  auto work = [&] {
    for (std::size_t i = next++; i < batches; i = next++) {
      const std::size_t begin = (i + first) % batches * batch;
      run_batch(jobs.subspan(begin, std::min(batch, jobs.size() - begin)), info, identity);
    }
  };
  std::vector<PhaseTimes> of_helpers(std::min(processors, batches) - 1);
  {
    std::vector<std::jthread> helpers;
    for (PhaseTimes& times : of_helpers) {
      helpers.emplace_back([&] {
        work();
        times = phase_times();
      });
    }
    work();
  }
  for (const PhaseTimes& times : of_helpers) phase_times() += times;
}

/// Kernels that this thread makes: others wait for them.
class Claims {
 public:
  explicit Claims(std::vector<Job> jobs) : jobs_(std::move(jobs)) {}
  Claims(const Claims&) = delete;
  ~Claims() {
    const std::lock_guard lock(cache().mutex);
    for (Job& job : jobs_) {
      cache().being_made.erase(job.key);
      if (job.result.fn) cache().kernels.try_emplace(job.key, std::move(job.result));
    }
    cache().made.notify_all();
  }
  std::vector<Job>& jobs() { return jobs_; }

 private:
  std::vector<Job> jobs_;
};

thread_local std::int64_t compiled_here = 0;

}  // namespace

std::int64_t kernels_compiled() { return compiled_here; }

std::vector<CompiledKernel> compile_kernels(std::span<const kir::Kernel* const> kernels,
                                            const Target& info) {
  Cache& c = cache();
  std::vector<Key> keys;
  {
    const PhaseScope phase(Phase::Names);
    for (const kir::Kernel* k : kernels) keys.push_back({nullptr, kir::canonical_of(*k)});
    const std::lock_guard lock(c.mutex);
    for (Key& key : keys) key.cpu = &*c.cpus.insert(info.cpu).first;
  }
  bool is_told = false;
  for (;;) {
    std::vector<Job> jobs;
    {
      std::unique_lock lock(c.mutex);
      for (std::size_t i = 0; i < kernels.size(); ++i) {
        if (c.kernels.contains(keys[i]) || !c.being_made.insert(keys[i]).second) continue;
        jobs.push_back({kernels[i], keys[i], {}, false, {}});
      }
      const auto is_there = [&](const Key& key) { return c.kernels.contains(key); };
      if (jobs.empty() && std::ranges::all_of(keys, is_there)) break;
      if (jobs.empty()) c.made.wait(lock);  // by other threads
    }
    if (jobs.empty()) continue;
    const auto start = std::chrono::steady_clock::now();
    Claims claims(std::move(jobs));
    run_jobs(claims.jobs(), info);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    report(kernels, claims.jobs(), took.count());
    is_told = true;
    for (const Job& job : claims.jobs()) {
      if (job.error) std::rethrow_exception(job.error);
      compiled_here += !job.was_on_disk;
    }
  }
  if (!is_told) report(kernels, {}, 0);
  std::vector<CompiledKernel> out;
  const std::lock_guard lock(c.mutex);
  for (const Key& key : keys) out.push_back(c.kernels.at(key));
  return out;
}

}  // namespace lilith::codegen
