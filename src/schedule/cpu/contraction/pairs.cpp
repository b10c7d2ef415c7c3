#include "schedule/cpu/contraction/pairs.h"

#include "core/bf16_dot.h"

namespace lilith::schedule {

using kir::Expr;
using kir::Op;

double pair_cycles(const Target& target) {
  if (target.isa != Isa::Avx512 || !target.native || !has_bf16_dot()) return 0;
  // Zen 4 and 5 do as many as FMAs; a Sapphire Rapids one in two cycles (measured: 0.73 ns beside
  // 0.18 ns of an FMA).
  return target.cpu.find("AuthenticAMD") != target.cpu.npos ? 0.5 : 2;
}

Expr make_pair(Expr first, Expr second) {
  kir::Pool& p = first.pool();
  const Expr low =
      p.make(Op::UShr, DType::I32, {p.bitcast(second, DType::I32), p.integer(16, DType::I32)});
  return p.make(Op::Or, DType::I32, {p.bitcast(first, DType::I32), low});
}

Expr add_pair(Expr a, Expr b, Expr sum) {
  kir::Pool& p = a.pool();
  const Expr mask = p.integer(-65536, DType::I32), shift = p.integer(16, DType::I32);
  const auto first = [&](Expr x) {
    return p.bitcast(p.make(Op::And, DType::I32, {x, mask}), DType::F32);
  };
  const auto second = [&](Expr x) {
    return p.bitcast(p.make(Op::Shl, DType::I32, {x, shift}), DType::F32);
  };
  return p.fma(second(a), second(b), p.fma(first(a), first(b), sum));
}

}  // namespace lilith::schedule
