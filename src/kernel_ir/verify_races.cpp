#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "kernel_ir/apart.h"
#include "kernel_ir/broken.h"
#include "kernel_ir/grid.h"
#include "kernel_ir/walk.h"

// No two threads touch an element that one of them stores, unless a Barrier lies between: of one
// Thread loop by the indices, of two by the Barriers on every way from one to the other, of two
// blocks by the indices.
namespace lilith::kir {
namespace {

template <class... Args>
[[noreturn]] void unproved(fmt::format_string<Args...> format, Args&&... args) {
  throw Unproved("kernel IR: " + fmt::format(format, std::forward<Args>(args)...));
}

struct Access {
  BufferId buffer;
  bool store;
  Place place;  // its index is null for an Mma, which reads anywhere
};

/// What statements load and store of the buffers that matter: those that somebody writes.
class Accesses {
 public:
  explicit Accesses(const Kernel& k) : kernel_(k) {}

  /// Statements with all that is nested in them.
  void add(const Block& block, std::vector<Expr> conditions = {}) {
    for (const Stmt& s : block) {
      add(s, conditions);
      if (s.kind == Stmt::Kind::If) {
        std::vector<Expr> inner = conditions;
        inner.push_back(s.branch.cond);
        add(*s.branch.then_body, std::move(inner));
        if (s.branch.else_body) add(*s.branch.else_body, conditions);
      } else {
        for_each_block(s, [&](const Block& b) { add(b, conditions); });
      }
    }
  }
  /// What a statement holds itself.
  void add(const Stmt& s, std::vector<Expr> conditions = {}) {
    if (s.kind == Stmt::Kind::Prefetch) return;
    const Expr mask = s.kind == Stmt::Kind::Store        ? s.store.mask
                      : s.kind == Stmt::Kind::Accumulate ? s.acc.mask
                                                         : Expr{};
    if (mask) add(mask, conditions);
    if (mask) conditions.push_back(mask);
    for_each_expr(s, [&](Expr x) {
      if (x != mask) add(x, conditions);
    });
    if (s.kind == Stmt::Kind::Mma) {
      for (const BufferId b : {s.mma.a.buffer, s.mma.b.buffer}) found.push_back({b, false, {}});
    }
    if (s.kind == Stmt::Kind::Store)
      found.push_back({s.store.buffer, true, {s.store.index, std::move(conditions)}});
  }

  std::vector<Access> found;

 private:
  void add(Expr root, const std::vector<Expr>& conditions) {
    for_each_below(root, [&](Expr x) {
      if (x->op != Op::Load || !kernel_.buffers[static_cast<std::size_t>(x->i)].written) return;
      std::vector<Expr> all = conditions;
      if (x->args.size() > 1) all.push_back(x->args[1]);
      found.push_back({static_cast<BufferId>(x->i), false, {x->args[0], std::move(all)}});
    });
  }

  const Kernel& kernel_;
};

class Races {
 public:
  explicit Races(const Kernel& k) : kernel_(k), since_(k.buffers.size()) {}

  void run() {
    for (const Stmt& s : kernel_.body) {
      since_.assign(since_.size(), {});
      outside(*s.loop.body);
      if (s.loop.extent > 1) blocks(s.loop);
    }
    if (kernel_.body.size() > 1) loops();
  }

 private:
  const std::string& name(BufferId b) const {
    return kernel_.buffers[static_cast<std::size_t>(b)].name;
  }

  // Barriers.

  /// Who has touched a buffer since the last Barrier; null: nobody.
  struct Touched {
    const Stmt *load = nullptr, *store = nullptr;
  };
  using Since = std::vector<Touched>;

  static void merge(Since& into, const Since& from) {
    for (std::size_t b = 0; b < into.size(); ++b) {
      if (into[b].load == nullptr) into[b].load = from[b].load;
      if (into[b].store == nullptr) into[b].store = from[b].store;
    }
  }

  void outside(const Block& block) {
    for (const Stmt& s : block) outside(s);
  }

  void outside(const Stmt& s) {
    switch (s.kind) {
      case Stmt::Kind::For:
        if (s.loop.kind == LoopKind::Thread) return nest(s);
        // What the end of the body hands to its beginning shows the second time.
        for (std::int64_t n = 0; n < std::min<std::int64_t>(s.loop.extent, 2); ++n)
          outside(*s.loop.body);
        return;
      case Stmt::Kind::While: {
        touch(s, {});
        const Since before = since_;
        for (int n = 0; n < 2; ++n) {
          outside(*s.while_loop.body);
          touch(s, {});
        }
        return merge(since_, before);
      }
      case Stmt::Kind::If: {
        touch(s, {});
        const Since before = since_;
        outside(*s.branch.then_body);
        const Since after = since_;
        since_ = before;
        if (s.branch.else_body) outside(*s.branch.else_body);
        return merge(since_, after);
      }
      case Stmt::Kind::Barrier:
        return since_.assign(since_.size(), {});
      default:
        return touch(s, {});
    }
  }

  /// A statement that all threads run, or a nest of Thread loops with what it touches.
  void touch(const Stmt& s, std::vector<Access> found) {
    if (found.empty()) {
      Accesses own(kernel_);
      own.add(s);
      found = std::move(own.found);
    }
    for (const Access& a : found) {
      const Touched& before = since_[static_cast<std::size_t>(a.buffer)];
      const Stmt* other = before.store != nullptr ? before.store : a.store ? before.load : nullptr;
      if (other != nullptr)
        broken("kernel {}: no barrier between {} and {}, one of which stores to {}", kernel_.name,
               what(*other), what(s), name(a.buffer));
    }
    for (const Access& a : found) {
      Touched& t = since_[static_cast<std::size_t>(a.buffer)];
      (a.store ? t.store : t.load) = &s;
    }
  }

