#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "kernel_ir/kernel.h"
#include "kernel_ir/skeleton.h"

namespace lilith::codegen {

/// What tells a kernel among those of its family: a hash of its form and its place among the
/// kernels of that form in their program; and the numbers that are not in the form.
struct KernelForm {
  std::string key;
  std::vector<kir::Number> numbers;
};

/// What is compiled in a kernel's place.
struct SharedKernel {
  std::shared_ptr<const kir::Kernel> general;  // null: the kernel as it is
  std::vector<std::int64_t> numbers;           // what the Scalar buffer of `general` holds
  KernelForm form;                             // where the kernel is as it is, in a family
};

/// Programs of one family (0: none) do the same with other sizes and numbers. The kernels of its
/// first program stay as they are. One that comes again with other numbers becomes one that reads
/// them at launch, and serves all later ones that differ in no more; kernels correspond that have
/// one form and come in one order. What has a form that is new while sizes are known to vary
/// becomes general at once, in numbers that seem to follow from those (`varying`: the program's own
/// sizes, in order), unless it equals what was shown for other sizes, or says that it follows none.
/// Thread-safe.
std::vector<SharedKernel> share_code(std::uint64_t family,
                                     std::span<const kir::Kernel* const> kernels,
                                     std::span<const std::int64_t> varying = {});
/// What kernels of the family would be for other sizes, planned as those to come: what is the same
/// in both stays in the code. Nothing is compiled.
void show_code(std::uint64_t family, std::span<const kir::Kernel* const> kernels);
/// The kernels of a program of the family whose code was found on disk.
void remember_code(std::uint64_t family, std::span<const KernelForm> forms);
/// General kernels that share_code gave this thread so far, or that it found on disk.
std::int64_t kernels_shared();
/// Counts those of a program that was found on disk.
void found_shared(std::int64_t kernels);

void write(ByteWriter& out, std::span<const KernelForm> forms);
std::vector<KernelForm> read_forms(ByteReader& in);

}  // namespace lilith::codegen
