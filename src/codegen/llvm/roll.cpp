#include "codegen/llvm/emitter.h"
#include "kernel_ir/walk.h"

// Long epilogues. A tile's elements are registers, so what follows the contraction is written out
// once an element; where that is an optimiser's update or a store that scatters, the copies cost
// more to compile than the tile. Then the tile is copied to the stack and the nest runs as loops.
namespace lilith::codegen {

using kir::Expr;
using kir::LoopKind;
using kir::Op;
using kir::Stmt;

void Analysis::find_array_reads(Expr e, std::set<const kir::ExprNode*>& seen, RollPlan& plan) {
  if (deps(e).states.empty() || !seen.insert(e.node()).second) return;
  if (e->op == Op::RegRead && !e->args.empty()) {
    plan.arrays.insert(static_cast<int>(e->i));
    for (Expr index : e->args) {
      const Deps& d = deps(index);
      plan.vars.insert(d.vars.begin(), d.vars.end());
    }
  }
  for (Expr a : e->args) find_array_reads(a, seen, plan);
}

bool Analysis::scan_block(const kir::Block& block, const kir::For& loop, std::int64_t copies,
                          RollPlan& plan) {
  auto is_array = [&](kir::RegId r) {
    return !kernel_.regs[static_cast<std::size_t>(r)].dims.empty();
  };
  std::size_t cost = body_size(block);
  for (const Stmt& s : block) {
    if (s.kind == Stmt::Kind::DeclReg && is_array(s.decl.reg)) return false;
    if (s.kind == Stmt::Kind::SetReg && is_array(s.set.reg)) return false;
    if (s.kind == Stmt::Kind::Accumulate && is_array(s.acc.reg)) return false;
    if (s.kind == Stmt::Kind::While) return false;
    std::set<const kir::ExprNode*> seen;
    kir::for_each_expr(s, [&](Expr e) { find_array_reads(e, seen, plan); });
    // A store that scatters is written out once a lane.
    if (s.kind == Stmt::Kind::Store && loop.kind == LoopKind::Vector &&
        widest_index(s.store.index, loop, seen) != 0) {
      cost += 32;
    }
    if (s.kind == Stmt::Kind::For) {
      if (!scan_nest(s.loop, copies, plan)) return false;
    } else {
      bool possible = true;
      kir::for_each_block(s, [&](const kir::Block& b) {
        possible = possible && scan_block(b, loop, copies, plan);
      });
      if (!possible) return false;
    }
  }
  plan.copies = std::max(plan.copies, copies);
  plan.cost += cost * static_cast<std::size_t>(copies);
  return true;
}

bool Analysis::scan_nest(const kir::For& loop, std::int64_t copies, RollPlan& plan) {
  if (loop.kind == LoopKind::Parallel) return false;
  if (loop.kind == LoopKind::Unroll) copies *= loop.extent;
  if (loop.kind == LoopKind::Vector && is_written_out(loop)) {
    copies *= (loop.extent + lanes(loop) - 1) / lanes(loop);
  }
  return scan_block(*loop.body, loop, copies, plan);
}

std::optional<RollPlan> Analysis::roll_plan(const kir::For& loop) {
  constexpr std::size_t kLong = 600;
  constexpr std::int64_t kManyCopies = 6;
  const bool written_out =
      loop.kind == LoopKind::Unroll || (loop.kind == LoopKind::Vector && is_written_out(loop));
  RollPlan plan;
  if (!written_out || !scan_nest(loop, 1, plan)) return {};
  if (plan.arrays.empty() || plan.copies < kManyCopies || plan.cost < kLong) return {};
  return plan;
}

/// Row by row: what a partial vector writes behind its row is overwritten by the next.
RegStorage Emitter::copy_to_memory(kir::RegId r) {
  const RegStorage& from = regs_[static_cast<std::size_t>(r)];
  const kir::RegDecl& decl = kernel_.regs[static_cast<std::size_t>(r)];
  std::int64_t size = from.lanes;
  const std::int64_t row = decl.dims.back();
  if (from.chunks == 0) {
    size += static_cast<std::int64_t>(from.slots.size());
  } else {
    size += static_cast<std::int64_t>(from.slots.size()) / from.chunks * row;
  }
  RegStorage to = make_storage(decl.dtype, size, 0, true);
  for (std::size_t i = 0; i < from.slots.size(); ++i) {
    auto at = static_cast<std::int64_t>(i);
    if (from.chunks > 0) at = at / from.chunks * row + at % from.chunks * from.lanes;
    Value* v = b_.CreateLoad(from.slots[i]->getAllocatedType(), from.slots[i]);
    Type* element = memory_type(decl.dtype);
    Value* pointer = b_.CreateConstGEP1_64(element, to.memory, static_cast<std::uint64_t>(at));
    b_.CreateAlignedStore(narrow(v, decl.dtype, decl.dtype), pointer,
                          llvm::Align(size_of(decl.dtype)));
  }
  return to;
}

void Emitter::emit_rolled(const kir::For& s, const RollPlan& plan) {
  std::map<kir::RegId, RegStorage> saved;
  for (kir::RegId r : plan.arrays) {
    RegStorage& storage = regs_[static_cast<std::size_t>(r)];
    if (storage.in_memory) continue;
    RegStorage copy = copy_to_memory(r);
    saved.emplace(r, std::exchange(storage, std::move(copy)));
    changed(r);
  }
  rolled_ = &plan;
  emit_for(s);
  rolled_ = nullptr;
  for (auto& [r, storage] : saved) {
    regs_[static_cast<std::size_t>(r)] = std::move(storage);
    changed(r);
  }
}

}  // namespace lilith::codegen