  std::string what(const Stmt& s) const {
    if (s.kind != Stmt::Kind::For) return "a statement outside of thread loops";
    return "thread loop " + kernel_.pool->var_name(static_cast<VarId>(s.loop.var->i));
  }

  // One nest of Thread loops.

  void nest(const Stmt& s) {
    const ThreadNest nest = thread_nest(s.loop);
    Accesses all(kernel_);
    all.add(*nest.body);
    if (nest.lanes() > 1) threads(nest, all.found);
    if (!all.found.empty()) touch(s, std::move(all.found));
  }

  void threads(const ThreadNest& nest, const std::vector<Access>& all) {
    std::vector<Expr> lanes;
    std::unordered_set<std::int64_t> own;  // variables that differ between threads
    std::unordered_set<std::int64_t> own_regs, stored;
    for (const For* l : nest.loops) {
      lanes.push_back(l->var);
      own.insert(l->var->i);
    }
    for (const LaneSum& sum : lane_sums(kernel_, nest)) own_regs.insert(sum.reg);
    find_own(*nest.body, &own, &own_regs);
    for (const Access& a : all) {
      if (a.store) stored.insert(a.buffer);
    }
    const auto is_common = [&](Expr x) {
      if (x->op == Op::Var) return !own.contains(x->i);
      if (x->op == Op::Load) return !stored.contains(x->i);
      return !own_regs.contains(x->i) &&
             kernel_.regs[static_cast<std::size_t>(x->i)].thread_dims == 0;
    };
    each_pair(all, [&](const Access& a, const Access& b) {
      if (!b.place.index)
        unproved("kernel {}: threads of loop {} store to {}, which an mma of theirs reads",
                 kernel_.name, kernel_.pool->var_name(static_cast<VarId>(lanes[0]->i)),
                 name(a.buffer));
      if (equal_index_means_equal(a.place, b.place, lanes, is_common)) return;
      // That threads have places of their own in memory is a promise, not that of two places.
      if (a.place.index == b.place.index && depends_on_data(a.place.index)) return;
      unproved("kernel {}: threads of loop {} may touch each other's elements of {}: [{}] and [{}]",
               kernel_.name, kernel_.pool->var_name(static_cast<VarId>(lanes[0]->i)),
               name(a.buffer), to_string(a.place.index, &kernel_),
               to_string(b.place.index, &kernel_));
    });
  }

  static void find_own(const Block& block, std::unordered_set<std::int64_t>* vars,
                       std::unordered_set<std::int64_t>* regs) {
    for (const Stmt& s : block) {
      if (s.kind == Stmt::Kind::For) vars->insert(s.loop.var->i);
      if (s.kind == Stmt::Kind::DeclReg) regs->insert(s.decl.reg);
      for_each_block(s, [&](const Block& b) { find_own(b, vars, regs); });
    }
  }

  // Blocks.

  void blocks(const For& grid) {
    Accesses all(kernel_);
    all.add(*grid.body);
    std::erase_if(all.found, [&](const Access& a) {
      return kernel_.buffers[static_cast<std::size_t>(a.buffer)].space != Space::Param;
    });
    const auto is_common = [&](Expr x) {
      return x->op == Op::Load && !kernel_.buffers[static_cast<std::size_t>(x->i)].written;
    };
    each_pair(all.found, [&](const Access& a, const Access& b) {
      if (depends_on_data(a.place.index) || depends_on_data(b.place.index)) return;
      if (equal_index_means_equal(a.place, b.place, {grid.var}, is_common)) return;
      unproved("kernel {}: blocks may touch each other's elements of {}: [{}] and [{}]",
               kernel_.name, name(a.buffer), to_string(a.place.index, &kernel_),
               to_string(b.place.index, &kernel_));
    });
  }

  /// Grid loops: what one stores to, no other one touches.
  void loops() {
    constexpr int kNone = -1, kSeveral = -2;
    std::vector<int> touched_by(kernel_.buffers.size(), kNone);
    std::vector<bool> stored(kernel_.buffers.size(), false);
    for (std::size_t n = 0; n < kernel_.body.size(); ++n) {
      Accesses all(kernel_);
      all.add(*kernel_.body[n].loop.body);
      for (const Access& a : all.found) {
        const auto b = static_cast<std::size_t>(a.buffer);
        if (kernel_.buffers[b].space != Space::Param) continue;
        stored[b] = stored[b] || a.store;
        int& by = touched_by[b];
        by = by == kNone || by == static_cast<int>(n) ? static_cast<int>(n) : kSeveral;
        if (stored[b] && by == kSeveral)
          unproved("kernel {}: several grid loops touch {}, one of which stores to it",
                   kernel_.name, name(a.buffer));
      }
    }
  }

  /// Each store with each access to the same buffer.
  template <class F>
  static void each_pair(const std::vector<Access>& all, F&& f) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (std::size_t j = 0; j < all.size(); ++j) {
        if (!all[i].store || all[i].buffer != all[j].buffer) continue;
        if (!all[j].store || i <= j) f(all[i], all[j]);
      }
    }
  }

  const Kernel& kernel_;
  Since since_;
};

}  // namespace

void verify_races(const Kernel& k) { Races(k).run(); }

}  // namespace lilith::kir
