#pragma once
#include "codegen/c/parts.h"
#include "codegen/c/statements.h"

namespace lilith::codegen::c {

/// Thread scratch up to this size is an array of the work item's own, which devices keep near. What
/// is larger lies in a buffer of the device, a slice an item; where all slices together would
/// exceed the second size, fewer items are launched and each runs several iterations.
inline constexpr std::int64_t kPrivateScratch = 8 << 10, kGlobalScratch = 64 << 20;

/// Prints one part of a kernel for a CPU as a function of that name.
class KernelPrinter : private StatementPrinter {
 public:
  KernelPrinter(const kir::Kernel& kernel, const Dialect& dialect, Lines* out);
  Entry print(const Part& part, const std::string& name);

 private:
  void declare_buffers(const Part& part, const Entry& entry);
  void shared_loop(const kir::For& s, std::int64_t items);

  std::int64_t slice_ = 0;  // bytes of scratch in the device's memory, of one item
};

}  // namespace lilith::codegen::c
