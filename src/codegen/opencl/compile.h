#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "codegen/c/source.h"
#include "runtime/opencl/device.h"

// From kernel IR to kernels of an OpenCL device: those for a GPU as they say, those for a CPU in
// task mode (codegen/c/parts.h).
namespace lilith::codegen::opencl {

/// Kernels as one text for a device. InternalError for a kernel that breaks the rules of kernel IR,
/// DeviceError where the device cannot compute it.
c::Source print_for(std::span<const kir::Kernel* const> kernels,
                    const runtime::opencl::Device& device);

/// The kernels of a program, built for one device. Launches may come from any thread.
class CompiledKernels {
 public:
  /// DeviceError where the device's compiler fails.
  CompiledKernels(c::Source source, runtime::opencl::Device& device);
  /// Prints them first.
  CompiledKernels(std::span<const kir::Kernel* const> kernels, runtime::opencl::Device& device)
      : CompiledKernels(print_for(kernels, device), device) {}

  std::size_t size() const { return source_.kernels.size(); }
  /// Enqueues kernel `k`; params: one place a Param, in the order of declaration.
  void launch(std::size_t k, std::span<const runtime::opencl::Place> params);
  const c::Source& source() const { return source_; }
  const std::string& text() const { return source_.text; }
  /// How many launches of the device kernel `k` is.
  std::size_t num_parts(std::size_t k) const { return source_.kernels[k].size(); }

 private:
  runtime::opencl::Device& device_;
  c::Source source_;
  std::vector<std::vector<std::shared_ptr<runtime::opencl::Kernel>>> kernels_;  // as in source_
  std::unique_ptr<runtime::opencl::Buffer> scratch_;  // one launch at a time uses it
};

}  // namespace lilith::codegen::opencl
