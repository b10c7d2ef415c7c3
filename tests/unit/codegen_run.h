#pragma once
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <map>

#include "codegen/codegen.h"
#include "core/env.h"
#include "support/kernel_inputs.h"

// Runs a kernel compiled for every instruction set of this CPU next to the interpreter.
namespace lilith::codegen::testing {

/// Memory that ends where a page without access begins: reads past the end fault.
class Guarded {
 public:
  explicit Guarded(std::size_t bytes) : bytes_(bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    mapped_ = (bytes + page - 1) / page * page + 2 * page;
    base_ = static_cast<char*>(
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_, page, PROT_NONE);
    mprotect(base_ + mapped_ - page, page, PROT_NONE);
    data_ = base_ + mapped_ - page - bytes;
  }
  Guarded(const Guarded&) = delete;
  ~Guarded() { munmap(base_, mapped_); }
  void* data() { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_, mapped_ = 0;
  char *base_ = nullptr, *data_ = nullptr;
};

inline std::vector<Isa> isas() {
  std::vector<Isa> out;
  for (Isa isa : {Isa::Baseline, Isa::Avx2, Isa::Avx512}) {
    if (can_run(isa)) out.push_back(isa);
  }
  return out;
}

inline bool close(double a, double b, DType dtype, double tolerance) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return true;
  if (!is_floating(dtype)) return false;
  const double unit = dtype == DType::F64   ? 1e-15
                      : dtype == DType::F32 ? 1e-7
                      : dtype == DType::F16 ? 1e-3
                                            : 8e-3;
  return std::abs(a - b) <= tolerance * unit * std::max({1.0, std::abs(a), std::abs(b)});
}

/// All of its work is shared between threads, which may then run one after another.
inline bool is_parallel(const kir::Kernel& k) {
  for (const kir::Stmt& s : k.body) {
    if (s.kind != kir::Stmt::Kind::For || s.loop.kind != kir::LoopKind::Parallel) return false;
  }
  return true;
}

/// Compares all Param buffers after a run. `tolerance` is in units of the dtype's epsilon.
inline void check(const kir::Kernel& k, Inputs inputs, double tolerance = 4) {
  kir::verify(k);
  std::map<kir::MulAddRounds, Inputs> results;  // that were asked for
  const auto interpreted = [&](kir::MulAddRounds rounds) -> const Inputs& {
    const auto [at, is_new] = results.try_emplace(rounds, inputs);
    Inputs& result = at->second;
    if (!is_new) return result;
    std::vector<void*> params;
    for (auto& e : result) params.push_back(e.data());
    kir::interpret(k, params, {}, rounds);
    return result;
  };
  std::vector<const kir::BufferDecl*> decls;
  for (const kir::BufferDecl& b : k.buffers) {
    if (b.space == kir::Space::Param) decls.push_back(&b);
  }
  env::set("LILITH_VERIFY", "1");
  for (Isa isa : isas()) {
    const kir::Kernel* list[] = {&k};
    const CompiledKernel c = compile_kernels(list, target_for(isa))[0];
    const Inputs& expected =
        interpreted(target_for(isa).has_fma() ? kir::MulAddRounds::once : kir::MulAddRounds::twice);
    for (int team : {1, 3}) {
      if (team > 1 && !is_parallel(k)) continue;
      std::vector<std::unique_ptr<Guarded>> memory;
      std::vector<void*> raw;
      for (const auto& in : inputs) {
        memory.push_back(std::make_unique<Guarded>(in.size()));
        std::memcpy(memory.back()->data(), in.data(), in.size());
        raw.push_back(memory.back()->data());
      }
      std::vector<char> scratch(static_cast<std::size_t>(c.scratch_bytes) + 64);
      auto at = (reinterpret_cast<std::uintptr_t>(scratch.data()) + 63) / 64 * 64;
      for (int t = 0; t < team; ++t) c.fn(raw.data(), t, team, reinterpret_cast<void*>(at));
      for (std::size_t p = 0; p < raw.size(); ++p) {
        const DType dtype = decls[p]->dtype;
        int wrong = 0;
        for (std::size_t i = 0; i < inputs[p].size() / size_of(dtype) && wrong < 4; ++i) {
          const double got = element(static_cast<char*>(raw[p]), dtype, i);
          const double want = element(expected[p].data(), dtype, i);
          if (close(got, want, dtype, tolerance)) continue;
          ++wrong;
          ADD_FAILURE() << k.name << " isa " << static_cast<int>(isa) << " team " << team << " "
                        << decls[p]->name << "[" << i << "] = " << got << ", want " << want
                        << (wrong == 1 ? "\n" + kir::to_string(k) : "");
        }
      }
    }
  }
}

inline void check(const kir::Kernel& k, double tolerance = 4) {
  check(k, random_inputs(k), tolerance);
}

inline void check_all(const std::vector<KernelCase>& cases) {
  for (const KernelCase& c : cases)
    check(c.kernel, c.inputs.empty() ? random_inputs(c.kernel) : c.inputs, c.tolerance);
}

}  // namespace lilith::codegen::testing
