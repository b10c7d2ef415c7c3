#include <bit>

#include "kernel_ir/kir.h"
#include "lilith/error.h"

namespace lilith::kir {
namespace {

std::uint64_t mix(std::uint64_t h, std::uint64_t v) {
  h = (h ^ v) * 0x9E3779B97F4A7C15u;
  h ^= h >> 29;
  h *= 0xBF58476D1CE4E5B9u;
  return h ^ (h >> 32);
}

bool block_has_barrier(const Block& block) {
  for (const Stmt& s : block) {
    switch (s.kind) {
      case Stmt::Kind::Barrier:
        return true;
      case Stmt::Kind::For:
        if (block_has_barrier(*s.loop.body)) return true;
        break;
      case Stmt::Kind::While:
        if (block_has_barrier(*s.while_loop.body)) return true;
        break;
      case Stmt::Kind::If:
        if (block_has_barrier(*s.branch.then_body)) return true;
        if (s.branch.else_body && block_has_barrier(*s.branch.else_body)) return true;
        break;
      default:
        break;
    }
  }
  return false;
}

/// Hashes what a kernel computes: nodes by structure, variables by the order in which loops bind
/// them.
class Hasher {
 public:
  explicit Hasher(const Kernel& k) : kernel_(k) {}

  std::uint64_t run() {
    for (const BufferDecl& b : kernel_.buffers) {
      add(static_cast<std::uint64_t>(b.dtype));
      add(static_cast<std::uint64_t>(b.size));
      add(static_cast<std::uint64_t>(b.space) * 2 + (b.written ? 1 : 0));
    }
    for (const RegDecl& r : kernel_.regs) {
      add(static_cast<std::uint64_t>(r.dtype));
      add(r.dims.size());
      for (std::int64_t d : r.dims) add(static_cast<std::uint64_t>(d));
    }
    add(kernel_.body);
    return h_;
  }

 private:
  void add(std::uint64_t v) { h_ = mix(h_, v); }
  void add(Expr x) { add(x ? expr(x) : 0); }
  void add(const std::vector<Expr>& xs) {
    add(xs.size());
    for (Expr x : xs) add(x);
  }
  void add(const std::shared_ptr<Block>& block) {
    if (block) add(*block);
    add(block ? 1 : 2);
  }
  void add(const Block& block) {
    add(block.size());
    for (const Stmt& s : block) add(s);
  }

  void add(const Stmt& s) {
    add(static_cast<std::uint64_t>(s.kind));
    switch (s.kind) {
      case Stmt::Kind::For:
        vars_[s.loop.var.node()] = next_var_++;
        memo_.erase(s.loop.var.node());
        add(static_cast<std::uint64_t>(s.loop.extent));
        add(static_cast<std::uint64_t>(s.loop.kind));
        add(s.loop.var);
        add(s.loop.body);
        break;
      case Stmt::Kind::While:
        add(s.while_loop.cond);
        add(s.while_loop.body);
        break;
      case Stmt::Kind::If:
        add(s.branch.cond);
        add(s.branch.then_body);
        add(s.branch.else_body);
        break;
      case Stmt::Kind::Store:
        add(static_cast<std::uint64_t>(s.store.buffer) * 2 + (s.store.non_temporal ? 1 : 0));
        add(s.store.index);
        add(s.store.value);
        add(s.store.mask);
        break;
      case Stmt::Kind::DeclReg:
        add(static_cast<std::uint64_t>(s.decl.reg));
        add(s.decl.init);
        break;
      case Stmt::Kind::SetReg:
        add(static_cast<std::uint64_t>(s.set.reg));
        add(s.set.index);
        add(s.set.value);
        break;
      case Stmt::Kind::Accumulate:
        add(static_cast<std::uint64_t>(s.acc.reg));
        add(static_cast<std::uint64_t>(s.acc.combine));
        add(s.acc.index);
        add(s.acc.value);
        add(s.acc.a);
        add(s.acc.mask);
        break;
      case Stmt::Kind::Prefetch:
        add(static_cast<std::uint64_t>(s.prefetch.buffer));
        add(s.prefetch.index);
        break;
      case Stmt::Kind::Barrier:
        break;
    }
  }

  std::uint64_t expr(Expr x) {
    const auto found = memo_.find(x.node());
    if (found != memo_.end()) return found->second;
    std::uint64_t h =
        mix(static_cast<std::uint64_t>(x->op) + 1, static_cast<std::uint64_t>(x->dtype));
    if (x->op == Op::Var) {
      const auto bound = vars_.find(x.node());
      h = mix(h, bound == vars_.end() ? ~std::uint64_t{0} : bound->second);
    } else {
      h = mix(mix(h, static_cast<std::uint64_t>(x->i)), std::bit_cast<std::uint64_t>(x->f));
    }
    for (Expr a : x->args) h = mix(h, expr(a));
    memo_.emplace(x.node(), h);
    return h;
  }

  const Kernel& kernel_;
  std::uint64_t h_ = 0x6C696C697468u;
  std::uint64_t next_var_ = 0;
  std::unordered_map<const ExprNode*, std::uint64_t> vars_, memo_;
};

}  // namespace

BufferId Kernel::add_buffer(std::string buffer_name, DType dtype, std::int64_t size, Space space) {
  buffers.push_back({std::move(buffer_name), dtype, size, space, space == Space::Thread});
  return static_cast<BufferId>(buffers.size()) - 1;
}

RegId Kernel::add_reg(std::string reg_name, DType dtype, std::vector<std::int64_t> dims) {
  regs.push_back({std::move(reg_name), dtype, std::move(dims)});
  return static_cast<RegId>(regs.size()) - 1;
}

std::int64_t Kernel::thread_scratch_bytes() const {
  std::int64_t bytes = 0;
  for (const BufferDecl& b : buffers) {
    if (b.space != Space::Thread) continue;
    bytes += (b.size * static_cast<std::int64_t>(size_of(b.dtype)) + 63) / 64 * 64;
  }
  return bytes;
}

bool Kernel::has_barrier() const { return block_has_barrier(body); }

Stmt make_for(Expr var, LoopKind kind, Block body) {
  if (!var || var->op != Op::Var) throw InternalError("kernel IR: a loop needs a variable");
  const std::int64_t extent = var.pool().var_extent(static_cast<VarId>(var->i));
  return For{var, extent, kind, std::make_shared<Block>(std::move(body))};
}

std::uint64_t hash(const Kernel& k) { return Hasher(k).run(); }

}  // namespace lilith::kir
