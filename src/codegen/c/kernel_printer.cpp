#include "codegen/c/kernel_printer.h"

#include <algorithm>
#include <optional>

#include "codegen/c/spelling.h"
#include "kernel_ir/scalar.h"

namespace lilith::codegen::c {

using kir::Expr;
using kir::Stmt;

namespace {

std::vector<bool> private_buffers(const kir::Kernel& k) {
  std::vector<bool> out;
  const bool small = k.thread_scratch_bytes() <= kPrivateScratch;
  for (const kir::BufferDecl& b : k.buffers) out.push_back(small && b.space == kir::Space::Thread);
  return out;
}

std::string for_line(const std::string& type, const std::string& var, std::int64_t extent) {
  return "for (" + type + " " + var + " = 0; " + var + " < " + std::to_string(extent) + "; ++" +
         var + ")";
}

}  // namespace

KernelPrinter::KernelPrinter(const kir::Kernel& kernel, const Dialect& dialect, Lines* out)
    : kernel_(kernel),
      dialect_(dialect),
      out_(*out),
      private_(private_buffers(kernel)),
      expressions_(kernel, private_, out) {
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
  head(part, &entry);
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

void KernelPrinter::head(const Part& part, Entry* entry) {
  std::string text;
  const std::string bytes = std::string(dialect_.global) + "char* ";
  const auto add = [&](const std::string& of) {
    text += (text.empty() ? "" : ", ") + bytes + of + "_base, i64 " + of + "_at";
  };
  int param = 0;
  for (std::size_t b = 0; b < kernel_.buffers.size(); ++b) {
    if (kernel_.buffers[b].space != kir::Space::Param) continue;
    if (part.used[b]) {
      entry->params.push_back(param);
      add(buffer_name(static_cast<std::int64_t>(b)));
    }
    ++param;
  }
  if (entry->scratch_bytes > 0) add("scratch");
  out_.open(std::string(dialect_.kernel) + " " + entry->name + "(" + text + ")");
}

void KernelPrinter::declare_buffers(const Part& part, const Entry& entry) {
  std::int64_t offset = 0;
  for (std::size_t b = 0; b < kernel_.buffers.size(); ++b) {
    const kir::BufferDecl& d = kernel_.buffers[b];
    const std::string name = buffer_name(static_cast<std::int64_t>(b)), type = memory_type(d.dtype);
    const bool scratch = d.space == kir::Space::Thread;
    const std::int64_t at = offset;
    if (scratch) offset += (d.size * static_cast<std::int64_t>(size_of(d.dtype)) + 63) / 64 * 64;
    if (!part.used[b]) continue;
    if (private_[b]) {
      out_.add(type + " " + name + "[" + std::to_string(std::max<std::int64_t>(d.size, 1)) + "];");
      continue;
    }
    std::string from = name + "_base + " + name + "_at";
    if (scratch)
      from = "scratch_base + scratch_at + item % " + std::to_string(entry.items) + " * " +
             std::to_string(slice_) + " + " + std::to_string(at);
    const std::string pointer =
        (d.written ? "" : "const ") + std::string(dialect_.global) + type + "*";
    out_.add(pointer + " " + name + " = (" + pointer + ")(" + from + ");");
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

void KernelPrinter::block(const kir::Block& b) {
  expressions_.push_block();
  for (const Stmt& s : b) stmt(s);
  expressions_.pop_block();
}

void KernelPrinter::stmt(const Stmt& s) {
  switch (s.kind) {
    case Stmt::Kind::For:
      return loop(s.loop);
    case Stmt::Kind::While:
      return while_loop(s.while_loop);
    case Stmt::Kind::If:
      return branch(s.branch);
    case Stmt::Kind::Store:
      return store(s.store);
    case Stmt::Kind::DeclReg:
      return declare(s.decl);
    case Stmt::Kind::SetReg:
      return set(s.set);
    case Stmt::Kind::Accumulate:
      return accumulate(s.acc);
    case Stmt::Kind::Prefetch:
    case Stmt::Kind::Barrier:
      return;
  }
}

void KernelPrinter::loop(const kir::For& s) {
  if (s.extent <= 0) return;
  out_.open(for_line(type_of(s.var), var_name(s.var->i), s.extent));
  block(*s.body);
  out_.close();
}

void KernelPrinter::while_loop(const kir::While& s) {
  out_.open("for (;;)");
  expressions_.push_block();
  expressions_.begin({s.cond});
  out_.add("if (!" + expressions_.print(s.cond) + ") break;");
  expressions_.end();
  block(*s.body);
  expressions_.pop_block();
  out_.close();
}

void KernelPrinter::branch(const kir::If& s) {
  expressions_.begin({s.cond});
  const std::string cond = expressions_.print(s.cond);
  expressions_.end();
  out_.open("if (" + bare(cond) + ")");
  block(*s.then_body);
  if (s.else_body) {
    out_.close("} else {");
    ++out_.depth;
    block(*s.else_body);
  }
  out_.close();
}

void KernelPrinter::store(const kir::Store& s) {
  expressions_.begin({s.index, s.value}, s.mask);
  const std::string index = expressions_.print(s.index), value = expressions_.print(s.value);
  const std::string line = expressions_.store(s.buffer, index, value);
  out_.add(s.mask ? "if (" + expressions_.guard() + ") " + line : line);
  expressions_.end();
}

void KernelPrinter::declare(const kir::DeclReg& s) {
  const kir::RegDecl& d = decl(s.reg);
  expressions_.begin({s.init});
  const std::string init = expressions_.print(s.init), type = type_name(d.dtype);
  std::string name = reg_name(s.reg);
  if (d.dims.empty()) {
    out_.add(type + " " + name + " = " + bare(init) + ";");
  } else {
    std::string array = type + " " + name, at = name;
    for (std::int64_t n : d.dims) array += "[" + std::to_string(n) + "]";
    out_.add(array + ";");
    for (std::size_t k = 0; k < d.dims.size(); ++k) {
      const std::string var = "n" + std::to_string(k);
      out_.add(for_line("i32", var, d.dims[k]));
      at += "[" + var + "]";
    }
    out_.add("  " + at + " = " + bare(init) + ";");
  }
  expressions_.end();
}

void KernelPrinter::set(const kir::SetReg& s) {
  expressions_.begin({s.value});
  const std::string value = expressions_.print(s.value);
  out_.add(expressions_.reg(s.reg, s.index) + " = " + bare(value) + ";");
  expressions_.end();
}

void KernelPrinter::accumulate(const kir::Accumulate& s) {
  expressions_.begin({s.value, s.a}, s.mask);
  const Operand value = expressions_.operand(s.value);
  std::optional<Operand> factor;
  if (s.a) factor = expressions_.operand(s.a);
  const Operand held{expressions_.reg(s.reg, s.index)};
  const DType dtype = decl(s.reg).dtype;
  const std::string sum =
      s.a ? arithmetic(kir::Op::Fma, dtype, false, std::vector<Operand>{*factor, value, held})
          : arithmetic(kir::operation_of(s.combine), dtype, false,
                       std::vector<Operand>{held, value});
  const std::string line = held.text + " = " + bare(sum) + ";";
  out_.add(s.mask ? "if (" + expressions_.guard() + ") " + line : line);
  expressions_.end();
}

}  // namespace lilith::codegen::c
