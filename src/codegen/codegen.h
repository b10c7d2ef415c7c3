#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernel_ir/kernel.h"
#include "schedule/target.h"

// From kernel IR to machine code of this CPU. LLVM itself lives in liblilith-codegen, which is
// loaded when the first kernel has to be compiled; loading finished objects needs none of it.
namespace lilith::codegen {

using schedule::Isa;
using schedule::Target;

/// The best target of this CPU, or the one LILITH_CPU names (avx512, avx2, baseline), with one
/// thread. Error when the variable names another, or one that this CPU cannot run.
const Target& target();
/// The description of an instruction set, and whether this CPU runs it.
Target target_for(Isa isa);
bool can_run(Isa isa);
/// All that this CPU says of its features, as digits.
std::string cpu_features();

/// An object file: position-independent x86-64 ELF with the functions `lilith_kernel0`,
/// `lilith_kernel1` ….
struct KernelObject {
  std::string bytes;
  std::vector<std::int64_t>
      scratch_bytes;      // by function: thread scratch of a call, 64-byte aligned
  double compile_ms = 0;  // of all of it
  std::string made_by;    // the file of the LLVM that made it; empty: the code generator itself
};

/// Machine code, ready to run. Copies share it; the last one frees it.
struct CompiledKernel {
  using Fn = void (*)(void* const* params, std::int64_t thread, std::int64_t num_threads,
                      void* scratch);
  Fn fn = nullptr;
  std::int64_t scratch_bytes = 0;
  std::size_t code_bytes = 0;  // of the object, like the time: kernels compiled together share one
  double compile_ms = 0;
  std::shared_ptr<const KernelObject> object;  // what a disk cache keeps
  int function = 0;                            // which of its functions this is
  std::shared_ptr<const void> code;            // owns the memory fn points into
};

/// Thrown by compile_kernels when the process ends: LLVM is no more.
struct Gone {};

/// Finds kernels on disk or compiles them, on all processors; equal kernels (names apart) are made
/// once in the life of the process, whichever threads ask. A Param that some Store writes may
/// overlap another Param only where each of its elements is read through that other one before, and
/// not after, it is written in the same iteration. Throws InternalError for a kernel that breaks
/// the rules of kernel IR.
std::vector<CompiledKernel> compile_kernels(std::span<const kir::Kernel* const> kernels,
                                            const Target& info = target());
/// Kernels that compile_kernels compiled for this thread so far, rather than find them.
std::int64_t kernels_compiled();
/// Maps an object into executable memory: its functions in order. Error when it is damaged.
std::vector<CompiledKernel> load_object(std::shared_ptr<const KernelObject> object);

/// What Barrier calls. Without one, a kernel with barriers may run on one thread only.
using BarrierFn = void (*)(std::int64_t thread, std::int64_t num_threads);
void set_barrier_function(BarrierFn fn);

/// How liblilith-codegen is called: its only symbol, `lilith_codegen_compile`, has this type. The
/// caller owns the result.
using CompileFn = KernelObject*(std::span<const kir::Kernel* const> kernels, const Target& info);

}  // namespace lilith::codegen
