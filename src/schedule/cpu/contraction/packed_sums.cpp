#include "schedule/cpu/contraction/packed_sums.h"

#include "core/dot_instructions.h"

namespace lilith::schedule {

using kir::Expr;
using kir::Op;

namespace {

Expr bits(Op op, Expr x, std::int64_t by) {
  return by == 0 && op != Op::And
             ? x
             : x.pool().make(op, DType::I32, {x, x.pool().integer(by, DType::I32)});
}

// Of four bytes.
Expr unsigned_byte(Expr x, std::int64_t k) { return bits(Op::And, bits(Op::UShr, x, 8 * k), 255); }
Expr signed_byte(Expr x, std::int64_t k) {
  return bits(Op::SShr, bits(Op::Shl, x, 24 - 8 * k), 24);
}

Expr add_pair(Expr a, Expr b, Expr sum) {
  kir::Pool& p = a.pool();
  const auto first = [&](Expr x) { return p.bitcast(bits(Op::And, x, -65536), DType::F32); };
  const auto second = [&](Expr x) { return p.bitcast(bits(Op::Shl, x, 16), DType::F32); };
  return p.fma(second(a), second(b), p.fma(first(a), first(b), sum));
}

Expr add_bytes(Expr u, Expr s, Expr sum) {
  for (std::int64_t k = 0; k < 4; ++k) sum = sum + unsigned_byte(u, k) * signed_byte(s, k);
  return sum;
}

}  // namespace

std::int64_t packed_steps(DType a, DType b) {
  if (a == DType::BF16 && b == DType::BF16) return 2;
  const bool bytes = (a == DType::U8 && b == DType::I8) || (a == DType::I8 && b == DType::U8);
  return bytes ? 4 : 0;
}

double packed_cycles(const Target& target, DType a, DType b) {
  const std::int64_t steps = packed_steps(a, b);
  if (target.isa != Isa::Avx512 || !target.native || steps == 0) return 0;
  if (steps == 2 ? !has_bf16_dot() : !has_int8_dot()) return 0;
  // Zen 4 and 5 do as many as FMAs; a Sapphire Rapids one of bf16 in two cycles and one of bytes in
  // one (measured: 0.73 and 0.43 ns beside 0.18 ns of an FMA).
  if (target.cpu.find("AuthenticAMD") != target.cpu.npos) return 0.5;
  return steps == 2 ? 2 : 1.1;
}

Expr pack_steps(const std::vector<Expr>& elements) {
  kir::Pool& p = elements[0].pool();
  if (elements[0].dtype() == DType::F32) {
    const Expr low = bits(Op::UShr, p.bitcast(elements[1], DType::I32), 16);
    return p.make(Op::Or, DType::I32, {p.bitcast(elements[0], DType::I32), low});
  }
  Expr all;
  for (std::size_t k = 0; k < elements.size(); ++k) {
    const Expr byte = bits(Op::And, p.cast(elements[k], DType::I32), 255);
    const Expr moved = bits(Op::Shl, byte, static_cast<std::int64_t>(8 * k));
    all = all ? p.make(Op::Or, DType::I32, {all, moved}) : moved;
  }
  return all;
}

Expr add_packed(Expr a, Expr b, Expr sum, DType a_dtype) {
  if (a_dtype == DType::BF16) return add_pair(a, b, sum);
  return a_dtype == DType::U8 ? add_bytes(a, b, sum) : add_bytes(b, a, sum);
}

}  // namespace lilith::schedule
