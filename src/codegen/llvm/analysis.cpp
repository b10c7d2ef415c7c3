#include "codegen/llvm/analysis.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

#include "kernel_ir/walk.h"
#include "lilith/error.h"

namespace lilith::codegen {

using kir::Expr;
using kir::LoopKind;
using kir::Op;
using kir::Stmt;

namespace {

void merge(std::vector<int>& into, const std::vector<int>& from) {
  std::vector<int> out;
  out.reserve(into.size() + from.size());
  std::set_union(into.begin(), into.end(), from.begin(), from.end(), std::back_inserter(out));
  into.swap(out);
}

bool fits_i32(std::int64_t lo, std::int64_t hi) { return lo >= INT32_MIN && hi <= INT32_MAX; }

/// The loop of the stack that binds a variable.
const kir::For* binder(std::int64_t var, const std::vector<const kir::For*>& loops) {
  for (std::size_t i = loops.size(); i-- > 0;) {
    if (loops[i]->var->i == var) return loops[i];
  }
  return nullptr;
}

const kir::For* vector_loop(const std::vector<const kir::For*>& loops) {
  for (const kir::For* f : loops) {
    if (f->kind == LoopKind::Vector) return f;
  }
  return nullptr;
}

}  // namespace

bool Deps::operator<(const Deps& o) const {
  return std::tie(vars, states, guarded) < std::tie(o.vars, o.states, o.guarded);
}

Analysis::Analysis(const kir::Kernel& kernel, int vector_bytes)
    : kernel_(kernel), vector_bytes_(vector_bytes), regs_(kernel.regs.size()) {
  if (kernel.threads > 0)
    throw InternalError(fmt::format("codegen: kernel {} is one for a GPU", kernel.name));
  LoopStack loops;
  find_declarations(kernel.body, loops);
  find_accesses(kernel.body, loops);
  choose_lanes(kernel.body);
  unify_chunks();
  choose_tails();
}

bool Analysis::is_number(Expr e) const {
  return e->op == Op::Load &&
         kernel_.buffers[static_cast<std::size_t>(e->i)].space == kir::Space::Scalar;
}

const Deps* Analysis::intern(Deps d) { return &*deps_pool_.insert(std::move(d)).first; }

Deps Analysis::own_deps(Expr e) {
  Deps d;
  if (e->op == Op::Var) d.vars = {static_cast<int>(e->i)};
  if (e->op == Op::RegRead) d.states = {static_cast<int>(e->i)};
  if (is_number(e)) return d;
  if (e->op == Op::Load && kernel_.buffers[static_cast<std::size_t>(e->i)].written) {
    d.states = {buffer_state(static_cast<int>(e->i))};
  }
  d.guarded = e->op == Op::RegRead || e->op == Op::Load;
  return d;
}

const Deps& Analysis::deps(Expr e) {
  if (e->id >= deps_.size()) deps_.resize(e->id + 1, nullptr);
  if (deps_[e->id] != nullptr) return *deps_[e->id];
  Deps d = own_deps(e);
  const Deps* only = nullptr;
  bool changed = !d.vars.empty() || d.guarded;
  for (Expr a : e->args) {
    const Deps* of = &deps(a);
    if (only == nullptr) {
      only = of;
    } else if (of != only) {
      changed = true;
    }
    merge(d.vars, of->vars);
    merge(d.states, of->states);
    d.guarded = d.guarded || of->guarded;
  }
  const Deps* result = !changed && only != nullptr ? only : intern(std::move(d));
  return *(deps_[e->id] = result);
}

void Analysis::linear_into(Expr e, std::int64_t scale, std::map<std::uint32_t, std::size_t>& at,
                           Linear& out) {
  switch (e->op) {
    case Op::Const:
      out.constant += scale * e->i;
      return;
    case Op::Add:
      linear_into(e->args[0], scale, at, out);
      return linear_into(e->args[1], scale, at, out);
    case Op::Sub:
      linear_into(e->args[0], scale, at, out);
      return linear_into(e->args[1], -scale, at, out);
    case Op::Neg:
      return linear_into(e->args[0], -scale, at, out);
    case Op::Mul:
      if (e->args[1]->op == Op::Const) {
        return linear_into(e->args[0], scale * e->args[1]->i, at, out);
      }
      if (e->args[0]->op == Op::Const) {
        return linear_into(e->args[1], scale * e->args[0]->i, at, out);
      }
      break;
    default:
      break;
  }
  auto [it, is_new] = at.try_emplace(e->id, out.terms.size());
  if (is_new) out.terms.emplace_back(e, 0);
  out.terms[it->second].second += scale;
}

const Linear& Analysis::linear(Expr e) {
  auto it = linear_.find(e.node());
  if (it != linear_.end()) return it->second;
  Linear out;
  std::map<std::uint32_t, std::size_t> at;
  linear_into(e, 1, at, out);
  std::erase_if(out.terms, [](const auto& t) { return t.second == 0; });
  std::sort(out.terms.begin(), out.terms.end(),
            [](const auto& a, const auto& b) { return a.first->id < b.first->id; });
  return linear_.emplace(e.node(), std::move(out)).first->second;
}

bool Analysis::compute_narrow(Expr e) {
  if (e->dtype != DType::I64 || !fits_i32(e->lo, e->hi)) return false;
  switch (e->op) {
    case Op::Const:
    case Op::Var:
      return true;
    case Op::Load:
      return is_number(e);
    case Op::Cast:
      return !is_floating(e->args[0]->dtype);
    case Op::Add:
    case Op::Sub:
    case Op::Mul:
    case Op::FloorDiv:
    case Op::FloorMod:
    case Op::Div:
    case Op::Rem:
    case Op::Neg:
    case Op::Min:
    case Op::Max:
      break;
    case Op::Select:
      return is_narrow(e->args[1]) && is_narrow(e->args[2]);
    default:
      return false;
  }
  return std::all_of(e->args.begin(), e->args.end(), [&](Expr a) { return is_narrow(a); });
}

bool Analysis::is_narrow(Expr e) {
  if (e->id >= narrow_.size()) narrow_.resize(e->id + 1, -1);
  if (narrow_[e->id] < 0) {
    const bool narrow = compute_narrow(e);  // may resize narrow_
    narrow_[e->id] = narrow;
  }
  return narrow_[e->id] != 0;
}

const std::set<int>& Analysis::modifies(const kir::Block& block) {
  auto it = modifies_.find(&block);
  if (it != modifies_.end()) return it->second;
  std::set<int> out;
  for (const Stmt& s : block) {
    if (s.kind == Stmt::Kind::Store) out.insert(buffer_state(s.store.buffer));
    if (s.kind == Stmt::Kind::DeclReg) out.insert(s.decl.reg);
    if (s.kind == Stmt::Kind::SetReg) out.insert(s.set.reg);
    if (s.kind == Stmt::Kind::Accumulate) out.insert(s.acc.reg);
    kir::for_each_block(s, [&](const kir::Block& b) {
      const std::set<int>& inner = modifies(b);
      out.insert(inner.begin(), inner.end());
    });
  }
  return modifies_.emplace(&block, std::move(out)).first->second;
}

void Analysis::find_declarations(const kir::Block& block, LoopStack& loops) {
  for (const Stmt& s : block) {
    if (s.kind == Stmt::Kind::DeclReg) {
      regs_[static_cast<std::size_t>(s.decl.reg)].lane_loop = vector_loop(loops);
    }
    const bool is_loop = s.kind == Stmt::Kind::For;
    if (is_loop) loops.push_back(&s.loop);
    kir::for_each_block(s, [&](const kir::Block& b) { find_declarations(b, loops); });
    if (is_loop) loops.pop_back();
  }
}

void Analysis::find_accesses(const kir::Block& block, LoopStack& loops) {
  for (const Stmt& s : block) {
    const bool is_loop = s.kind == Stmt::Kind::For;
    if (is_loop) loops.push_back(&s.loop);
    std::set<const kir::ExprNode*> seen;
    kir::for_each_expr(s, [&](Expr e) { find_reads(e, loops, seen); });
    if (s.kind == Stmt::Kind::SetReg) access(s.set.reg, s.set.index, loops);
    if (s.kind == Stmt::Kind::Accumulate) access(s.acc.reg, s.acc.index, loops);
    kir::for_each_block(s, [&](const kir::Block& b) { find_accesses(b, loops); });
    if (is_loop) loops.pop_back();
  }
}

void Analysis::find_reads(Expr e, const LoopStack& loops, std::set<const kir::ExprNode*>& seen) {
  const Deps& d = deps(e);
  if (d.states.empty() || !seen.insert(e.node()).second) return;
  if (e->op == Op::RegRead) access(static_cast<int>(e->i), e->args, loops);
  for (Expr a : e->args) find_reads(a, loops, seen);
}

void Analysis::access(kir::RegId r, const std::vector<Expr>& index, const LoopStack& loops) {
  RegPlan& plan = regs_[static_cast<std::size_t>(r)];
  if (index.empty()) return;
  for (std::size_t d = 0; d < index.size(); ++d) {
    const Deps& of = deps(index[d]);
    if (of.guarded) plan.in_memory = true;
    for (int v : of.vars) {
      const kir::For* loop = binder(v, loops);
      if (loop != nullptr && (loop->kind == LoopKind::Unroll || loop->extent == 1)) continue;
      const bool along = loop != nullptr && loop->kind == LoopKind::Vector &&
                         d + 1 == index.size() && index[d]->op == Op::Var &&
                         plan.lane_loop == nullptr;
      if (!along) {
        plan.in_memory = true;
        continue;
      }
      written_out_.insert(loop);
      chunk_loops_[r].insert(loop);
      plan.chunk_loop = loop;
    }
  }
  // A scalar access to an array that elsewhere lies in vector registers.
  const Expr last = index.back();
  const bool along = last->op == Op::Var && binder(last->i, loops) != nullptr &&
                     binder(last->i, loops)->kind == LoopKind::Vector;
  if (!along) chunk_loops_[r].insert(nullptr);
}

void Analysis::choose_lanes(const kir::Block& block) {
  for (const Stmt& s : block) {
    if (s.kind == Stmt::Kind::For && s.loop.kind == LoopKind::Vector) {
      lanes_[&s.loop] = natural_lanes(s.loop);
    } else {
      kir::for_each_block(s, [&](const kir::Block& b) { choose_lanes(b); });
    }
  }
}

int Analysis::natural_lanes(const kir::For& loop) {
  std::set<const kir::ExprNode*> seen;
  const int width = std::max(widest(*loop.body, loop, seen), 1);
  const int lanes = std::max(vector_bytes_ / width, 2);
  if (loop.count || loop.extent >= lanes) return lanes;
  return static_cast<int>(std::bit_ceil(static_cast<std::uint64_t>(loop.extent)));
}

bool Analysis::varies(Expr e, const kir::For& loop) {
  const Deps& d = deps(e);
  if (std::binary_search(d.vars.begin(), d.vars.end(), static_cast<int>(loop.var->i))) return true;
  return std::any_of(d.states.begin(), d.states.end(), [&](int s) {
    return s < static_cast<int>(regs_.size()) &&
           regs_[static_cast<std::size_t>(s)].lane_loop == &loop;
  });
}

int Analysis::widest_index(Expr index, const kir::For& loop, std::set<const kir::ExprNode*>& seen) {
  if (!varies(index, loop)) return 0;
  int width = 0;
  for (const auto& [atom, coefficient] : linear(index).terms) {
    if (!varies(atom, loop)) continue;
    if (atom == loop.var && coefficient == 1) continue;
    width = std::max({width, 4, std::min(widest(atom, loop, seen), 4)});
  }
  return width;
}

int Analysis::widest(Expr e, const kir::For& loop, std::set<const kir::ExprNode*>& seen) {
  if (!e || !varies(e, loop) || !seen.insert(e.node()).second) return 0;
  int width = static_cast<int>(size_of(e->dtype));
  if (e->dtype == DType::I64 && is_narrow(e)) width = 4;
  if (e->op == Op::Load) {
    width = std::max(width, widest_index(e->args[0], loop, seen));
    return e->args.size() > 1 ? std::max(width, widest(e->args[1], loop, seen)) : width;
  }
  if (e->op == Op::RegRead) return width;
  for (Expr a : e->args) width = std::max(width, widest(a, loop, seen));
  return width;
}

int Analysis::widest(const kir::Block& block, const kir::For& loop,
                     std::set<const kir::ExprNode*>& seen) {
  int width = 0;
  auto take = [&](int w) { width = std::max(width, w); };
  for (const Stmt& s : block) {
    auto reg_size = [&](kir::RegId r) {
      return static_cast<int>(size_of(kernel_.regs[static_cast<std::size_t>(r)].dtype));
    };
    if (s.kind == Stmt::Kind::Store) {
      take(static_cast<int>(
          size_of(kernel_.buffers[static_cast<std::size_t>(s.store.buffer)].dtype)));
      take(widest_index(s.store.index, loop, seen));
      take(widest(s.store.value, loop, seen));
      take(widest(s.store.mask, loop, seen));
    } else {
      kir::for_each_expr(s, [&](Expr e) { take(widest(e, loop, seen)); });
      if (s.kind == Stmt::Kind::DeclReg) take(reg_size(s.decl.reg));
      if (s.kind == Stmt::Kind::SetReg) take(reg_size(s.set.reg));
      if (s.kind == Stmt::Kind::Accumulate) take(reg_size(s.acc.reg));
    }
    kir::for_each_block(s, [&](const kir::Block& b) { take(widest(b, loop, seen)); });
  }
  return width;
}

/// More vectors than registers could hold by far: such an array would only be spilled, slowly.
bool Analysis::is_too_large(kir::RegId r) const {
  constexpr std::int64_t kMostVectors = 128;
  const std::vector<std::int64_t>& dims = kernel_.regs[static_cast<std::size_t>(r)].dims;
  const int lanes = std::max(regs_[static_cast<std::size_t>(r)].lanes, 1);
  std::int64_t vectors = 1;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    vectors *= d + 1 < dims.size() ? dims[d] : (dims[d] + lanes - 1) / lanes;
  }
  return vectors > kMostVectors;
}

