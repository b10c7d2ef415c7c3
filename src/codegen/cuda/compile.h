#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "codegen/c/source.h"
#include "runtime/cuda/device.h"

// From kernel IR to kernels of a CUDA device: those for a GPU as they say, those for a CPU in task
// mode (codegen/c/parts.h).
namespace lilith::codegen::cuda {

/// Where a Param of a kernel lies: `offset` bytes into a block of the device's memory.
struct Place {
  runtime::cuda::Address base = 0;
  std::int64_t offset = 0;
};

/// The kernels of a program as one text, compiled and loaded for one device.
class CompiledKernels {
 public:
  /// InternalError for a kernel that breaks the rules of kernel IR, DeviceError where the device
  /// cannot compute it or a compiler fails.
  CompiledKernels(std::span<const kir::Kernel* const> kernels, runtime::cuda::Device& device);

  std::size_t size() const { return source_.kernels.size(); }
  /// How many launches of the device kernel `k` is, one after another.
  std::size_t num_parts(std::size_t k) const { return source_.kernels[k].size(); }
  /// The launches that kernel `k` is; params: one place a Param, in the order of declaration.
  void append_launches(std::size_t k, std::span<const Place> params,
                       std::vector<runtime::cuda::Launch>* out) const;
  /// Whether part `p` of kernel `k` uses the memory that all of them share: one at a time.
  bool uses_scratch(std::size_t k, std::size_t p) const {
    return source_.kernels[k][p].scratch_bytes > 0;
  }
  const std::string& text() const { return source_.text; }

 private:
  c::Source source_;
  std::shared_ptr<const runtime::cuda::Module> module_;
  std::vector<std::vector<runtime::cuda::FunctionData*>> functions_;  // as in source_
  std::unique_ptr<runtime::cuda::Buffer> scratch_;
};

}  // namespace lilith::codegen::cuda
