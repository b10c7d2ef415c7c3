#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "codegen/c/dialect.h"
#include "codegen/c/expressions.h"
#include "codegen/c/parts.h"

namespace lilith::codegen::c {

/// A function of the text: one part of a kernel. Its parameters: a pointer and an i64, the offset
/// in bytes, for each of `params`; then the same for scratch where it needs any.
struct Entry {
  std::string name;
  std::vector<int> params;         // which of the kernel's, in order
  std::int64_t items = 1;          // work items to launch, at least; more do nothing
  std::int64_t scratch_bytes = 0;  // of all items together, in the device's memory
};

/// Thread scratch up to this size is an array of the work item's own, which devices keep near. What
/// is larger lies in a buffer of the device, a slice an item; where all slices together would
/// exceed the second size, fewer items are launched and each runs several iterations.
inline constexpr std::int64_t kPrivateScratch = 8 << 10, kGlobalScratch = 64 << 20;

/// Prints one part of a kernel as a function of that name.
class KernelPrinter {
 public:
  KernelPrinter(const kir::Kernel& kernel, const Dialect& dialect, Lines* out);
  Entry print(const Part& part, const std::string& name);

 private:
  void head(const Part& part, Entry* entry);
  void declare_buffers(const Part& part, const Entry& entry);
  void shared_loop(const kir::For& s, std::int64_t items);
  void block(const kir::Block& b);
  void stmt(const kir::Stmt& s);
  void loop(const kir::For& s);
  void while_loop(const kir::While& s);
  void branch(const kir::If& s);
  void store(const kir::Store& s);
  void declare(const kir::DeclReg& s);
  void set(const kir::SetReg& s);
  void accumulate(const kir::Accumulate& s);
  const kir::RegDecl& decl(kir::RegId r) const { return kernel_.regs[static_cast<std::size_t>(r)]; }

  const kir::Kernel& kernel_;
  const Dialect& dialect_;
  Lines& out_;
  std::int64_t slice_ = 0;     // bytes of scratch in the device's memory, of one item
  std::vector<bool> private_;  // by buffer
  ExpressionPrinter expressions_;
};

}  // namespace lilith::codegen::c
