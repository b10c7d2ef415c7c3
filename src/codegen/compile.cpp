#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <unordered_map>

#include "codegen/codegen.h"
#include "core/env.h"
#include "core/phases.h"
#include "lilith/error.h"

namespace lilith::codegen {
namespace {

CompileFn* load_code_generator() {
  Dl_info self{};
  std::string path = "liblilith-codegen.so";
  if (dladdr(reinterpret_cast<void*>(&load_code_generator), &self) != 0 && self.dli_fname) {
    const std::string file = self.dli_fname;
    const std::size_t slash = file.rfind('/');
    if (slash != std::string::npos) path = file.substr(0, slash + 1) + path;
  }
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) library = dlopen("liblilith-codegen.so", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw DeviceError(fmt::format("cpu: cannot load the code generator: {}", dlerror()));
  }
  void* symbol = dlsym(library, "lilith_codegen_compile");
  if (symbol == nullptr) throw DeviceError(fmt::format("cpu: {} is no code generator", path));
  return reinterpret_cast<CompileFn*>(symbol);
}

struct Cache {
  std::mutex mutex;
  std::unordered_map<std::string, CompiledKernel> kernels;
};

Cache& cache() {
  static Cache* c = new Cache;  // outlives every static that still holds code
  return *c;
}

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
// Exit handlers run last first: those of statics that LLVM makes on its way came after ours.
void outlive_no_static_of_llvm() {
  static std::atomic<unsigned> calls{0};
  if (std::has_single_bit(++calls)) std::atexit(end_life);
}

/// One kernel that has to be compiled, and what came of it.
struct Job {
  const kir::Kernel* kernel;
  std::string key;
  CompiledKernel result;
  std::exception_ptr error;
};

// A line for each kernel of a program, and one of what they took together.
void report(std::span<const kir::Kernel* const> kernels, const std::vector<Job>& jobs, double ms) {
  if (!env::debug(1, "codegen")) return;
  std::size_t bytes = 0;
  std::unordered_map<const kir::Kernel*, std::size_t> code_bytes;
  for (const Job& job : jobs) {
    code_bytes[job.kernel] = job.result.code_bytes;
    bytes += job.result.code_bytes;
  }
  for (const kir::Kernel* k : kernels) {
    const auto at = code_bytes.find(k);
    fmt::print(stderr, "codegen: {} {:016x}: {}\n", k->name,
               std::hash<std::string>{}(kir::canonical_form(*k)),
               at == code_bytes.end() ? "cache hit"
                                      : fmt::format("compiled, {} bytes of code", at->second));
  }
  fmt::print(stderr,
             "codegen: {} kernels: {} compiled in {:.2f} ms, {} bytes of code; {} cache hits\n",
             kernels.size(), jobs.size(), ms, bytes, kernels.size() - jobs.size());
}

/// Compiles jobs [begin, end) as one object: setting LLVM up costs as much as a small kernel.
void run_batch(std::vector<Job>& jobs, std::size_t begin, std::size_t end, const Target& info) {
  const PhaseScope phase(Phase::Machine);
  try {
    const std::shared_lock lock(life().mutex);
    if (life().over) throw Gone{};
    static CompileFn* const generate = load_code_generator();
    std::vector<const kir::Kernel*> kernels;
    for (std::size_t i = begin; i < end; ++i) kernels.push_back(jobs[i].kernel);
    const auto code = load_object(std::shared_ptr<const KernelObject>(generate(kernels, info)));
    for (std::size_t i = begin; i < end; ++i) {
      jobs[i].result = code[i - begin];
    }
    outlive_no_static_of_llvm();
  } catch (...) {
    jobs[begin].error = std::current_exception();
  }
}

void run_jobs(std::vector<Job>& jobs, const Target& info) {
  const std::size_t batch = std::clamp<std::size_t>(jobs.size() / 4, 1, 8);
  std::atomic<std::size_t> next{0};
  auto work = [&] {
    for (std::size_t i = next.fetch_add(batch); i < jobs.size(); i = next.fetch_add(batch)) {
      run_batch(jobs, i, std::min(i + batch, jobs.size()), info);
    }
  };
  if (jobs.size() > 1) {
    PhaseTimes of_second;
    {
      std::jthread second([&] {
        work();
        of_second = phase_times();
      });
      work();
    }
    phase_times() += of_second;
  } else {
    work();
  }
  for (const Job& job : jobs) {
    if (job.error) std::rethrow_exception(job.error);
  }
}

}  // namespace

std::vector<CompiledKernel> compile_kernels(std::span<const kir::Kernel* const> kernels,
                                            const Target& info) {
  std::vector<std::string> keys;
  std::vector<Job> jobs;
  {
    const PhaseScope phase(Phase::Names);
    std::unordered_map<std::string, bool> seen;
    std::lock_guard lock(cache().mutex);
    for (const kir::Kernel* k : kernels) {
      keys.push_back(info.cpu + '\0' + kir::canonical_form(*k));
      if (cache().kernels.contains(keys.back()) || !seen.emplace(keys.back(), true).second)
        continue;
      jobs.push_back({k, keys.back(), {}, {}});
    }
  }
  const auto start = std::chrono::steady_clock::now();
  if (!jobs.empty()) run_jobs(jobs, info);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  report(kernels, jobs, took.count());
  std::lock_guard lock(cache().mutex);
  for (Job& job : jobs) cache().kernels.try_emplace(std::move(job.key), std::move(job.result));
  std::vector<CompiledKernel> out;
  for (const std::string& key : keys) out.push_back(cache().kernels.at(key));
  return out;
}

}  // namespace lilith::codegen
