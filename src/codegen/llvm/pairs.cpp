#include <llvm/IR/IntrinsicsX86.h>

#include "codegen/llvm/emitter.h"
#include "core/bf16_dot.h"

// Sums of pairs of products of bf16 (schedule/cpu/contraction/pairs.h) as vdpbf16ps: it rounds
// after each of the two FMAs, the upper halves' first, and takes denormals for 0, as programs do.
namespace lilith::codegen {

using kir::Expr;
using kir::Op;

namespace {

/// x of bitcast(op(x, number)); null for any other form.
Expr half_of(Expr e, Op op, std::int64_t number) {
  if (e->op != Op::Bitcast || e->args[0]->op != op) return {};
  const Expr by = e->args[0]->args[1];
  return by->op == Op::Const && by->i == number ? e->args[0]->args[0] : Expr();
}

}  // namespace

/// The value of such a sum; null where e is none, or the target has no instruction for it.
llvm::Value* Emitter::pairs_added(Expr e, int lanes) {
  if (e->dtype != DType::F32 || e->args[2]->op != Op::Fma || target_.isa != Isa::Avx512 ||
      !target_.native || !has_bf16_dot())
    return nullptr;
  const Expr inner = e->args[2];
  const Expr a = half_of(e->args[0], Op::Shl, 16), b = half_of(e->args[1], Op::Shl, 16);
  if (!a || !b || a != half_of(inner->args[0], Op::And, -65536) ||
      b != half_of(inner->args[1], Op::And, -65536))
    return nullptr;
  namespace I = llvm::Intrinsic;
  I::ID id = I::not_intrinsic;
  if (lanes == 16) id = I::x86_avx512bf16_dpbf16ps_512;
  if (lanes == 8) id = I::x86_avx512bf16_dpbf16ps_256;
  if (lanes == 4) id = I::x86_avx512bf16_dpbf16ps_128;
  if (id == I::not_intrinsic) return nullptr;
  auto* pairs = llvm::FixedVectorType::get(b_.getBFloatTy(), static_cast<unsigned>(2 * lanes));
  Value* args[] = {operand(inner->args[2], lanes), b_.CreateBitCast(operand(a, lanes), pairs),
                   b_.CreateBitCast(operand(b, lanes), pairs)};
  return b_.CreateIntrinsic(id, {}, args);
}

}  // namespace lilith::codegen
