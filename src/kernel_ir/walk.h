#pragma once
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kernel_ir/kernel.h"

namespace lilith::kir {

/// Calls f with each expression that a statement holds itself (not those of nested blocks); what is
/// null is left out. `S`: Stmt, whose expressions f may replace, or const Stmt.
template <class S, class F>
void for_each_expr(S& s, F&& f) {
  const auto call = [&](auto&... exprs) { ((exprs ? f(exprs) : void()), ...); };
  switch (s.kind) {
    case Stmt::Kind::While:
      return call(s.while_loop.cond);
    case Stmt::Kind::If:
      return call(s.branch.cond);
    case Stmt::Kind::Store:
      return call(s.store.index, s.store.value, s.store.mask);
    case Stmt::Kind::DeclReg:
      return call(s.decl.init);
    case Stmt::Kind::SetReg:
      for (auto& e : s.set.index) call(e);
      return call(s.set.value);
    case Stmt::Kind::Accumulate:
      for (auto& e : s.acc.index) call(e);
      return call(s.acc.value, s.acc.a, s.acc.mask);
    case Stmt::Kind::Prefetch:
      return call(s.prefetch.index);
    case Stmt::Kind::Mma:
      for (auto& e : s.mma.place) call(e);
      return call(s.mma.a.index, s.mma.b.index);
    case Stmt::Kind::For:
      return call(s.loop.count);
    case Stmt::Kind::Barrier:
      return;
  }
}

/// Calls f with each block nested directly in a statement.
template <class F>
void for_each_block(const Stmt& s, F&& f) {
  for (const auto* b :
       {&s.loop.body, &s.while_loop.body, &s.branch.then_body, &s.branch.else_body}) {
    if (*b) f(**b);
  }
}

/// Calls f with an expression and each one below it, once.
template <class F>
void for_each_below(Expr root, F&& f) {
  std::unordered_set<const ExprNode*> seen;
  std::vector<Expr> todo{root};
  while (!todo.empty()) {
    const Expr x = todo.back();
    todo.pop_back();
    if (!seen.insert(x.node()).second) continue;
    for (const Expr& a : x->args)
      if (a) todo.push_back(a);
    f(x);
  }
}

/// x, and what is below it, with some expressions replaced.
Expr replace(Expr x, const std::unordered_map<const ExprNode*, Expr>& by);

}  // namespace lilith::kir
