#include <bit>
#include <unordered_map>

#include "kernel_ir/kernel.h"

// A kernel as bytes: declarations, then the statements in order. An expression is written where it
// is first used and is a number from then on; so are variables, which pools number differently.
namespace lilith::kir {
namespace {

class Writer {
 public:
  std::string run(const Kernel& k) {
    pool_ = k.pool.get();
    number(k.threads);
    number(static_cast<std::int64_t>(k.buffers.size()));
    for (const BufferDecl& b : k.buffers) {
      byte(static_cast<int>(b.dtype));
      byte(static_cast<int>(b.space));
      byte(b.written);
      number(b.size);
    }
    number(static_cast<std::int64_t>(k.regs.size()));
    for (const RegDecl& r : k.regs) {
      byte(static_cast<int>(r.dtype));
      number(static_cast<std::int64_t>(r.dims.size()));
      for (std::int64_t d : r.dims) number(d);
      number(r.thread_dims);
    }
    block(k.body);
    return std::move(out_);
  }

 private:
  void byte(int v) { out_.push_back(static_cast<char>(v)); }
  /// Little-endian base 128, sign folded into the lowest bit.
  void number(std::int64_t v) {
    auto u = (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
    for (; u >= 128; u >>= 7) byte(static_cast<int>(u & 127) | 128);
    byte(static_cast<int>(u));
  }
  void raw(std::uint64_t bits) {
    for (int i = 0; i < 8; ++i) byte(static_cast<int>(bits >> (8 * i)) & 255);
  }

  void expr(Expr e) {
    if (!e) return number(0);
    auto [it, is_new] = exprs_.try_emplace(e.node(), exprs_.size() + 1);
    number(static_cast<std::int64_t>(it->second));
    if (!is_new) return;
    byte(static_cast<int>(e->op));
    byte(static_cast<int>(e->dtype));
    number(static_cast<std::int64_t>(e->args.size()));
    if (e->op == Op::Const) raw(std::bit_cast<std::uint64_t>(e->f));
    if (e->op == Op::Var) {
      auto var = vars_.try_emplace(e->i, vars_.size());
      number(static_cast<std::int64_t>(var.first->second));
      if (var.second) number(pool_->var_extent(static_cast<VarId>(e->i)));
    } else {
      number(e->i);
    }
    number(e->lo);
    number(e->hi);
    for (Expr a : e->args) expr(a);
  }
  void exprs(const std::vector<Expr>& list) {
    number(static_cast<std::int64_t>(list.size()));
    for (Expr e : list) expr(e);
  }

  void body(const std::shared_ptr<Block>& b) {
    byte(b != nullptr);
    if (b) block(*b);
  }
  void block(const Block& b) {
    number(static_cast<std::int64_t>(b.size()));
    for (const Stmt& s : b) stmt(s);
  }
  void stmt(const Stmt& s) {
    using Kind = Stmt::Kind;
    byte(static_cast<int>(s.kind));
    switch (s.kind) {
      case Kind::For:
        expr(s.loop.var);
        number(s.loop.extent);
        byte(static_cast<int>(s.loop.kind));
        byte(s.loop.sums);
        expr(s.loop.count);
        return body(s.loop.body);
      case Kind::While:
        expr(s.while_loop.cond);
        return body(s.while_loop.body);
      case Kind::If:
        expr(s.branch.cond);
        body(s.branch.then_body);
        return body(s.branch.else_body);
      case Kind::Store:
        number(s.store.buffer);
        expr(s.store.index);
        expr(s.store.value);
        expr(s.store.mask);
        return byte(s.store.non_temporal);
      case Kind::DeclReg:
        number(s.decl.reg);
        return expr(s.decl.init);
      case Kind::SetReg:
        number(s.set.reg);
        exprs(s.set.index);
        return expr(s.set.value);
      case Kind::Accumulate:
        number(s.acc.reg);
        exprs(s.acc.index);
        byte(static_cast<int>(s.acc.combine));
        expr(s.acc.value);
        expr(s.acc.a);
        return expr(s.acc.mask);
      case Kind::Prefetch:
        number(s.prefetch.buffer);
        return expr(s.prefetch.index);
      case Kind::Mma:
        number(s.mma.acc);
        exprs(s.mma.place);
        mma(s.mma.a);
        return mma(s.mma.b);
      case Kind::Barrier:
        return;
    }
  }

  void mma(const MmaOperand& of) {
    number(of.buffer);
    expr(of.index);
    number(of.across);
    number(of.along);
  }

  std::string out_;
  const Pool* pool_ = nullptr;
  std::unordered_map<const ExprNode*, std::size_t> exprs_;
  std::unordered_map<std::int64_t, std::size_t> vars_;
};

}  // namespace

std::string canonical_form(const Kernel& kernel) { return Writer().run(kernel); }

}  // namespace lilith::kir
