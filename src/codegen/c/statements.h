#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "codegen/c/dialect.h"
#include "codegen/c/expressions.h"

namespace lilith::codegen::c {

/// A function of the text: a kernel for a GPU, or one part of a kernel for a CPU (parts.h). Its
/// parameters: a pointer and an i64, the offset in bytes, for each of `params`; then the same for
/// scratch where it needs any.
struct Entry {
  std::string name;
  std::vector<int> params;  // which of the kernel's, in order
  // A part: work items to launch, at least; more do nothing.
  std::int64_t items = 1;
  std::int64_t scratch_bytes = 0;  // of all items together, in the device's memory
  // A kernel for a GPU: that many groups of `threads` work items each. 0 threads: a part.
  std::int64_t groups = 0;
  int threads = 0;
  std::int64_t local_bytes = 0;  // of a group's memory
};

/// Prints the statements of a kernel, as one thread runs them.
class StatementPrinter {
 public:
  /// arrays[b]: a buffer is an array that the function declares.
  StatementPrinter(const kir::Kernel& kernel, const Dialect& dialect, std::vector<bool> arrays,
                   Lines* out);
  virtual ~StatementPrinter() = default;

 protected:
  /// The function's first line; which Params it takes goes into the entry.
  void open(const std::string& kernel, const std::vector<bool>& used, Entry* entry);
  /// A buffer as a pointer into what a parameter points to.
  void declare_pointer(kir::BufferId b, const std::string& from);
  void declare_array(kir::BufferId b, const std::string& before);

  void block(const kir::Block& b);
  void stmt(const kir::Stmt& s);
  virtual void loop(const kir::For& s);
  virtual void barrier() {}
  virtual void mma(const kir::Mma&) {}
  virtual void store(const kir::Store& s);
  /// What an Accumulate adds to.
  virtual std::string sum(const kir::Accumulate& s);
  /// A loop of C over [0, extent).
  static std::string for_line(const std::string& type, const std::string& var, std::int64_t extent);
  /// An array of the register's elements that a thread holds (a scalar where it has no dimensions),
  /// all set to `init`.
  void declare_reg(const std::string& name, const kir::RegDecl& d, const std::string& init);
  const kir::RegDecl& decl(kir::RegId r) const { return kernel_.regs[static_cast<std::size_t>(r)]; }

  const kir::Kernel& kernel_;
  const Dialect& dialect_;
  Lines& out_;
  const std::vector<bool> arrays_;  // by buffer
  ExpressionPrinter expressions_;

 private:
  void while_loop(const kir::While& s);
  void branch(const kir::If& s);
  void declare(const kir::DeclReg& s);
  void set(const kir::SetReg& s);
  void accumulate(const kir::Accumulate& s);
};

}  // namespace lilith::codegen::c
