#include "schedule/kernel/loop_order.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_set>

namespace lilith::schedule {
namespace {

using kir::Expr;

template <class F>
void walk(Expr x, std::unordered_set<const kir::ExprNode*>* seen, F&& visit) {
  if (!seen->insert(x.node()).second) return;
  if (!visit(x)) return;
  for (const Expr& arg : x->args) {
    if (arg) walk(arg, seen, visit);
  }
}

bool loads_anything(Expr x) {
  std::unordered_set<const kir::ExprNode*> seen;
  bool found = false;
  walk(x, &seen, [&](Expr e) {
    found = found || e->op == kir::Op::Load;
    return !found;
  });
  return found;
}

}  // namespace

double step_of(Expr address, Expr var) {
  if (address == var) return 1;
  const auto& a = address->args;
  switch (address->op) {
    case kir::Op::Add:
      return step_of(a[0], var) + step_of(a[1], var);
    case kir::Op::Sub:
      return step_of(a[0], var) - step_of(a[1], var);
    case kir::Op::Mul:
      if (a[1]->op == kir::Op::Const)
        return step_of(a[0], var) * static_cast<double>(a[1].as_int());
      return a[0]->op == kir::Op::Const ? step_of(a[1], var) * static_cast<double>(a[0].as_int())
                                        : 0;
    case kir::Op::FloorDiv:
      return a[1]->op == kir::Op::Const && a[1].as_int() != 0
                 ? step_of(a[0], var) / static_cast<double>(a[1].as_int())
                 : 0;
    case kir::Op::FloorMod:
      return step_of(a[0], var);
    default:
      return 0;
  }
}

std::vector<Access> loads_of(const std::vector<Expr>& roots, const kir::Kernel& kernel) {
  std::vector<Access> loads;
  std::unordered_set<const kir::ExprNode*> seen;
  for (const Expr& root : roots) {
    walk(root, &seen, [&](Expr x) {
      if (x->op == kir::Op::Load) {
        const kir::BufferDecl& b = kernel.buffers[static_cast<std::size_t>(x->i)];
        loads.push_back({x->args[0],
                         static_cast<double>(b.size) * static_cast<double>(size_of(b.dtype)),
                         static_cast<kir::BufferId>(x->i)});
      }
      return true;
    });
  }
  return loads;
}

std::size_t expression_size(const std::vector<Expr>& roots) {
  std::unordered_set<const kir::ExprNode*> seen;
  for (const Expr& root : roots) walk(root, &seen, [](Expr) { return true; });
  return seen.size();
}

std::vector<bool> pinned_vars(const std::vector<Expr>& roots) {
  std::vector<bool> pinned;
  const auto pin = [&](const Expr& x) {
    std::unordered_set<const kir::ExprNode*> seen;
    walk(x, &seen, [&](Expr e) {
      if (e->op == kir::Op::Var) {
        const auto id = static_cast<std::size_t>(e->i);
        if (pinned.size() <= id) pinned.resize(id + 1);
        pinned[id] = true;
      }
      return true;
    });
  };
  std::unordered_set<const kir::ExprNode*> seen;
  for (const Expr& root : roots) {
    walk(root, &seen, [&](Expr x) {
      if (x->op == kir::Op::Var) pin(x);
      if (x->op != kir::Op::Load) return true;
      if (!kir::affine(x->args[0])) pin(x->args[0]);
      if (x->args.size() > 1 && x->args[1]) pin(x->args[1]);
      // An indirect address holds loads whose own addresses are affine; they were pinned with it.
      return false;
    });
  }
  return pinned;
}

namespace {

// How long the innermost loop of an order is, with those around it that all accesses walk as one
// with it.
std::int64_t innermost_run(const std::vector<int>& order, const Shape& domain,
                           const std::vector<bool>& is_affine,
                           const std::vector<std::vector<double>>& strides) {
  std::int64_t run = 0;
  std::size_t inner = 0;
  for (auto at = order.rbegin(); at != order.rend(); ++at) {
    const auto d = static_cast<std::size_t>(*at);
    if (domain[*at] == 1) continue;
    if (run == 0) inner = d;
    for (std::size_t k = 0; run > 0 && k < strides.size(); ++k) {
      const bool walks_on =
          is_affine[k] && strides[k][d] == strides[k][inner] * static_cast<double>(run);
      if (!walks_on) return run;
    }
    run = std::max<std::int64_t>(run, 1) * domain[*at];
  }
  return run;
}

}  // namespace

std::vector<int> choose_order(const std::vector<Expr>& vars, const Shape& domain,
                              const std::vector<Access>& accesses) {
  const auto rank = static_cast<std::size_t>(domain.rank());
  std::vector<int> row_major(rank);
  std::iota(row_major.begin(), row_major.end(), 0);
  // Per access the step of every dimension; empty when loads decide where it goes.
  std::vector<std::vector<double>> strides;
  std::vector<bool> is_affine;
  for (const Access& a : accesses) {
    strides.emplace_back();
    is_affine.push_back(!loads_anything(a.address) && kir::affine(a.address));
    if (loads_anything(a.address)) continue;
    for (std::size_t d = 0; d < rank; ++d)
      strides.back().push_back(vars[d]->op == kir::Op::Var ? step_of(a.address, vars[d]) : 0);
  }
  std::vector<std::vector<int>> candidates{row_major};
  for (const auto& s : strides) {
    if (s.empty()) continue;
    std::vector<int> order = row_major;
    std::stable_sort(order.begin(), order.end(), [&](int x, int y) {
      // A dimension that the access does not walk along goes outside.
      const auto key = [&](int d) {
        const double c = std::abs(s[static_cast<std::size_t>(d)]);
        return c == 0 ? INFINITY : c;
      };
      return key(x) > key(y);
    });
    candidates.push_back(std::move(order));
  }
  const auto penalty = [&](const std::vector<int>& order) {
    int inner = -1;
    for (const int d : order) {
      if (domain[d] > 1) inner = d;
    }
    const std::int64_t run = inner < 0 ? 0 : innermost_run(order, domain, is_affine, strides);
    double total = 0;
    for (std::size_t k = 0; k < strides.size(); ++k) {
      if (strides[k].empty() || inner < 0) continue;
      const double step = std::abs(strides[k][static_cast<std::size_t>(inner)]);
      // A short innermost loop fills few lanes.
      const double lanes = run < 8 ? 2.0 : 1.0;
      total += accesses[k].bytes * (step <= 1 ? lanes : 4.0);
    }
    return total;
  };
  std::vector<double> penalties;
  for (const auto& order : candidates) penalties.push_back(penalty(order));
  const auto least = std::ranges::min_element(penalties);
  return candidates[static_cast<std::size_t>(least - penalties.begin())];
}

namespace {

bool is_pinned(const std::vector<bool>& pinned, const Expr& var) {
  const auto id = static_cast<std::size_t>(var->i);
  return id < pinned.size() && pinned[id];
}

// Whether stepping `outer` once goes as far as `inner`'s whole range, in every access.
bool walked_as_one(const LoopDim& outer, const LoopDim& inner,
                   const std::vector<Access>& accesses) {
  for (const Access& a : accesses) {
    const auto form = kir::affine(a.address);
    if (!form) continue;  // its variables are pinned
    const std::int64_t o = form->coefficient(static_cast<kir::VarId>(outer.var->i));
    const std::int64_t i = form->coefficient(static_cast<kir::VarId>(inner.var->i));
    if (o != i * inner.extent) return false;
  }
  return true;
}

}  // namespace

DomainLoops merge_loops(kir::Pool& pool, const std::vector<LoopDim>& ordered,
                        const std::vector<Access>& accesses, const std::vector<bool>& pinned,
                        bool merge_kept) {
  DomainLoops loops;
  for (std::size_t k = 0; k < ordered.size();) {
    LoopDim run = ordered[k];
    std::size_t end = k + 1;
    std::string name = pool.var_name(static_cast<kir::VarId>(run.var->i));
    for (; end < ordered.size(); ++end) {
      const LoopDim &outer = ordered[end - 1], &inner = ordered[end];
      if (outer.reduced != inner.reduced || (!merge_kept && !inner.reduced) ||
          is_pinned(pinned, outer.var) || is_pinned(pinned, inner.var) ||
          !walked_as_one(outer, inner, accesses))
        break;
      run.extent *= inner.extent;
      name += pool.var_name(static_cast<kir::VarId>(inner.var->i));
    }
    if (end > k + 1) {
      run.var = pool.var(run.extent, name);
      // The innermost variable's coefficient times the wider range covers the whole run.
      for (std::size_t m = k; m < end; ++m)
        set_var(&loops.by, ordered[m].var, m + 1 == end ? run.var : pool.integer(0));
    }
    loops.dims.push_back(run);
    k = end;
  }
  return loops;
}

Layout layout_without(const std::vector<int>& order, const std::vector<bool>& dropped) {
  Layout l;
  for (const int d : order) {
    if (dropped[static_cast<std::size_t>(d)]) continue;
    l.order.push_back(static_cast<int>(std::count(dropped.begin(), dropped.begin() + d, false)));
  }
  return l;
}

}  // namespace lilith::schedule
