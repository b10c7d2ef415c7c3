#include <llvm/IR/IntrinsicsX86.h>

#include <optional>

#include "codegen/llvm/emitter.h"
#include "core/dot_instructions.h"
#include "schedule/cpu/contraction/packed_sums.h"

// Sums of packed products (schedule/cpu/contraction/packed_sums.h) as instructions. vdpbf16ps
// rounds after each of its two FMAs, the upper halves' first, and takes denormals for 0, as
// programs do; vpdpbusd wraps, as I32 does.
namespace lilith::codegen {

using kir::Expr;
using kir::Op;

namespace {

struct PackedSum {
  Expr a, b, sum;  // a: of bytes the unsigned ones
};

/// x of bitcast(op(x, number)); null for any other form.
Expr half_of(Expr e, Op op, std::int64_t number) {
  if (e->op != Op::Bitcast || e->args[0]->op != op) return {};
  const Expr by = e->args[0]->args[1];
  return by->op == Op::Const && by->i == number ? e->args[0]->args[0] : Expr();
}

std::optional<PackedSum> pair_of(Expr e) {
  if (e->op != Op::Fma || e->dtype != DType::F32 || e->args[2]->op != Op::Fma) return {};
  const Expr inner = e->args[2];
  const Expr a = half_of(e->args[0], Op::Shl, 16), b = half_of(e->args[1], Op::Shl, 16);
  if (!a || !b || a != half_of(inner->args[0], Op::And, -65536) ||
      b != half_of(inner->args[1], Op::And, -65536))
    return {};
  return PackedSum{a, b, inner->args[2]};
}

/// The load whose byte this is; null for any other form.
Expr loaded(Expr e) {
  while (e->op == Op::And || e->op == Op::UShr || e->op == Op::SShr || e->op == Op::Shl)
    e = e->args[0];
  return e->op == Op::Load ? e : Expr();
}

std::optional<PackedSum> bytes_of(Expr e) {
  Expr rest = e, product;
  for (int k = 0; k < 4; ++k) {
    if (rest->op != Op::Add || rest->dtype != DType::I32) return {};
    const int at = rest->args[1]->op == Op::Mul ? 1 : 0;
    if (rest->args[static_cast<std::size_t>(at)]->op != Op::Mul) return {};
    if (!product) product = rest->args[static_cast<std::size_t>(at)];
    rest = rest->args[static_cast<std::size_t>(1 - at)];
  }
  const Expr x = loaded(product->args[0]), y = loaded(product->args[1]);
  if (!x || !y) return {};
  for (const auto& [u, s] : {std::pair(x, y), std::pair(y, x)})
    if (schedule::add_packed(u, s, rest, DType::U8) == e) return PackedSum{u, s, rest};
  return {};
}

}  // namespace

/// The value of such a sum; null where e is none, or the target has no instruction for it.
llvm::Value* Emitter::packed_sum(Expr e, int lanes) {
  if (target_.isa != Isa::Avx512 || !target_.native) return nullptr;
  const std::size_t width = lanes == 16 ? 0 : lanes == 8 ? 1 : lanes == 4 ? 2 : 3;
  if (width == 3) return nullptr;
  namespace I = llvm::Intrinsic;
  static constexpr I::ID kPairs[] = {I::x86_avx512bf16_dpbf16ps_512, I::x86_avx512bf16_dpbf16ps_256,
                                     I::x86_avx512bf16_dpbf16ps_128},
                         kBytes[] = {I::x86_avx512_vpdpbusd_512, I::x86_avx512_vpdpbusd_256,
                                     I::x86_avx512_vpdpbusd_128};
  if (e->op == Op::Fma && has_bf16_dot()) {
    const auto pair = pair_of(e);
    if (!pair) return nullptr;
    auto* type = llvm::FixedVectorType::get(b_.getBFloatTy(), static_cast<unsigned>(2 * lanes));
    Value* args[] = {operand(pair->sum, lanes), b_.CreateBitCast(operand(pair->a, lanes), type),
                     b_.CreateBitCast(operand(pair->b, lanes), type)};
    return b_.CreateIntrinsic(kPairs[width], {}, args);
  }
  if (e->op == Op::Add && has_int8_dot()) {
    const auto bytes = bytes_of(e);
    if (!bytes) return nullptr;
    Value* args[] = {operand(bytes->sum, lanes), operand(bytes->a, lanes),
                     operand(bytes->b, lanes)};
    return b_.CreateIntrinsic(kBytes[width], {}, args);
  }
  return nullptr;
}

}  // namespace lilith::codegen
