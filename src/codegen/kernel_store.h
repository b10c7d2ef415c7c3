#pragma once
#include <optional>
#include <span>
#include <string>

#include "codegen/codegen.h"
#include "core/bytes.h"

// Machine code of this CPU on disk, where the next process finds it and needs no LLVM.
namespace lilith::codegen {

/// The path of liblilith-codegen, which is beside this library.
std::string code_generator_path();
/// What code depends on beside the kernel: this library and the code generator, the CPU's features,
/// what the code generator reads of a target. Empty: code is not kept (a library without a build
/// id).
std::string code_identity(const Target& info);

/// The file of the LLVM that is loaded; empty where it is a part of the code generator.
const std::string& loaded_llvm();

/// Kernels with the objects that they are in, each once.
void write(ByteWriter& out, std::span<const CompiledKernel> kernels);
/// The kernels, loaded; none for bytes that are no objects.
std::vector<CompiledKernel> read_kernels(ByteReader& in);
/// The same with the names of the objects, which are on disk once for all that share them: none
/// where one is not there any more.
void write_by_name(ByteWriter& out, std::span<const CompiledKernel> kernels);
/// Those that write_by_name wrote.
std::vector<CompiledKernel> read_named_kernels(ByteReader& in);

/// `identity`: code_identity's, not empty. `kernel`: its canonical form.
std::optional<CompiledKernel> find_on_disk(const std::string& identity, const std::string& kernel);
/// Keeps an object and, by function, the kernels that it is of.
void store_on_disk(const std::string& identity, std::span<const std::string> kernels,
                   const KernelObject& object);

}  // namespace lilith::codegen
