#include "codegen/c/kernel_printer.h"

#include <algorithm>

#include "codegen/c/spelling.h"

namespace lilith::codegen::c {

using kir::Stmt;

namespace {

std::vector<bool> private_buffers(const kir::Kernel& k) {
  std::vector<bool> out;
  const bool small = k.thread_scratch_bytes() <= kPrivateScratch;
  for (const kir::BufferDecl& b : k.buffers) out.push_back(small && b.space == kir::Space::Thread);
  return out;
}

}  // namespace

KernelPrinter::KernelPrinter(const kir::Kernel& kernel, const Dialect& dialect, Lines* out)
    : StatementPrinter(kernel, dialect, private_buffers(kernel), out) {
  if (kernel.thread_scratch_bytes() > kPrivateScratch) slice_ = kernel.thread_scratch_bytes();
}

Entry KernelPrinter::print(const Part& part, const std::string& name) {
  Entry entry;
  entry.name = name;
  entry.items = part.items;
  bool scratch = false;
  for (std::size_t b = 0; b < kernel_.buffers.size(); ++b)
    scratch = scratch ||
              (kernel_.buffers[b].space == kir::Space::Thread && part.uses(static_cast<int>(b)));
  if (scratch && slice_ > 0) {
    entry.items = std::clamp<std::int64_t>(kGlobalScratch / slice_, 1, part.items);
    entry.scratch_bytes = entry.items * slice_;
  }
  open(dialect_.kernel, part.used, &entry);
  out_.add("const i64 item = " + std::string(dialect_.item) + ";");
  declare_buffers(part, entry);
  expressions_.push_block();
  if (part.items == 1) {
    out_.open("if (item == 0)");
    for (const Stmt* s : part.body) stmt(*s);
    out_.close();
  } else {
    for (const Stmt* s : part.body) shared_loop(s->loop, entry.items);
  }
  expressions_.pop_block();
  out_.close();
  return entry;
}

void KernelPrinter::declare_buffers(const Part& part, const Entry& entry) {
  std::int64_t offset = 0;
  for (std::size_t n = 0; n < kernel_.buffers.size(); ++n) {
    const kir::BufferDecl& d = kernel_.buffers[n];
    const auto b = static_cast<kir::BufferId>(n);
    const bool scratch = d.space == kir::Space::Thread;
    const std::int64_t at = offset;
    if (scratch) offset += (d.size * static_cast<std::int64_t>(size_of(d.dtype)) + 63) / 64 * 64;
    if (!part.used[n]) continue;
    if (arrays_[n]) {
      declare_array(b, "");
    } else if (scratch) {
      declare_pointer(b, "scratch_base + scratch_at + item % " + std::to_string(entry.items) +
                             " * " + std::to_string(slice_) + " + " + std::to_string(at));
    } else {
      declare_pointer(b, buffer_name(b) + "_base + " + buffer_name(b) + "_at");
    }
  }
}

/// One iteration, or every `items`th from there.
void KernelPrinter::shared_loop(const kir::For& s, std::int64_t items) {
  const std::string var = var_name(s.var->i), type = type_of(s.var);
  const std::string extent = std::to_string(s.extent);
  if (s.extent <= items) {
    out_.open("if (item < " + extent + ")");
    out_.add("const " + type + " " + var + " = (" + type + ")item;");
  } else {
    out_.open("for (i64 task = item < " + std::to_string(items) + " ? item : " + extent +
              "; task < " + extent + "; task += " + std::to_string(items) + ")");
    out_.add("const " + type + " " + var + " = (" + type + ")task;");
  }
  block(*s.body);
  out_.close();
}

}  // namespace lilith::codegen::c
