#include "codegen/cuda/compile.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "codegen/c/limits.h"
#include "codegen/cuda/dialect.h"
#include "core/env.h"
#include "lilith/error.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/disk_cache.h"

namespace lilith::codegen::cuda {

using runtime::cuda::Device;
using runtime::cuda::Launch;

namespace {

constexpr const char* kTopic = "codegen/cuda";
constexpr std::int64_t kTaskThreads = 64;  // of a block; a task of a CPU is long enough

c::Limits limits_of(const Device& d) {
  const std::size_t param_bytes = runtime::cuda::driver_version() >= 12010 ? 32764 : 4096;
  return {d.name(), param_bytes, static_cast<std::size_t>(d.info().max_threads),
          d.info().shared_bytes};
}

/// From the cache on disk, where it has it.
std::string image_of(const std::string& text, const std::string& target) {
  constexpr const char* kKind = "cuda";
  const std::string key = runtime::cuda::compile_key(target) + "\n" + text;
  if (std::optional<std::string> found = runtime::find_on_disk(kKind, key))
    return *std::move(found);
  std::string image = runtime::cuda::image_for(text, target);
  runtime::store_on_disk(kKind, key, image);
  return image;
}

}  // namespace

Code compile(std::span<const kir::Kernel* const> kernels, const Device& device) {
  c::Source source = c::print(kernels, kDialect, {device.name(), true});
  for (std::size_t k = 0; k < kernels.size(); ++k) {
    for (const c::Entry& entry : source.kernels[k])
      c::check_limits(*kernels[k], entry, limits_of(device));
  }
  if (env::debug(5, kTopic)) fmt::print(stderr, "{}\n", source.text);
  const auto start = std::chrono::steady_clock::now();
  const std::string target = runtime::cuda::target_for(device.info().architecture());
  Code code{runtime::cuda::compile_key(target), image_of(source.text, target),
            std::move(source.kernels)};
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  if (env::debug(1, kTopic)) {
    fmt::print(stderr, "codegen: {} kernels for {}, {}: built in {:.2f} ms\n", kernels.size(),
               device.name(), target, took.count());
  }
  return code;
}

void write(ByteWriter& out, const Code& code) {
  out.text(code.made_for);
  out.text(code.image);
  c::write(out, code.kernels);
}

std::optional<Code> read_code(ByteReader& in, const Device& device) {
  using runtime::cuda::compile_key, runtime::cuda::target_for;
  Code code;
  code.made_for = in.text();
  if (code.made_for != compile_key(target_for(device.info().architecture()))) return {};
  code.image = in.text();
  code.kernels = c::read_entries(in);
  if (!in.done()) return {};
  return code;
}

CompiledKernels::CompiledKernels(Code code, Device& device)
    : code_(std::move(code)), module_(device.load(code_.image)) {
  std::int64_t scratch = 0;
  for (const std::vector<c::Entry>& entries : code_.kernels) {
    functions_.emplace_back();
    for (const c::Entry& entry : entries) {
      functions_.back().push_back(module_->function(entry.name));
      scratch = std::max(scratch, entry.scratch_bytes);
    }
  }
  if (scratch > 0) scratch_ = device.allocate(static_cast<std::size_t>(scratch));
}

void CompiledKernels::append_launches(std::size_t k, std::span<const Place> params,
                                      std::vector<Launch>* out) const {
  for (std::size_t p = 0; p < num_parts(k); ++p) {
    const c::Entry& entry = code_.kernels[k][p];
    Launch launch;
    launch.function = functions_[k][p];
    if (entry.threads > 0) {
      launch.threads = static_cast<unsigned>(entry.threads);
      launch.blocks = static_cast<unsigned>(entry.groups);
    } else {
      const std::int64_t threads = std::min(kTaskThreads, entry.items);
      launch.threads = static_cast<unsigned>(threads);
      launch.blocks = static_cast<unsigned>((entry.items + threads - 1) / threads);
    }
    const auto add = [&](const Place& place) {
      launch.words.push_back(place.base);
      launch.words.push_back(static_cast<std::uint64_t>(place.offset));
    };
    for (const int param : entry.params) {
      const auto at = static_cast<std::size_t>(param);
      if (at >= params.size())
        throw InternalError(
            fmt::format("codegen: a kernel reads place {} of {}", at, params.size()));
      add(params[at]);
    }
    if (entry.scratch_bytes > 0) add({scratch_->address(), 0});
    out->push_back(std::move(launch));
  }
}

}  // namespace lilith::codegen::cuda
