#include "codegen/c/grid_printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "codegen/c/spelling.h"
#include "kernel_ir/scalar.h"

namespace lilith::codegen::c {

using kir::Expr;
using kir::LoopKind;

namespace {

std::vector<bool> shared_buffers(const kir::Kernel& k) {
  std::vector<bool> out;
  for (const kir::BufferDecl& b : k.buffers) out.push_back(b.space == kir::Space::Shared);
  return out;
}

}  // namespace

GridPrinter::GridPrinter(const kir::Kernel& kernel, const Dialect& dialect, Lines* out)
    : StatementPrinter(kernel, dialect, shared_buffers(kernel), out),
      lanes_(kernel, dialect, out) {}

Entry GridPrinter::print(const std::string& name) {
  Entry entry;
  entry.name = name;
  entry.groups = kir::num_blocks(kernel_);
  entry.threads = kernel_.threads;
  const std::vector<bool> all(kernel_.buffers.size(), true);
  open(fmt::format(fmt::runtime(dialect_.grid_kernel), kernel_.threads), all, &entry);
  declare_buffers(&entry);
  out_.add(fmt::format("const i32 thread = (i32){};", dialect_.thread));
  grids();
  out_.close();
  return entry;
}

// A block is one of the loop whose blocks its number is among.
void GridPrinter::grids() {
  const bool several = kernel_.body.size() > 1;
  std::int64_t first = 0;
  for (std::size_t n = 0; n < kernel_.body.size(); ++n) {
    const kir::For& grid = kernel_.body[n].loop;
    const bool last = n + 1 == kernel_.body.size();
    const std::string type = type_of(grid.var);
    const std::string from = first == 0 ? "" : fmt::format(" - {}", first);
    first += grid.extent;
    if (several && n == 0) out_.open(fmt::format("if ((i64){} < {})", dialect_.group, first));
    if (n > 0) {
      out_.close(last ? "} else {"
                      : fmt::format("}} else if ((i64){} < {}) {{", dialect_.group, first));
      ++out_.depth;
    }
    out_.add(fmt::format("const {} {} = ({}){}{};", type, var_name(grid.var->i), type,
                         dialect_.group, from));
    expressions_.push_block();
    block(*grid.body);
    expressions_.pop_block();
  }
  if (several) out_.close();
}

void GridPrinter::declare_buffers(Entry* entry) {
  for (std::size_t n = 0; n < kernel_.buffers.size(); ++n) {
    const kir::BufferDecl& d = kernel_.buffers[n];
    const auto b = static_cast<kir::BufferId>(n);
    if (arrays_[n]) {
      declare_array(b, dialect_.local);
      entry->local_bytes += (d.size * static_cast<std::int64_t>(size_of(d.dtype)) + 15) / 16 * 16;
    } else {
      declare_pointer(b, buffer_name(b) + "_base + " + buffer_name(b) + "_at");
    }
  }
  entry->local_bytes += lanes_.declare_arrays();
}

void GridPrinter::barrier() { out_.add(dialect_.barrier); }

void GridPrinter::loop(const kir::For& s) {
  if (s.kind == LoopKind::Thread) return threads(s);
  if (s.kind == LoopKind::Vector) return vector(s);
  if (s.kind == LoopKind::Unroll && s.extent > 1) out_.add("#pragma unroll");
  StatementPrinter::loop(s);
}

void GridPrinter::threads(const kir::For& outer) {
  const kir::ThreadNest nest = kir::thread_nest(outer);
  const std::int64_t lanes = nest.lanes(), columns = nest.loops.back()->extent;
  for (const kir::LaneSum& s : kir::lane_sums(kernel_, nest)) {
    sums_.push_back({s, "p" + std::to_string(partials_++)});
    const kir::RegDecl& r = decl(s.reg);
    declare_reg(sums_.back().partial, r, literal(kir::neutral(s.combine, r.dtype), r.dtype));
  }
  out_.open(lanes < kernel_.threads ? fmt::format("if (thread < {})", lanes) : "");
  const bool two = nest.loops.size() > 1;
  for (const kir::For* l : nest.loops) {
    const std::string type = type_of(l->var), name = var_name(l->var->i);
    const char* part = l == &outer ? "/" : "%";
    out_.add(two ? fmt::format("const {} {} = ({})((u32)thread {} {}u);", type, name, type, part,
                               columns)
                 : fmt::format("const {} {} = thread;", type, name));
  }
  block(*nest.body);
  out_.close();
  for (const auto& [s, partial] : std::exchange(sums_, {})) {
    std::string at;
    const kir::RegDecl& r = decl(s.reg);
    const auto first = static_cast<std::size_t>(r.thread_dims);
    for (std::size_t d = first; d < r.dims.size(); ++d) {
      const std::string var = "n" + std::to_string(d);
      out_.open(for_line("i32", var, r.dims[d]));
      at += "[" + var + "]";
    }
    lanes_.combine(s, lanes, reg_name(s.reg) + at, partial + at);
    for (std::size_t d = first; d < r.dims.size(); ++d) out_.close();
  }
}

std::string GridPrinter::sum(const kir::Accumulate& s) {
  const auto found =
      std::ranges::find_if(sums_, [&](const Sum& of) { return of.lanes.reg == s.reg; });
  return (found == sums_.end() ? reg_name(s.reg) : found->partial) +
         expressions_.subscripts(s.reg, s.index);
}

void GridPrinter::vector(const kir::For& s) {
  const VectorLoop found = vector_loop(kernel_, s);
  const std::string at = "[" + var_name(s.var->i) + "]", n = std::to_string(s.extent);
  out_.open();
  expressions_.push_block();
  const auto array = [&](kir::BufferId b, const char* prefix, const char* init) {
    const std::string name = prefix + std::to_string(vectors_++);
    const DType dtype = kernel_.buffers[static_cast<std::size_t>(b)].dtype;
    out_.add(memory_type(dtype) + " " + name + "[" + n + "]" + init + ";");
    return name;
  };
  for (const VectorLoop::Load& l : found.loads) {
    const auto b = static_cast<kir::BufferId>(l.load->i);
    const std::string name = array(b, "v", l.conditions.empty() ? "" : " = {0}");
    load_all(l, s, name);
    expressions_.read_from(l.load, name + at);
  }
  std::vector<std::string> names;
  for (const kir::Store* st : found.stores) {
    names.push_back(array(st->buffer, "w", ""));
    collected_[st] = names.back() + at;
  }
  out_.add("#pragma unroll");
  StatementPrinter::loop(s);
  for (std::size_t k = 0; k < found.stores.size(); ++k) store_all(*found.stores[k], s, names[k]);
  collected_.clear();
  expressions_.forget_copies();
  expressions_.pop_block();
  out_.close();
}

void GridPrinter::at_first(const kir::For& s, const std::function<void()>& f) {
  out_.open();
  out_.add("const " + type_of(s.var) + " " + var_name(s.var->i) + " = 0;");
  expressions_.push_block();
  f();
  expressions_.pop_block();
  out_.close();
}

void GridPrinter::load_all(const VectorLoop::Load& l, const kir::For& s, const std::string& to) {
  at_first(s, [&] {
    const Expr index = l.load->args[0];
    const bool one = !l.conditions.empty(), two = l.conditions.size() > 1;
    expressions_.begin({index, two ? l.conditions[1] : Expr{}}, one ? l.conditions[0] : Expr{});
    const std::string at = bare(expressions_.print(index));
    std::string guard = one ? expressions_.guard() : "";
    if (two) guard += " && " + expressions_.print(l.conditions[1]);
    out_.add((one ? "if (" + guard + ") " : "") + "load" + std::to_string(s.extent) + "(" + to +
             ", " + buffer_name(l.load->i) + " + " + at + ");");
    expressions_.end();
  });
}

void GridPrinter::store_all(const kir::Store& st, const kir::For& s, const std::string& from) {
  at_first(s, [&] {
    expressions_.begin({st.index}, st.mask);
    const std::string at = bare(expressions_.print(st.index));
    out_.add((st.mask ? "if (" + expressions_.guard() + ") " : "") + "store" +
             std::to_string(s.extent) + "(" + buffer_name(st.buffer) + " + " + at + ", " + from +
             ");");
    expressions_.end();
  });
}

void GridPrinter::store(const kir::Store& s) {
  const auto collected = collected_.find(&s);
  if (collected == collected_.end()) return StatementPrinter::store(s);
  expressions_.begin({s.value}, s.mask);
  const DType dtype = kernel_.buffers[static_cast<std::size_t>(s.buffer)].dtype;
  const std::string line = set_element(dtype, collected->second, expressions_.print(s.value));
  out_.add(s.mask ? "if (" + expressions_.guard() + ") " + line : line);
  expressions_.end();
}

}  // namespace lilith::codegen::c
