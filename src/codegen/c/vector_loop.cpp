#include "codegen/c/vector_loop.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "kernel_ir/linear.h"
#include "kernel_ir/walk.h"

namespace lilith::codegen::c {

using kir::Expr;
using kir::Op;
using kir::Stmt;

namespace {

class Finder {
 public:
  Finder(const kir::Kernel& k, const kir::For& loop) : kernel_(k), loop_(loop) {}

  VectorLoop run() {
    VectorLoop out;
    for (const Stmt& s : *loop_.body) {
      if (!see(s)) return out;
    }
    for (const Stmt& s : *loop_.body) kir::for_each_expr(s, [&](Expr x) { find(x, mask_of(s)); });
    for (const auto& [load, guard] : loads_) add(load, guard, &out);
    for (const Stmt& s : *loop_.body) {
      if (s.kind == Stmt::Kind::Store && is_last(s.store)) out.stores.push_back(&s.store);
    }
    return out;
  }

 private:
  struct Guard {
    Expr mask;
    bool differs = false;  // from one statement to another
  };

  static Expr mask_of(const Stmt& s) {
    if (s.kind == Stmt::Kind::Store) return s.store.mask;
    return s.kind == Stmt::Kind::Accumulate ? s.acc.mask : Expr{};
  }

  /// Notes what a statement changes; false for one that is no single statement.
  bool see(const Stmt& s) {
    switch (s.kind) {
      case Stmt::Kind::Store:
        ++stored_[s.store.buffer];
        return true;
      case Stmt::Kind::DeclReg:
        return changed_.insert(s.decl.reg).second;
      case Stmt::Kind::SetReg:
        changed_.insert(s.set.reg);
        return true;
      case Stmt::Kind::Accumulate:
        changed_.insert(s.acc.reg);
        return true;
      default:
        return false;
    }
  }

  /// The loads of a statement, each once; the mask's own are not under the mask.
  void find(Expr root, Expr mask) {
    if (root == mask) mask = {};
    kir::for_each_below(root, [&](Expr x) {
      if (x->op != Op::Load) return;
      loaded_.insert(x->i);
      const auto same = std::ranges::find_if(loads_, [&](const auto& l) { return l.first == x; });
      if (same == loads_.end()) {
        loads_.push_back({x, {mask}});
      } else if (same->second.mask != mask) {
        same->second.differs = true;
      }
    });
  }

  void add(Expr load, const Guard& guard, VectorLoop* out) {
    if (stored_.contains(load->i) || !in_line(load->i, load->args[0])) return;
    std::vector<Expr> conditions;
    const Expr index = load->args[0];
    const bool inside = index->lo >= 0 && index->hi < buffer(load->i).size;
    if (!inside && guard.differs) return;
    if (!inside && guard.mask) conditions.push_back(guard.mask);
    if (load->args.size() > 1) conditions.push_back(load->args[1]);
    if (!std::ranges::all_of(conditions, [&](Expr c) { return is_steady(c); })) return;
    out->loads.push_back({load, std::move(conditions)});
  }

  bool is_last(const kir::Store& s) {
    return stored_[s.buffer] == 1 && !loaded_.contains(s.buffer) && in_line(s.buffer, s.index) &&
           (!s.mask || is_steady(s.mask));
  }

  const kir::BufferDecl& buffer(std::int64_t b) const {
    return kernel_.buffers[static_cast<std::size_t>(b)];
  }

  /// index = loop variable + what stays the same and is a multiple of the extent.
  bool in_line(std::int64_t b, Expr index) {
    const std::int64_t n = loop_.extent;
    if (n * static_cast<std::int64_t>(size_of(buffer(b).dtype)) > 16) return false;
    const kir::LinearForm form(index);
    if (form.coefficient(loop_.var) != 1 || form.constant % n != 0) return false;
    return std::ranges::all_of(form.terms, [&](const kir::LinearForm::Term& t) {
      return t.atom == loop_.var || (t.k % n == 0 && is_steady(t.atom));
    });
  }

  /// Has one value in all iterations, before and after the loop.
  bool is_steady(Expr x) {
    const auto known = steady_.find(x.node());
    if (known != steady_.end()) return known->second;
    bool steady = x != loop_.var;
    if (x->op == Op::RegRead && changed_.contains(static_cast<kir::RegId>(x->i))) steady = false;
    if (x->op == Op::Load && stored_.contains(x->i)) steady = false;
    for (Expr a : x->args) steady = steady && is_steady(a);
    return steady_[x.node()] = steady;
  }

  const kir::Kernel& kernel_;
  const kir::For& loop_;
  std::unordered_set<kir::RegId> changed_;
  std::unordered_map<std::int64_t, int> stored_;
  std::unordered_set<std::int64_t> loaded_;
  std::vector<std::pair<Expr, Guard>> loads_;
  std::unordered_map<const kir::ExprNode*, bool> steady_;
};

}  // namespace

VectorLoop vector_loop(const kir::Kernel& k, const kir::For& loop) { return Finder(k, loop).run(); }

}  // namespace lilith::codegen::c
