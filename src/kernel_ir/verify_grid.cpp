#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "kernel_ir/broken.h"
#include "kernel_ir/grid.h"
#include "kernel_ir/walk.h"

// The rules of form of kernels for a GPU. verify has checked each statement by itself before.
namespace lilith::kir {
namespace {

constexpr int kMaxThreads = 1024;

/// Of a kernel for a CPU.
void check_no_grid(const Kernel& k, const Block& block) {
  for (const Stmt& s : block) {
    if (s.kind == Stmt::Kind::For &&
        (s.loop.kind == LoopKind::Grid || s.loop.kind == LoopKind::Thread))
      broken("kernel {} has grid or thread loops and no number of threads", k.name);
    if (s.kind == Stmt::Kind::Mma) broken("kernel {} has an mma and no number of threads", k.name);
    for_each_block(s, [&](const Block& inner) { check_no_grid(k, inner); });
  }
}

class GridRules {
 public:
  explicit GridRules(const Kernel& k) : kernel_(k), sharers_(k.regs.size(), 0) {}

  void run() {
    if (kernel_.threads > kMaxThreads)
      broken("kernel {} has {} threads a block, at most {} fit", kernel_.name, kernel_.threads,
             kMaxThreads);
    for (const BufferDecl& b : kernel_.buffers) {
      if (b.space == Space::Thread)
        broken("scratch {} in a kernel for a GPU: a thread has registers alone", b.name);
    }
    const auto is_grid = [](const Stmt& s) {
      return s.kind == Stmt::Kind::For && s.loop.kind == LoopKind::Grid;
    };
    if (kernel_.body.empty() || !std::ranges::all_of(kernel_.body, is_grid))
      broken("kernel {} has threads, its body is grid loops", kernel_.name);
    for (const Stmt& s : kernel_.body) outside(*s.loop.body);
  }

 private:
  const RegDecl& reg(RegId r) const { return kernel_.regs[static_cast<std::size_t>(r)]; }
  std::string var(const For& l) const {
    return kernel_.pool->var_name(static_cast<VarId>(l.var->i));
  }

  // Outside of thread loops.

  void outside(const Block& block) {
    for (const Stmt& s : block) {
      for_each_expr(s, [&](Expr x) {
        each_read(x, [&](Expr r) { outside(static_cast<RegId>(r->i), "read"); });
      });
      outside(s);
    }
  }

  void outside(const Stmt& s) {
    switch (s.kind) {
      case Stmt::Kind::For:
        if (s.loop.kind == LoopKind::Thread) return nest(s.loop);
        if (s.loop.kind != LoopKind::Serial && s.loop.kind != LoopKind::Unroll)
          broken("loop {} outside of thread loops is neither serial nor unrolled", var(s.loop));
        return outside(*s.loop.body);
      case Stmt::Kind::While:
        return outside(*s.while_loop.body);
      case Stmt::Kind::If:
        outside(*s.branch.then_body);
        if (s.branch.else_body) outside(*s.branch.else_body);
        return;
      case Stmt::Kind::Store:
        broken("a store to {} outside of thread loops: every thread would do it",
               kernel_.buffers[static_cast<std::size_t>(s.store.buffer)].name);
      case Stmt::Kind::DeclReg:
        return check_dims(reg(s.decl.reg));
      case Stmt::Kind::SetReg:
        return outside(s.set.reg, "set");
      case Stmt::Kind::Accumulate:
        return outside(s.acc.reg, "accumulate");
      case Stmt::Kind::Mma:
        broken("an mma outside of thread loops");
      case Stmt::Kind::Prefetch:
      case Stmt::Kind::Barrier:
        return;
    }
  }

  void outside(RegId r, const char* what) const {
    if (reg(r).thread_dims > 0)
      broken("{} of register {}, which threads hold, outside of thread loops", what, reg(r).name);
  }

  static void check_dims(const RegDecl& r) {
    if (r.thread_dims < 0 || r.thread_dims > 2 || r.thread_dims > static_cast<int>(r.dims.size()))
      broken("register {}: {} of {} dimensions are threads", r.name, r.thread_dims, r.dims.size());
  }

  // Inside of them.

  void nest(const For& outer) {
    nest_ = thread_nest(outer);
    for (const For* l : nest_.loops) {
      if (l->extent < 1) broken("thread loop {} has no iteration", var(*l));
    }
    if (nest_.lanes() > kernel_.threads)
      broken("thread loop {} has {} lanes, the block {} threads", var(outer), nest_.lanes(),
             kernel_.threads);
    own_.clear();
    sums_.clear();
    for (const LaneSum& s : lane_sums(kernel_, nest_)) sums_.emplace(s.reg, s.combine);
    together_ = true;
    inside(*nest_.body);
  }

  void inside(const Block& block) {
    for (const Stmt& s : block) {
      for_each_expr(s, [&](Expr x) { each_read(x, [&](Expr r) { read(r); }); });
      inside(s);
    }
  }

  void inside(const Stmt& s) {
    switch (s.kind) {
      case Stmt::Kind::For:
        loop(s.loop);
        break;
      case Stmt::Kind::DeclReg:
        if (reg(s.decl.reg).thread_dims != 0)
          broken("register {} has thread dimensions in a thread loop", reg(s.decl.reg).name);
        own_.insert(s.decl.reg);
        break;
      case Stmt::Kind::SetReg:
        set(s.set);
        break;
      case Stmt::Kind::Accumulate:
        accumulate(s.acc);
        break;
      case Stmt::Kind::Barrier:
        broken("a barrier inside a thread loop");
      case Stmt::Kind::Mma:
        mma(s.mma);
        break;
      default:
        break;
    }
    const bool together = together_;
    together_ = together && s.kind == Stmt::Kind::For && s.loop.kind != LoopKind::Vector;
    for_each_block(s, [&](const Block& b) { inside(b); });
    together_ = together;
  }

