#pragma once
#include <algorithm>

#include "codegen/opencl/compile.h"
#include "support/kernel_inputs.h"
#include "support/opencl.h"

// Kernels on an OpenCL device next to the interpreter: every bit has to be equal.
namespace lilith::codegen::testing {

/// The first element in which two blocks of a dtype differ, or -1. One NaN is like another.
inline std::int64_t first_difference(const char* a, const char* b, DType dtype, std::size_t bytes) {
  const std::size_t size = size_of(dtype);
  for (std::size_t at = 0; at < bytes; at += size) {
    if (std::memcmp(a + at, b + at, size) == 0) continue;
    const auto i = static_cast<std::int64_t>(at / size);
    const double x = element(a, dtype, at / size), y = element(b, dtype, at / size);
    if (!(is_floating(dtype) && std::isnan(x) && std::isnan(y))) return i;
  }
  return -1;
}

/// All parameters of a kernel in one block of a device's memory, one behind the other at a distance
/// that is no multiple of more than an element.
class DeviceParams {
 public:
  DeviceParams(runtime::opencl::Device& device, const Inputs& values) : device_(device) {
    std::size_t bytes = 0;
    for (const auto& v : values) {
      offsets_.push_back(static_cast<std::int64_t>(bytes));
      bytes += (v.size() + 7) / 8 * 8 + 8;
    }
    memory_ = device.allocate(bytes);
    for (std::size_t p = 0; p < values.size(); ++p)
      device.write(*memory_, static_cast<std::size_t>(offsets_[p]), values[p].data(),
                   values[p].size());
  }
  std::vector<runtime::opencl::Place> places() const {
    std::vector<runtime::opencl::Place> out;
    for (const std::int64_t at : offsets_) out.push_back({memory_.get(), at});
    return out;
  }
  void read(Inputs* values) const {
    for (std::size_t p = 0; p < values->size(); ++p)
      device_.read(*memory_, static_cast<std::size_t>(offsets_[p]), (*values)[p].data(),
                   (*values)[p].size());
  }

 private:
  runtime::opencl::Device& device_;
  std::unique_ptr<runtime::opencl::Buffer> memory_;
  std::vector<std::int64_t> offsets_;
};

/// Builds all kernels as one program and compares what they store.
inline void check_on_opencl(const std::vector<KernelCase>& cases) {
  std::vector<const kir::Kernel*> kernels;
  for (const KernelCase& c : cases) kernels.push_back(&c.kernel);
  runtime::opencl::Device& device = runtime::opencl::device(0);
  opencl::CompiledKernels compiled(kernels, device);
  for (std::size_t n = 0; n < cases.size(); ++n) {
    const kir::Kernel& k = cases[n].kernel;
    Inputs want = cases[n].inputs.empty() ? random_inputs(k) : cases[n].inputs, got = want;
    const DeviceParams params(device, want);
    compiled.launch(n, params.places());
    std::vector<void*> pointers;
    for (auto& w : want) pointers.push_back(w.data());
    kir::interpret(k, pointers);
    params.read(&got);
    std::size_t p = 0;
    for (const kir::BufferDecl& b : k.buffers) {
      if (b.space != kir::Space::Param) continue;
      const std::int64_t i =
          first_difference(want[p].data(), got[p].data(), b.dtype, want[p].size());
      if (i >= 0) {
        const auto at = static_cast<std::size_t>(i);
        ADD_FAILURE() << k.name << ": " << b.name << "[" << i
                      << "] = " << element(got[p].data(), b.dtype, at) << ", want "
                      << element(want[p].data(), b.dtype, at) << "\n"
                      << kir::to_string(k).substr(0, 4000);
      }
      ++p;
    }
  }
}

}  // namespace lilith::codegen::testing
