#include "compile_probe.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

namespace lilith::cli {
namespace {

namespace fs = std::filesystem;

// A folder for the cache that goes with its process.
struct CacheFolder {
  fs::path path = fs::temp_directory_path() / fmt::format("lilith-bench-{}", ::getpid());
  CacheFolder() { fs::create_directories(path); }
  ~CacheFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

double run_probe(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  LILITH_CHECK(pipe != nullptr, "bench: cannot run {}", command);
  double ms = -1;
  LILITH_CHECK(std::fscanf(pipe.get(), "%lf", &ms) == 1,
               "bench: the run that measures compilation failed: {}", command);
  return ms;
}

}  // namespace

std::array<double, 2> probe_compile(const std::string& model, const std::string& device,
                                    std::int64_t batch_size, int threads) {
  const CacheFolder cache;
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  std::string command = fmt::format("LILITH_CACHE={} {} bench {} --probe-compile --device {}",
                                    shell_quoted(cache.path.string()), shell_quoted(self), model,
                                    shell_quoted(device));
  if (batch_size > 0) command += fmt::format(" --batch-size {}", batch_size);
  if (threads > 0) command += fmt::format(" --threads {}", threads);
  command += " 2>/dev/null";
  return {run_probe(command), run_probe(command)};
}

double probe_here(const zoo::Entry& entry, const zoo::BenchArgs& args) {
  using Clock = std::chrono::steady_clock;
  const auto bench = entry.bench(args);
  const auto batch = bench->batch(0);
  // The weights are made and the batch is read before, so that only the step's own program is
  // counted.
  for (const auto& [path, tensor] : state_dict(bench->model())) eval(tensor);
  for (const auto& [name, tensor] : batch) eval(tensor);
  double first = 0, later = 1e30;
  for (int i = 0; i < 6; ++i) {
    const auto start = Clock::now();
    bench->step(batch).item<double>();
    const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    if (i == 0)
      first = ms;
    else
      later = std::min(later, ms);
  }
  return std::max(0.0, first - later);
}

}  // namespace lilith::cli
