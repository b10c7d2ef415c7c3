#pragma once
#include <vector>

#include "kernel_ir/kernel.h"

// What readers of the GPU form (kernel.h) have in common, and the parts of its verification.
namespace lilith::kir {

/// Of a kernel for a GPU, all of its Grid loops together.
std::int64_t num_blocks(const Kernel& k);

/// One Thread loop, or two of which the outer one holds nothing else.
struct ThreadNest {
  std::vector<const For*> loops;
  const Block* body = nullptr;
  std::int64_t lanes() const;
  /// Lanes that hold one element of a register with that many thread dimensions.
  std::int64_t sharers(int thread_dims) const;
};
ThreadNest thread_nest(const For& outer);

/// A register of the block that the lanes of a nest accumulate into.
struct LaneSum {
  RegId reg;
  Combine combine;
  std::int64_t lanes;  // that are combined into one element: consecutive ones
};
/// Each once, in the order of the first Accumulate.
std::vector<LaneSum> lane_sums(const Kernel& k, const ThreadNest& nest);
/// The elements of a register that a thread holds: without thread dimensions.
std::int64_t elements_a_thread(const RegDecl& r);

/// The shape of an Mma, in one place for all that reads it.
struct MmaShape {
  static constexpr int kRows = 16, kColumns = 8, kLanes = 32;
  std::int64_t mi, ni;  // of these, that the register holds
  std::int64_t k;       // elements of the sum
};
MmaShape mma_shape(const Kernel& k, const Mma& s);

/// verify()'s rules of form: which statements stand where, who reads and sets a register. Of a
/// kernel for a CPU: that it has nothing of the GPU form.
void verify_grid(const Kernel& k);
/// verify()'s rules of memory: barriers between Thread loops, elements of one thread, of one block.
/// An element of a written Param that another block touches is found where its index says so;
/// indices that are read from memory or registers are the schedule's promise.
void verify_races(const Kernel& k);

}  // namespace lilith::kir
