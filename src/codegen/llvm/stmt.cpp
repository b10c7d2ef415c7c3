#include <llvm/IR/IntrinsicsX86.h>

#include "codegen/llvm/emitter.h"
#include "lilith/error.h"

// Statements: blocks, loops and branches.
namespace lilith::codegen {

using kir::LoopKind;
using kir::Stmt;

void Emitter::emit_block(const kir::Block& block) {
  for (const Stmt& s : block) emit_stmt(s);
}

void Emitter::emit_stmt(const Stmt& s) {
  switch (s.kind) {
    case Stmt::Kind::For:
      return emit_for(s.loop);
    case Stmt::Kind::While:
      return emit_while(s.while_loop);
    case Stmt::Kind::If:
      return emit_if(s.branch);
    case Stmt::Kind::Store:
      return emit_store(s.store);
    case Stmt::Kind::DeclReg:
      return emit_decl(s.decl);
    case Stmt::Kind::SetReg:
      return emit_set(s.set);
    case Stmt::Kind::Accumulate:
      return emit_accumulate(s.acc);
    case Stmt::Kind::Prefetch:
      return emit_prefetch(s.prefetch);
    case Stmt::Kind::Barrier:
      return emit_barrier();
    case Stmt::Kind::Mma:
      throw InternalError("codegen: an mma in a kernel for a CPU");
  }
}

void Emitter::emit_fence() {
  if (has_non_temporal_) b_.CreateIntrinsic(llvm::Intrinsic::x86_sse_sfence, {}, {});
}

void Emitter::emit_barrier() {
  emit_fence();
  Type* args[] = {b_.getInt64Ty(), b_.getInt64Ty()};
  auto* type = llvm::FunctionType::get(b_.getVoidTy(), args, false);
  b_.CreateCall(module_.getOrInsertFunction("lilith_barrier", type),
                {function_->getArg(1), function_->getArg(2)});
  for (std::size_t i = 0; i < kernel_.buffers.size(); ++i) {
    changed(analysis_.buffer_state(static_cast<int>(i)));
  }
}

void Emitter::emit_for(const kir::For& s) {
  if (s.extent <= 0) return;
  if (rolled_ == nullptr && vector_ == nullptr) {
    if (const auto plan = analysis_.roll_plan(s)) return emit_rolled(s, *plan);
  }
  const auto var = static_cast<std::size_t>(s.var->i);
  const Binding saved = bindings_[var];
  const bool rolled = rolled_ != nullptr && rolled_->vars.contains(static_cast<int>(s.var->i));
  if (s.kind == LoopKind::Parallel) {
    emit_parallel(s);
  } else if (s.kind == LoopKind::Vector && analysis_.lanes(s) > 1) {
    emit_vector(s);
  } else if ((s.kind == LoopKind::Serial || rolled) && s.extent > 1) {
    loop(i64(0), count_of(s), 1, *s.body, [&](Value* i) {
      bindings_[var] = {current_, i};
      emit_block(*s.body);
    });
  } else {
    for (std::int64_t i = 0; i < s.extent; ++i) {
      bindings_[var] = {0, nullptr, i};
      emit_block(*s.body);
    }
  }
  bindings_[var] = saved;
}

void Emitter::loop(Value* begin, Value* end, std::int64_t step, const kir::Block& block,
                   const std::function<void(Value*)>& body) {
  llvm::BasicBlock *before = b_.GetInsertBlock(), *head = new_block("loop");
  b_.CreateBr(head);
  push_scope(before, &block, false);
  b_.SetInsertPoint(head);
  llvm::PHINode* i = b_.CreatePHI(b_.getInt64Ty(), 2);
  i->addIncoming(begin, before);
  body(i);
  pop_scope();
  Value* next = b_.CreateAdd(i, i64(step), "", true, true);
  i->addIncoming(next, b_.GetInsertBlock());
  llvm::BasicBlock* after = new_block("after");
  b_.CreateCondBr(b_.CreateICmpSLT(next, end), head, after);
  b_.SetInsertPoint(after);
}

/// Each thread takes extent * [thread, thread + 1) / num_threads, rounded up: where there is too
/// little for all it is thread 0, which the others wait for least, that has work.
void Emitter::emit_parallel(const kir::For& s) {
  Value *thread = function_->getArg(1), *team = function_->getArg(2), *count = count_of(s);
  Value* last = b_.CreateSub(team, i64(1));
  auto bound = [&](Value* t) {
    return b_.CreateUDiv(b_.CreateAdd(b_.CreateMul(t, count), last), team);
  };
  Value *begin = bound(thread), *end = bound(b_.CreateAdd(thread, i64(1)));
  llvm::BasicBlock *before = b_.GetInsertBlock(), *some = new_block("share"),
                   *done = new_block("done");
  b_.CreateCondBr(b_.CreateICmpSLT(begin, end), some, done);
  b_.SetInsertPoint(some);
  push_scope(before, s.body.get(), true);
  loop(begin, end, 1, *s.body, [&](Value* i) {
    bindings_[static_cast<std::size_t>(s.var->i)] = {current_, i};
    emit_block(*s.body);
  });
  pop_scope();
  b_.CreateBr(done);
  b_.SetInsertPoint(done);
}

llvm::Value* Emitter::count_of(const kir::For& s) {
  return s.count ? scalar(s.count) : i64(s.extent);
}

// Bodies of up to this many expressions run as several independent ones, larger ones only once more
// for the tail. The sums' order follows from the body alone, not from the extent.
constexpr std::size_t kFourCopies = 18, kTwoCopies = 50;

void Emitter::emit_vector(const kir::For& s) {
  VectorLoop v;
  v.loop = &s;
  v.lanes = analysis_.lanes(s);
  const bool written_out = analysis_.is_written_out(s) && rolled_ == nullptr;
  const bool totals = analysis_.totals_lanes(*s.body, s);
  const std::int64_t full = s.extent / v.lanes;
  // Large bodies are not worth a second copy for the tail where masks cost next to nothing.
  const std::size_t size = analysis_.body_size(*s.body);
  const bool masked = !written_out && s.sums <= 1 &&
                      (s.count || (full > 0 && s.extent % v.lanes != 0)) &&
                      target_.isa == Isa::Avx512 && (rolled_ != nullptr || size > kTwoCopies);
  if (totals) {
    // A place for the totals' initial values.
    llvm::BasicBlock* next = new_block("lanes");
    v.before = b_.CreateBr(next);
    b_.SetInsertPoint(next);
    if (s.sums > 0)
      v.copies = s.sums;
    else if (!written_out && !masked && !analysis_.has_inner_loop(*s.body))
      v.copies = size <= kFourCopies ? 4 : size <= kTwoCopies ? 2 : 1;
  }
  vector_ = &v;
  if (masked) {
    emit_masked_loop(s, v.lanes);
    vector_ = nullptr;
    return finish_totals(v);
  }
  if (s.count) {
    emit_counted(v);
    vector_ = nullptr;
    return finish_totals(v);
  }
  const std::int64_t step = std::int64_t{v.lanes} * v.copies;
  const std::int64_t looped = written_out ? 0 : s.extent / step * step;
  if (looped > step) emit_copies(v, i64(looped));
  const int lanes = v.lanes;
  for (std::int64_t at = looped > step ? looped : 0; at < s.extent; at += lanes) {
    const auto active = static_cast<int>(std::min<std::int64_t>(lanes, s.extent - at));
    v.lanes = active < lanes ? analysis_.tail_lanes(s) : lanes;
    bindings_[static_cast<std::size_t>(s.var->i)] = {0, nullptr, at, v.lanes, active};
    emit_block(*s.body);
    v.copy = (v.copy + 1) % v.copies;
  }
  vector_ = nullptr;
  finish_totals(v);
}

/// Full vectors up to `end`, a multiple of the step, all copies in each step.
void Emitter::emit_copies(VectorLoop& v, Value* end) {
  const kir::For& s = *v.loop;
  loop(i64(0), end, std::int64_t{v.lanes} * v.copies, *s.body, [&](Value* i) {
    const int scope = current_;
    for (v.copy = 0; v.copy < v.copies; ++v.copy) {
      bindings_[static_cast<std::size_t>(s.var->i)] = {scope, i, v.copy * v.lanes, v.lanes,
                                                       v.lanes};
      emit_block(*s.body);
    }
  });
  v.copy = 0;
}

/// What the body does where cond holds, in a scope of its own.
void Emitter::emit_where(Value* cond, const kir::Block& block, const std::function<void()>& body) {
  llvm::BasicBlock *before = b_.GetInsertBlock(), *then = new_block("then"),
                   *end = new_block("end");
  b_.CreateCondBr(cond, then, end);
  b_.SetInsertPoint(then);
  push_scope(before, &block, true);
  body();
  pop_scope();
  b_.CreateBr(end);
  b_.SetInsertPoint(end);
}

/// A loop whose count is given at launch: full vectors, then up to one a copy under masks.
void Emitter::emit_counted(VectorLoop& v) {
  const kir::For& s = *v.loop;
  Value* count = count_of(s);
  const std::int64_t step = std::int64_t{v.lanes} * v.copies;
  Value* looped = b_.CreateSub(count, b_.CreateURem(count, i64(step)));
  emit_where(b_.CreateICmpSGT(looped, i64(0)), *s.body, [&] { emit_copies(v, looped); });
  for (v.copy = 0; v.copy < v.copies; ++v.copy) {
    Value* at = b_.CreateAdd(looped, i64(std::int64_t{v.lanes} * v.copy));
    emit_where(b_.CreateICmpSLT(at, count), *s.body, [&] { emit_masked(s, at, v.lanes); });
  }
}

/// Every iteration under a mask that is full but in the last one.
void Emitter::emit_masked_loop(const kir::For& s, int lanes) {
  loop(i64(0), count_of(s), lanes, *s.body, [&](Value* i) { emit_masked(s, i, lanes); });
}

void Emitter::emit_masked(const kir::For& s, Value* at, int lanes) {
  const auto var = static_cast<std::size_t>(s.var->i);
  bindings_[var] = {current_, at, 0, lanes, lanes};
  const bool narrow = analysis_.is_narrow(s.var);
  Value* end = count_of(s);
  bindings_[var].mask =
      b_.CreateICmpULT(eval(s.var), splat(narrow ? fit_width(end, true) : end, lanes));
  emit_block(*s.body);
}

void Emitter::emit_while(const kir::While& s) {
  llvm::BasicBlock *before = b_.GetInsertBlock(), *head = new_block("while");
  b_.CreateBr(head);
  push_scope(before, s.body.get(), true);
  b_.SetInsertPoint(head);
  Value* cond = scalar(s.cond);
  llvm::BasicBlock *body = new_block("do"), *after = new_block("after");
  b_.CreateCondBr(cond, body, after);
  b_.SetInsertPoint(body);
  emit_block(*s.body);
  b_.CreateBr(head);
  pop_scope();
  b_.SetInsertPoint(after);
}

void Emitter::emit_if(const kir::If& s) {
  const int n = lanes(s.cond);
  if (n > 0) return emit_varying_if(s, n);
  Value* cond = scalar(s.cond);
  if (auto* known = llvm::dyn_cast<llvm::ConstantInt>(cond)) {
    const auto& body = known->isZero() ? s.else_body : s.then_body;
    if (body) emit_block(*body);
    return;
  }
  Value* exec = scopes_.back().exec;
  llvm::BasicBlock *before = b_.GetInsertBlock(), *then = new_block("then"),
                   *end = new_block("end");
  llvm::BasicBlock* otherwise = s.else_body ? new_block("else") : end;
  b_.CreateCondBr(cond, then, otherwise);
  emit_arm(before, then, end, exec, *s.then_body);
  if (s.else_body) emit_arm(before, otherwise, end, exec, *s.else_body);
  b_.SetInsertPoint(end);
}

/// Both arms run, each for its lanes; an arm that no lane takes is skipped.
void Emitter::emit_varying_if(const kir::If& s, int n) {
  Value *cond = operand(s.cond, n), *all = lane_mask(n);
  Value* masks[] = {and_mask(cond, all), s.else_body ? and_mask(b_.CreateNot(cond), all) : nullptr};
  const kir::Block* arms[] = {s.then_body.get(), s.else_body.get()};
  for (int k = 0; k < 2; ++k) {
    if (arms[k] == nullptr) continue;
    llvm::BasicBlock *before = b_.GetInsertBlock(), *arm = new_block("lanes"),
                     *end = new_block("end");
    b_.CreateCondBr(any(masks[k]), arm, end);
    emit_arm(before, arm, end, masks[k], *arms[k]);
    b_.SetInsertPoint(end);
  }
}

void Emitter::emit_arm(llvm::BasicBlock* before, llvm::BasicBlock* arm, llvm::BasicBlock* end,
                       Value* exec, const kir::Block& body) {
  push_scope(before, &body, true);
  scopes_.back().exec = exec;
  b_.SetInsertPoint(arm);
  emit_block(body);
  b_.CreateBr(end);
  pop_scope();
}

}  // namespace lilith::codegen
