#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codegen/c/source.h"
#include "core/bytes.h"
#include "runtime/cuda/device.h"

// From kernel IR to kernels of a CUDA device: those for a GPU as they say, those for a CPU in task
// mode (codegen/c/parts.h).
namespace lilith::codegen::cuda {

/// Where a Param of a kernel lies: `offset` bytes into a block of the device's memory.
struct Place {
  runtime::cuda::Address base = 0;
  std::int64_t offset = 0;
};

/// What the kernels of a program have become: all that it takes to run them, in another process
/// too.
struct Code {
  std::string made_for;                        // architecture, compiler and its options
  std::string image;                           // code, or PTX
  std::vector<std::vector<c::Entry>> kernels;  // as c::Source has them
};
/// Prints the kernels as one text and compiles it for a device. InternalError for a kernel that
/// breaks the rules of kernel IR, DeviceError where the device cannot compute it or a compiler
/// fails.
Code compile(std::span<const kir::Kernel* const> kernels, const runtime::cuda::Device& device);
void write(ByteWriter& out, const Code& code);
/// Code that write() wrote; none where it is no such thing or was made for something else.
std::optional<Code> read_code(ByteReader& in, const runtime::cuda::Device& device);

/// The kernels of a program, loaded on one device.
class CompiledKernels {
 public:
  CompiledKernels(Code code, runtime::cuda::Device& device);

  const Code& code() const { return code_; }
  std::size_t size() const { return code_.kernels.size(); }
  /// How many launches of the device kernel `k` is, one after another.
  std::size_t num_parts(std::size_t k) const { return code_.kernels[k].size(); }
  /// The launches that kernel `k` is; params: one place a Param, in the order of declaration.
  void append_launches(std::size_t k, std::span<const Place> params,
                       std::vector<runtime::cuda::Launch>* out) const;
  /// Whether part `p` of kernel `k` uses the memory that all of them share: one at a time.
  bool uses_scratch(std::size_t k, std::size_t p) const {
    return code_.kernels[k][p].scratch_bytes > 0;
  }

 private:
  const Code code_;
  std::shared_ptr<const runtime::cuda::Module> module_;
  std::vector<std::vector<runtime::cuda::FunctionData*>> functions_;  // as in code_
  std::unique_ptr<runtime::cuda::Buffer> scratch_;
};

}  // namespace lilith::codegen::cuda
