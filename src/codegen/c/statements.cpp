#include "codegen/c/statements.h"

#include <algorithm>
#include <optional>

#include "codegen/c/spelling.h"
#include "kernel_ir/scalar.h"

namespace lilith::codegen::c {

using kir::Stmt;

StatementPrinter::StatementPrinter(const kir::Kernel& kernel, const Dialect& dialect,
                                   std::vector<bool> arrays, Lines* out)
    : kernel_(kernel),
      dialect_(dialect),
      out_(*out),
      arrays_(std::move(arrays)),
      expressions_(kernel, arrays_, out) {}

std::string StatementPrinter::for_line(const std::string& type, const std::string& var,
                                       std::int64_t extent) {
  return "for (" + type + " " + var + " = 0; " + var + " < " + std::to_string(extent) + "; ++" +
         var + ")";
}

void StatementPrinter::open(const std::string& kernel, const std::vector<bool>& used,
                            Entry* entry) {
  std::string text;
  const std::string bytes = std::string(dialect_.global) + "char* ";
  const auto add = [&](const std::string& of) {
    text += (text.empty() ? "" : ", ") + bytes + of + "_base, i64 " + of + "_at";
  };
  int param = 0;
  for (std::size_t b = 0; b < kernel_.buffers.size(); ++b) {
    if (kernel_.buffers[b].space != kir::Space::Param) continue;
    if (used[b]) {
      entry->params.push_back(param);
      add(buffer_name(static_cast<std::int64_t>(b)));
    }
    ++param;
  }
  if (entry->scratch_bytes > 0) add("scratch");
  out_.open(kernel + " " + entry->name + "(" + text + ")");
}

void StatementPrinter::declare_pointer(kir::BufferId b, const std::string& from) {
  const kir::BufferDecl& d = kernel_.buffers[static_cast<std::size_t>(b)];
  const std::string pointer =
      (d.written ? "" : "const ") + std::string(dialect_.global) + memory_type(d.dtype) + "*";
  out_.add(pointer + " " + buffer_name(b) + " = (" + pointer + ")(" + from + ");");
}

void StatementPrinter::declare_array(kir::BufferId b, const std::string& before) {
  const kir::BufferDecl& d = kernel_.buffers[static_cast<std::size_t>(b)];
  out_.add(before + memory_type(d.dtype) + " " + buffer_name(b) + "[" +
           std::to_string(std::max<std::int64_t>(d.size, 1)) + "];");
}

void StatementPrinter::block(const kir::Block& b) {
  expressions_.push_block();
  for (const Stmt& s : b) stmt(s);
  expressions_.pop_block();
}

void StatementPrinter::stmt(const Stmt& s) {
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
    case Stmt::Kind::Barrier:
      return barrier();
    case Stmt::Kind::Mma:
      return mma(s.mma);
    case Stmt::Kind::Prefetch:
      return;
  }
}

void StatementPrinter::loop(const kir::For& s) {
  if (s.extent <= 0) return;
  out_.open(for_line(type_of(s.var), var_name(s.var->i), s.extent));
  block(*s.body);
  out_.close();
}

void StatementPrinter::while_loop(const kir::While& s) {
  out_.open("for (;;)");
  expressions_.push_block();
  expressions_.begin({s.cond});
  out_.add("if (!" + expressions_.print(s.cond) + ") break;");
  expressions_.end();
  block(*s.body);
  expressions_.pop_block();
  out_.close();
}

void StatementPrinter::branch(const kir::If& s) {
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

void StatementPrinter::store(const kir::Store& s) {
  expressions_.begin({s.index, s.value}, s.mask);
  const std::string index = expressions_.print(s.index), value = expressions_.print(s.value);
  const std::string line = expressions_.store(s.buffer, index, value);
  out_.add(s.mask ? "if (" + expressions_.guard() + ") " + line : line);
  expressions_.end();
}

void StatementPrinter::declare(const kir::DeclReg& s) {
  expressions_.begin({s.init});
  declare_reg(reg_name(s.reg), decl(s.reg), bare(expressions_.print(s.init)));
  expressions_.end();
}

void StatementPrinter::declare_reg(const std::string& name, const kir::RegDecl& d,
                                   const std::string& init) {
  const std::string type = type_name(d.dtype);
  const std::vector<std::int64_t> dims(d.dims.begin() + d.thread_dims, d.dims.end());
  if (dims.empty()) return out_.add(type + " " + name + " = " + init + ";");
  std::string array = type + " " + name, at = name;
  for (std::int64_t n : dims) array += "[" + std::to_string(n) + "]";
  out_.add(array + ";");
  for (std::size_t k = 0; k < dims.size(); ++k) {
    const std::string var = "n" + std::to_string(k);
    out_.add(for_line("i32", var, dims[k]));
    at += "[" + var + "]";
  }
  out_.add("  " + at + " = " + init + ";");
}

void StatementPrinter::set(const kir::SetReg& s) {
  expressions_.begin({s.value});
  const std::string value = expressions_.print(s.value);
  out_.add(expressions_.reg(s.reg, s.index) + " = " + bare(value) + ";");
  expressions_.end();
}

std::string StatementPrinter::sum(const kir::Accumulate& s) {
  return expressions_.reg(s.reg, s.index);
}

void StatementPrinter::accumulate(const kir::Accumulate& s) {
  expressions_.begin({s.value, s.a}, s.mask);
  const Operand value = expressions_.operand(s.value);
  std::optional<Operand> factor;
  if (s.a) factor = expressions_.operand(s.a);
  const Operand held{sum(s)};
  const DType dtype = decl(s.reg).dtype;
  const std::string sum =
      s.a ? arithmetic(kir::sum_op(dtype), dtype, false, std::vector<Operand>{*factor, value, held})
          : arithmetic(kir::operation_of(s.combine), dtype, false,
                       std::vector<Operand>{held, value});
  const std::string line = held.text + " = " + bare(sum) + ";";
  out_.add(s.mask ? "if (" + expressions_.guard() + ") " + line : line);
  expressions_.end();
}

}  // namespace lilith::codegen::c
