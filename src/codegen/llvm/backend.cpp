#include <llvm/IR/Dominators.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/Transforms/Utils/Cloning.h>
#include <llvm/Transforms/Utils/PromoteMemToReg.h>

#include <chrono>
#include <mutex>

#include "codegen/llvm/emitter.h"
#include "core/dot_instructions.h"
#include "core/env.h"
#include "lilith/error.h"

namespace lilith::codegen {
namespace {

std::unique_ptr<llvm::TargetMachine> make_machine(const Target& info) {
  const std::string triple = llvm::sys::getDefaultTargetTriple();
  std::string error;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (target == nullptr) throw DeviceError("cpu: LLVM has no target " + triple);
  std::string cpu = info.isa == Isa::Avx512 ? "x86-64-v4"
                    : info.isa == Isa::Avx2 ? "x86-64-v3"
                                            : "x86-64-v2";
  if (info.native) cpu = llvm::sys::getHostCPUName().str();
  std::string features;
  if (info.isa != Isa::Baseline) features = "+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+popcnt";
  if (info.isa == Isa::Avx512)
    features += ",+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512cd,-prefer-256-bit";
  if (info.isa == Isa::Avx512 && info.native && has_bf16_dot()) features += ",+avx512bf16";
  if (info.isa == Isa::Avx512 && info.native && has_int8_dot()) features += ",+avx512vnni";
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(triple, cpu, features, options, llvm::Reloc::PIC_,
                                  llvm::CodeModel::Small, llvm::CodeGenOptLevel::Less, true));
  if (machine == nullptr) throw DeviceError("cpu: LLVM cannot make code for " + cpu);
  return machine;
}

/// Machines cost a fraction of a millisecond to make: those not in use wait here, by instruction
/// set.
class Machines {
 public:
  std::unique_ptr<llvm::TargetMachine> take(const Target& info) {
    {
      std::lock_guard lock(mutex_);
      auto& free = free_[static_cast<std::size_t>(info.isa)];
      if (!free.empty()) {
        auto machine = std::move(free.back());
        free.pop_back();
        return machine;
      }
    }
    return make_machine(info);
  }
  void give(const Target& info, std::unique_ptr<llvm::TargetMachine> machine) {
    std::lock_guard lock(mutex_);
    free_[static_cast<std::size_t>(info.isa)].push_back(std::move(machine));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<llvm::TargetMachine>> free_[3];
};

/// Addresses are in their final form and invariants stand where their scope begins: strength
/// reduction would cost a sixth of the time, and LLVM's own hoisting takes the constants of an
/// epilogue's loop through the sum before it, whose accumulators then have no registers.
void skip_what_is_done() {
  auto& options = llvm::cl::getRegisteredOptions();
  for (const char* name : {"disable-lsr", "disable-machine-licm"}) {
    auto it = options.find(name);
    if (it != options.end()) static_cast<llvm::cl::opt<bool>*>(it->second)->setValue(true);
  }
}

Machines& machines() {
  static Machines* m = [] {
    skip_what_is_done();
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return new Machines;
  }();
  return *m;
}

std::string text_of(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out, nullptr);
  return text;
}

std::string write(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, out, nullptr, type, true)) {
    throw InternalError("codegen: LLVM cannot write this kind of file");
  }
  passes.run(module);
  return std::string(bytes.begin(), bytes.end());
}

void build(llvm::Module& module, const kir::Kernel& kernel, const std::string& name,
           const Target& info) {
  Emitter emitter(module, kernel, info);
  llvm::Function* f = emitter.run(name);
  if (env::verify()) {
    std::string error;
    llvm::raw_string_ostream out(error);
    if (llvm::verifyFunction(*f, &out)) {
      throw InternalError(fmt::format("codegen: bad LLVM IR for {}: {}\n{}\n{}", kernel.name, error,
                                      kir::to_string(kernel), text_of(module)));
    }
  }
  llvm::DominatorTree dominators(*f);
  llvm::PromoteMemToReg(emitter.promotable(), dominators);
}

}  // namespace

using KernelList = std::span<const kir::Kernel* const>;
extern "C" KernelObject* lilith_codegen_compile(KernelList kernels, const Target& info);

KernelObject* lilith_codegen_compile(KernelList kernels, const Target& info) {
  const auto begin = std::chrono::steady_clock::now();
  auto machine = machines().take(info);
  llvm::LLVMContext context;
  context.setDiscardValueNames(!env::debug(5, "codegen/llvm"));
  llvm::Module module("lilith", context);
  module.setDataLayout(machine->createDataLayout());
  module.setTargetTriple(machine->getTargetTriple().str());
  auto object = std::make_unique<KernelObject>();
  for (const kir::Kernel* k : kernels) {
    build(module, *k, "lilith_kernel" + std::to_string(object->scratch_bytes.size()), info);
    object->scratch_bytes.push_back(k->thread_scratch_bytes());
  }
  if (env::debug(5, "codegen/llvm")) fmt::print(stderr, "{}\n", text_of(module));
  if (env::debug(6, "codegen/llvm")) {
    std::unique_ptr<llvm::Module> copy = llvm::CloneModule(module);
    fmt::print(stderr, "{}\n", write(*copy, *machine, llvm::CodeGenFileType::AssemblyFile));
  }
  object->bytes = write(module, *machine, llvm::CodeGenFileType::ObjectFile);
  machines().give(info, std::move(machine));
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  object->compile_ms = took.count();
  return object.release();
}

}  // namespace lilith::codegen
