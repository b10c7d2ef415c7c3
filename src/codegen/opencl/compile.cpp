#include "codegen/opencl/compile.h"

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>

#include "codegen/c/limits.h"
#include "codegen/opencl/dialect.h"
#include "core/env.h"
#include "lilith/error.h"

namespace lilith::codegen::opencl {

using runtime::opencl::Arg;
using runtime::opencl::Device;
using runtime::opencl::DeviceInfo;
using runtime::opencl::Kernel;
using runtime::opencl::Place;

namespace {

constexpr const char* kTopic = "codegen/opencl";
constexpr std::size_t kGpuGroup = 64;  // work items of a group; a task of a CPU is long enough

std::string build_options(const DeviceInfo& d) {
  std::string out = "-cl-std=CL1.2";
  if (d.exact_division) {
    out += " -cl-fp32-correctly-rounded-divide-sqrt";
  } else if (d.fp64) {
    out += " -D LILITH_DIVIDE_IN_F64";
  }
  return out;
}

std::size_t group_of(const Kernel& kernel, const DeviceInfo& d) {
  return std::min(d.gpu ? kGpuGroup : 1, kernel.max_group());
}

c::Limits limits_of(const Device& d) {
  return {d.name(), d.info().max_param_bytes, d.info().max_group, d.info().local_bytes};
}

}  // namespace

c::Source print_for(std::span<const kir::Kernel* const> kernels, const Device& device) {
  c::Source source = c::print(kernels, kDialect, {device.name(), device.info().fp64});
  for (std::size_t k = 0; k < kernels.size(); ++k) {
    for (const c::Entry& entry : source.kernels[k])
      c::check_limits(*kernels[k], entry, limits_of(device));
  }
  if (env::debug(5, kTopic)) fmt::print(stderr, "{}\n", source.text);
  return source;
}

CompiledKernels::CompiledKernels(c::Source source, Device& device)
    : device_(device), source_(std::move(source)) {
  const auto start = std::chrono::steady_clock::now();
  const auto program = device.build(source_.text, build_options(device.info()));
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  std::int64_t scratch = 0;
  std::unordered_map<std::string, std::shared_ptr<Kernel>> made;  // equal kernels share theirs
  for (const std::vector<c::Entry>& entries : source_.kernels) {
    kernels_.emplace_back();
    for (const c::Entry& entry : entries) {
      std::shared_ptr<Kernel>& kernel = made[entry.name];
      if (!kernel) kernel = std::make_shared<Kernel>(program, entry.name);
      // Its registers may not fit.
      c::check_threads(entry.name, entry, device.name(), kernel->max_group());
      kernels_.back().push_back(kernel);
      scratch = std::max(scratch, entry.scratch_bytes);
    }
  }
  if (scratch > 0) scratch_ = device.allocate(static_cast<std::size_t>(scratch));
  if (env::debug(1, kTopic)) {
    fmt::print(stderr, "codegen: {} kernels for {}: {} functions built in {:.2f} ms\n",
               source_.kernels.size(), device.name(), made.size(), took.count());
  }
}

void CompiledKernels::launch(std::size_t k, std::span<const Place> params) {
  for (std::size_t p = 0; p < kernels_[k].size(); ++p) {
    const c::Entry& entry = source_.kernels[k][p];
    std::vector<Arg> args;
    for (const int param : entry.params) {
      const auto place = static_cast<std::size_t>(param);
      if (place >= params.size())
        throw InternalError(
            fmt::format("codegen: a kernel reads place {} of {}", place, params.size()));
      args.emplace_back(params[place]);
    }
    if (entry.scratch_bytes > 0) args.emplace_back(Place{scratch_.get(), 0});
    if (entry.threads > 0) {
      device_.launch(*kernels_[k][p], static_cast<std::size_t>(entry.groups),
                     static_cast<std::size_t>(entry.threads), args);
      continue;
    }
    const auto items = static_cast<std::size_t>(entry.items);
    const std::size_t group = std::min(group_of(*kernels_[k][p], device_.info()), items);
    const std::size_t groups = (items + group - 1) / group;
    device_.launch(*kernels_[k][p], groups, group, args);
  }
}

}  // namespace lilith::codegen::opencl