/// Vector loops that share a register array share its number of lanes; an array that is also
/// accessed in another way lies in memory, and its loops need not be written out for it.
void Analysis::unify_chunks() {
  for (auto& [r, loops] : chunk_loops_) {
    RegPlan& plan = regs_[static_cast<std::size_t>(r)];
    if (loops.erase(nullptr) != 0) plan.in_memory = plan.in_memory || !loops.empty();
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (auto& [r, loops] : chunk_loops_) {
      RegPlan& plan = regs_[static_cast<std::size_t>(r)];
      if (plan.in_memory || loops.empty()) continue;
      int least = INT32_MAX;
      for (const kir::For* f : loops) least = std::min(least, lanes_.at(f));
      for (const kir::For* f : loops) {
        changed = changed || lanes_[f] != least;
        lanes_[f] = least;
      }
      plan.lanes = least;
    }
  }
  std::set<const kir::For*> needed;
  for (auto& [r, loops] : chunk_loops_) {
    RegPlan& plan = regs_[static_cast<std::size_t>(r)];
    if (is_too_large(r)) plan.in_memory = true;
    if (plan.in_memory || loops.empty()) {
      plan.chunk_loop = nullptr;
    } else {
      needed.insert(loops.begin(), loops.end());
    }
  }
  written_out_.swap(needed);
}

