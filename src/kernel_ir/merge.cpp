#include "kernel_ir/merge.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "kernel_ir/walk.h"

namespace lilith::kir {
namespace {

/// Writes a kernel's statements in terms of another one's pool, buffers and registers.
class Import {
 public:
  Import(const Kernel& from, Kernel* to, std::vector<BufferId> buffers)
      : pool_(*to->pool),
        buffers_(std::move(buffers)),
        first_reg_(static_cast<RegId>(to->regs.size())) {
    for (int v = 0; v < from.pool->num_vars(); ++v)
      vars_.push_back(pool_.var(from.pool->var_extent(v), from.pool->var_name(v)));
    to->regs.insert(to->regs.end(), from.regs.begin(), from.regs.end());
  }

  Block block(const Block& statements) {
    Block out;
    for (Stmt s : statements) {
      renumber(&s);
      for_each_expr(s, [&](Expr& e) { e = expr(e); });
      for (auto* b : {&s.loop.body, &s.while_loop.body, &s.branch.then_body, &s.branch.else_body})
        if (*b) *b = std::make_shared<Block>(block(**b));
      out.push_back(std::move(s));
    }
    return out;
  }

 private:
  BufferId buffer(std::int64_t b) const { return buffers_[static_cast<std::size_t>(b)]; }

  void renumber(Stmt* s) {
    switch (s->kind) {
      case Stmt::Kind::For:
        s->loop.var = expr(s->loop.var);
        return;
      case Stmt::Kind::Store:
        s->store.buffer = buffer(s->store.buffer);
        return;
      case Stmt::Kind::Prefetch:
        s->prefetch.buffer = buffer(s->prefetch.buffer);
        return;
      case Stmt::Kind::DeclReg:
        s->decl.reg += first_reg_;
        return;
      case Stmt::Kind::SetReg:
        s->set.reg += first_reg_;
        return;
      case Stmt::Kind::Accumulate:
        s->acc.reg += first_reg_;
        return;
      case Stmt::Kind::Mma:
        s->mma.acc += first_reg_;
        for (MmaOperand* o : {&s->mma.a, &s->mma.b}) o->buffer = buffer(o->buffer);
        return;
      case Stmt::Kind::While:
      case Stmt::Kind::If:
      case Stmt::Kind::Barrier:
        return;
    }
  }

  Expr expr(Expr x) {
    if (x->op == Op::Var) return vars_[static_cast<std::size_t>(x->i)];
    if (const auto found = memo_.find(x.node()); found != memo_.end()) return found->second;
    ExprNode node = *x.node();
    for (Expr& a : node.args)
      if (a) a = expr(a);
    if (x->op == Op::Load) node.i = buffer(x->i);
    if (x->op == Op::RegRead) node.i += first_reg_;
    const Expr out = pool_.intern(std::move(node));
    memo_.emplace(x.node(), out);
    return out;
  }

  Pool& pool_;
  const std::vector<BufferId> buffers_;
  const RegId first_reg_;
  std::vector<Expr> vars_;
  std::unordered_map<const ExprNode*, Expr> memo_;
};

class Merger {
 public:
  explicit Merger(std::vector<int>* memory) : memory_(*memory) {}

  void add(const GridPart& part) {
    std::map<DType, std::size_t> used;  // of what blocks share
    std::size_t param = 0;
    std::vector<BufferId> buffers;
    for (const BufferDecl& b : part.kernel->buffers)
      buffers.push_back(b.space == Space::Param ? add_param(b, part.memory[param++])
                                                : add_shared(b, used[b.dtype]++));
    Import import(*part.kernel, &out_, std::move(buffers));
    for (Stmt& s : import.block(part.kernel->body)) out_.body.push_back(std::move(s));
    out_.threads = std::max(out_.threads, part.kernel->threads);
    out_.name += (out_.name.empty() ? "" : " | ") + part.kernel->name;
  }

  Kernel take() { return std::move(out_); }

 private:
  BufferDecl& decl(BufferId b) { return out_.buffers[static_cast<std::size_t>(b)]; }

  BufferId add_param(const BufferDecl& b, int memory) {
    const auto [at, is_new] = params_.try_emplace(memory, 0);
    if (is_new) {
      at->second = out_.add_buffer(b.name, b.dtype, b.size);
      memory_.push_back(memory);
    }
    decl(at->second).written |= b.written;
    return at->second;
  }

  // Blocks of one part have it for themselves: the n-th of a dtype serves all parts.
  BufferId add_shared(const BufferDecl& b, std::size_t n) {
    std::vector<BufferId>& all = shared_[b.dtype];
    if (n == all.size()) all.push_back(out_.add_buffer(b.name, b.dtype, b.size, b.space));
    decl(all[n]).size = std::max(decl(all[n]).size, b.size);
    return all[n];
  }

  Kernel out_;
  std::vector<int>& memory_;
  std::unordered_map<int, BufferId> params_;
  std::map<DType, std::vector<BufferId>> shared_;
};

}  // namespace

Kernel merge_grids(const std::vector<GridPart>& parts, std::vector<int>* memory) {
  Merger merger(memory);
  for (const GridPart& part : parts) merger.add(part);
  return merger.take();
}

}  // namespace lilith::kir
