#include "kernel_ir/math_detail.h"

namespace lilith::kir {

Expr philox(Expr key, Expr counter, Expr word) {
  Pool& pool = key.pool();
  const auto number = [&](std::uint32_t v) {
    return pool.integer(static_cast<std::int32_t>(v), DType::I32);
  };
  const auto low = [&](Expr x) { return pool.cast(x, DType::I32); };
  const auto high = [&](Expr x) {
    return low(pool.make(Op::UShr, DType::I64, {x, pool.integer(32)}));
  };
  const auto mul_high = [&](Expr a, Expr b) { return pool.make(Op::UMulHi, DType::I32, {a, b}); };
  const Expr m0 = number(0xD2511F53), m1 = number(0xCD9E8D57);  // multipliers
  const Expr w0 = number(0x9E3779B9), w1 = number(0xBB67AE85);  // key steps
  Expr c0 = low(counter), c1 = high(counter), c2 = number(0), c3 = number(0);
  Expr k0 = low(key), k1 = high(key);
  for (int round = 0; round < 10; ++round) {
    if (round > 0) {
      k0 = k0 + w0;
      k1 = k1 + w1;
    }
    const Expr h0 = mul_high(m0, c0), l0 = m0 * c0, h1 = mul_high(m1, c2), l1 = m1 * c2;
    c0 = detail::bit_xor(detail::bit_xor(h1, c1), k0);
    c1 = l1;
    c2 = detail::bit_xor(detail::bit_xor(h0, c3), k1);
    c3 = l0;
  }
  const auto is = [&](int k) { return eq(word, pool.integer(k, word->dtype)); };
  return pool.select(is(0), c0, pool.select(is(1), c1, pool.select(is(2), c2, c3)));
}

}  // namespace lilith::kir