bool Analysis::totals_lanes(const kir::Block& block, const kir::For& loop) const {
  bool found = false;
  for (const Stmt& s : block) {
    if (s.kind == Stmt::Kind::Accumulate) {
      const RegPlan& plan = reg(s.acc.reg);
      found = found || (plan.lane_loop != &loop && (plan.chunk_loop == nullptr || plan.in_memory));
    }
    kir::for_each_block(s, [&](const kir::Block& b) { found = found || totals_lanes(b, loop); });
  }
  return found;
}

/// Half a vector costs half on a core whose units are half as wide, and needs no mask when it is
/// full. Loops that share a register array agree; totals have one width for all steps.
void Analysis::choose_tails() {
  for (const auto& [loop, lanes] : lanes_) {
    const auto rest = loop->count ? 0U : static_cast<unsigned>(loop->extent % lanes);
    const bool narrow = lanes >= 8 && rest > 0 && !totals_lanes(*loop->body, *loop);
    tail_lanes_[loop] = narrow ? std::max(static_cast<int>(std::bit_ceil(rest)), lanes / 4) : lanes;
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (auto& [r, loops] : chunk_loops_) {
      RegPlan& plan = regs_[static_cast<std::size_t>(r)];
      if (plan.in_memory || loops.empty()) continue;
      plan.tail_lanes = 0;
      for (const kir::For* f : loops) plan.tail_lanes = std::max(plan.tail_lanes, tail_lanes_[f]);
      for (const kir::For* f : loops)
        changed = std::exchange(tail_lanes_[f], plan.tail_lanes) != plan.tail_lanes || changed;
    }
  }
}

std::size_t Analysis::body_size(const kir::Block& block) {
  std::set<const kir::ExprNode*> seen;
  std::vector<Expr> todo;
  for (const Stmt& s : block) {
    kir::for_each_expr(s, [&](Expr e) { todo.push_back(e); });
  }
  while (!todo.empty()) {
    const Expr e = todo.back();
    todo.pop_back();
    if (is_known_number(e) || !seen.insert(e.node()).second) continue;
    todo.insert(todo.end(), e->args.begin(), e->args.end());
  }
  return seen.size();
}

bool Analysis::is_known_number(Expr e) const {
  if (e->op == Op::Cast || e->op == Op::Bitcast) return is_known_number(e->args[0]);
  return e->op == Op::Const || is_number(e);
}

bool Analysis::has_inner_loop(const kir::Block& block) const {
  bool found = false;
  for (const Stmt& s : block) {
    if (s.kind == Stmt::Kind::For || s.kind == Stmt::Kind::While) return true;
    kir::for_each_block(s, [&](const kir::Block& b) { found = found || has_inner_loop(b); });
  }
  return found;
}

}  // namespace lilith::codegen