  /// A warp runs it together: no thread may be elsewhere, and each has its own part.
  void mma(const Mma& s) {
    const RegDecl& r = reg(s.acc);
    if (!together_) broken("an mma that not all threads of a warp may run");
    if (nest_.loops.back()->extent != MmaShape::kLanes)
      broken("an mma in thread loop {}, which has {} lanes, not a warp's {}",
             var(*nest_.loops.back()), nest_.loops.back()->extent, MmaShape::kLanes);
    const bool own = own_.contains(s.acc) && s.place.empty();
    if (!own && s.place.size() != nest_.loops.size())
      broken("mma into register {}, of which not each thread has its own", r.name);
    if (r.thread_dims != static_cast<int>(s.place.size()))
      broken("mma into register {}: {} of its dimensions are threads, its place has {}", r.name,
             r.thread_dims, s.place.size());
    for (const Expr index : {s.a.index, s.b.index}) {
      for_each_below(index, [&](Expr x) {
        const bool own = x == nest_.loops.back()->var ||
                         (x->op == Op::RegRead && (own_.contains(static_cast<RegId>(x->i)) ||
                                                   reg(static_cast<RegId>(x->i)).thread_dims > 0));
        if (own || x->op == Op::Load)
          broken("an mma reads at [{}], which may differ in a warp", to_string(index, &kernel_));
      });
    }
    place(s.acc, s.place, "mma");
  }

  void loop(const For& l) const {
    if (l.kind == LoopKind::Thread)
      broken("thread loop {} in a thread loop that holds more than that, or in two", var(l));
    if (l.kind == LoopKind::Grid || l.kind == LoopKind::Parallel)
      broken("loop {} in a thread loop is a grid or parallel one", var(l));
    if (l.kind == LoopKind::Vector && l.extent != 2 && l.extent != 4)
      broken("vector loop {} of a thread has {} iterations, not 2 or 4", var(l), l.extent);
  }

  void read(Expr x) {
    const auto r = static_cast<RegId>(x->i);
    if (sums_.contains(r))
      broken("read of register {} in the loops whose lanes accumulate into it", reg(r).name);
    place(r, x->args, "read");
  }

  void set(const SetReg& s) {
    const RegDecl& r = reg(s.reg);
    if (own_.contains(s.reg)) return;
    if (r.thread_dims < static_cast<int>(nest_.loops.size()))
      broken("set of register {} in a thread loop: several threads hold it", r.name);
    place(s.reg, s.index, "set");
  }

  void accumulate(const Accumulate& a) {
    place(a.reg, a.index, "accumulate");
    const auto sum = sums_.find(a.reg);
    if (sum != sums_.end() && sum->second != a.combine)
      broken("register {} is accumulated in two ways in one thread loop", reg(a.reg).name);
  }

  /// Thread dimensions are indexed by the loops' variables, so that each thread finds what it
  /// holds.
  void place(RegId id, const std::vector<Expr>& index, const char* what) {
    const RegDecl& r = reg(id);
    if (own_.contains(id) || r.thread_dims == 0) return;
    if (r.thread_dims > static_cast<int>(nest_.loops.size()))
      broken("{} of register {}: {} thread dimensions in one thread loop", what, r.name,
             r.thread_dims);
    for (std::size_t d = 0; d < static_cast<std::size_t>(r.thread_dims); ++d) {
      const For& l = *nest_.loops[d];
      if (index[d] != l.var)
        broken("{} of register {}: thread dimension {} is not indexed by {}", what, r.name, d,
               var(l));
      if (d == 0 ? r.dims[d] < l.extent : r.dims[d] != l.extent)
        broken("{} of register {}: dimension {} is {}, loop {} runs to {}", what, r.name, d,
               r.dims[d], var(l), l.extent);
    }
    std::int64_t& known = sharers_[static_cast<std::size_t>(id)];
    const std::int64_t sharers = nest_.sharers(r.thread_dims);
    if (known != 0 && known != sharers)
      broken("{} of register {}: {} threads hold an element here, {} elsewhere", what, r.name,
             sharers, known);
    known = sharers;
  }

  /// Calls f with each RegRead below x.
  template <class F>
  static void each_read(Expr x, F&& f) {
    for_each_below(x, [&](Expr e) {
      if (e->op == Op::RegRead) f(e);
    });
  }

  const Kernel& kernel_;
  std::vector<std::int64_t> sharers_;  // by register: threads that hold one element; 0: not known
  ThreadNest nest_;                    // the current one
  bool together_ = true;               // all its threads come here together
  std::unordered_set<RegId> own_;      // registers declared in it
  std::unordered_map<RegId, Combine> sums_;
};

}  // namespace

void verify_grid(const Kernel& k) {
  if (k.threads > 0) return GridRules(k).run();
  check_no_grid(k, k.body);
  for (const BufferDecl& b : k.buffers) {
    if (b.space == Space::Shared) broken("shared buffer {} in a kernel for a CPU", b.name);
  }
  for (const RegDecl& r : k.regs) {
    if (r.thread_dims != 0) broken("register {} of a CPU has thread dimensions", r.name);
  }
}

}  // namespace lilith::kir
