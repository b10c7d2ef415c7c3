#include "codegen/c/parts.h"

#include <algorithm>
#include <unordered_set>

#include "kernel_ir/walk.h"

namespace lilith::codegen::c {

using kir::Expr;
using kir::Stmt;

namespace {

/// Which buffers statements read and store to.
struct Effects {
  explicit Effects(const kir::Kernel& k) : loads(k.buffers.size()), stores(k.buffers.size()) {}

  void add(const Stmt& s) {
    kir::for_each_expr(s, [&](Expr x) { add(x); });
    if (s.kind == Stmt::Kind::Store) stores[static_cast<std::size_t>(s.store.buffer)] = true;
    kir::for_each_block(s, [&](const kir::Block& b) {
      for (const Stmt& inner : b) add(inner);
    });
  }
  void add(Expr x) {
    if (!seen.insert(x.node()).second) return;
    if (x->op == kir::Op::Load) loads[static_cast<std::size_t>(x->i)] = true;
    for (Expr a : x->args) add(a);
  }
  void add(const Effects& o) {
    for (std::size_t b = 0; b < loads.size(); ++b) {
      loads[b] = loads[b] || o.loads[b];
      stores[b] = stores[b] || o.stores[b];
    }
  }
  bool touches(std::size_t b) const { return loads[b] || stores[b]; }
  bool disturbs(const Effects& o) const {
    for (std::size_t b = 0; b < loads.size(); ++b) {
      if ((stores[b] && o.loads[b]) || (loads[b] && o.stores[b])) return true;
    }
    return false;
  }

  std::vector<bool> loads, stores;
  std::unordered_set<const kir::ExprNode*> seen;
};

class Cutter {
 public:
  explicit Cutter(const kir::Kernel& k) : kernel_(k) {}

  std::vector<Part> run() {
    std::vector<const Stmt*> section;
    for (const Stmt& s : kernel_.body) {
      if (s.kind == Stmt::Kind::Barrier) {
        add_section(section);
        section.clear();
      } else {
        section.push_back(&s);
      }
    }
    add_section(section);
    if (hands_on()) add_all();
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      for (std::size_t b = 0; b < kernel_.buffers.size(); ++b)
        parts_[p].used.push_back(effects_[p].touches(b));
    }
    return std::move(parts_);
  }

 private:
  void add_section(const std::vector<const Stmt*>& section) {
    // Registers that live outside of the loops are every item's.
    const bool whole =
        std::ranges::any_of(section, [](const Stmt* s) { return s->kind == Stmt::Kind::DeclReg; });
    bool first = true;
    for (const Stmt* s : section) {
      Effects e(kernel_);
      e.add(*s);
      const bool loop = s->kind == Stmt::Kind::For && s->loop.kind == kir::LoopKind::Parallel;
      const std::int64_t items = loop && !whole ? s->loop.extent : 1;
      const bool same = !first && (parts_.back().items > 1) == (items > 1) &&
                        (items == 1 || !e.disturbs(effects_.back()));
      if (!same) {
        parts_.emplace_back();
        effects_.emplace_back(kernel_);
      }
      parts_.back().body.push_back(s);
      parts_.back().items = std::max(parts_.back().items, items);
      effects_.back().add(e);
      first = false;
    }
  }

  /// Registers live beyond a barrier, or scratch is used in two parts.
  bool hands_on() const {
    for (std::size_t b = 0; b < kernel_.buffers.size(); ++b) {
      if (kernel_.buffers[b].space != kir::Space::Thread) continue;
      if (std::ranges::count_if(effects_, [&](const Effects& e) { return e.touches(b); }) > 1)
        return true;
    }
    std::vector<kir::RegId> alive;
    bool parted = false;
    for (const Stmt& s : kernel_.body) {
      parted = parted || (s.kind == Stmt::Kind::Barrier && !alive.empty());
      if (parted && s.kind != Stmt::Kind::Barrier) return true;
      if (s.kind == Stmt::Kind::DeclReg) alive.push_back(s.decl.reg);
    }
    return false;
  }

  void add_all() {
    parts_.assign(1, {});
    effects_.assign(1, Effects(kernel_));
    for (const Stmt& s : kernel_.body) {
      if (s.kind == Stmt::Kind::Barrier) continue;
      parts_[0].body.push_back(&s);
      effects_[0].add(s);
    }
  }

  const kir::Kernel& kernel_;
  std::vector<Part> parts_;
  std::vector<Effects> effects_;
};

}  // namespace

std::vector<Part> parts_of(const kir::Kernel& k) { return Cutter(k).run(); }

}  // namespace lilith::codegen::c
