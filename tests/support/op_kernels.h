#pragma once
#include <functional>
#include <utility>

#include "support/kernel_inputs.h"

// Every operation on every dtype that it takes, for the tests of every emitter.
namespace lilith::codegen::testing::kernels {

using namespace kir;

inline constexpr int kSize = 333;
inline constexpr DType kInts[] = {DType::Bool, DType::U8,  DType::I8,
                                  DType::I16,  DType::I32, DType::I64};
inline constexpr DType kFloats[] = {DType::F32, DType::F64};

inline std::vector<double> edges(DType d) {
  if (is_floating(d)) {
    const double inf = INFINITY;
    return {0,    -0.0, 1,     -1,     0.5,   -0.5,  1.5,          2.5,           -2.5,         inf,
            -inf, NAN,  1e-40, -1e-40, 3e9,   -3e9,  2147483647.0, -2147483648.0, 2147483648.0, 255,
            256,  -129, 1e19,  -1e19,  65519, 65520, 6e-8};
  }
  const int bits = static_cast<int>(size_of(d)) * 8;
  const double high = std::ldexp(1, bits - 1);
  if (d == DType::Bool) return {0, 1};
  if (d == DType::U8) return {0, 1, 2, 7, 8, 9, 127, 128, 255};
  if (d == DType::I64) return {0, 1, -1, 2, -2, 63, 64, 65, 7, -7, -high, -high + 2048};
  return {0, 1, -1, 2, -2, 7, -7, 8, 31, 32, 33, high - 1, -high, -high + 1};
}

/// Every pair of edges first, then random values; the same for each kernel.
inline Inputs edge_inputs(const Kernel& k) {
  Inputs in = random_inputs(k, 7);
  for (std::size_t p = 0; p < in.size(); ++p) {
    const DType d = k.buffers[p].dtype;
    const std::vector<double> values = edges(d);
    for (std::size_t i = 0; i < kSize; ++i) {
      const std::size_t at = p == 0 ? i % values.size() : p == 1 ? i / values.size() : i * 7 % 31;
      if (at >= values.size()) continue;
      const double x = values[at];
      auto put = [&](auto v) { std::memcpy(&in[p][i * sizeof v], &v, sizeof v); };
      if (d == DType::F32) put(static_cast<float>(x));
      if (d == DType::F64) put(x);
      if (d == DType::F16) put(half(static_cast<float>(x)));
      if (d == DType::BF16) put(bfloat16(static_cast<float>(x)));
      if (d == DType::Bool || d == DType::U8) put(static_cast<std::uint8_t>(x));
      if (d == DType::I8) put(static_cast<std::int8_t>(x));
      if (d == DType::I16) put(static_cast<std::int16_t>(x));
      if (d == DType::I32) put(static_cast<std::int32_t>(x));
      if (d == DType::I64) put(static_cast<std::int64_t>(x));
    }
  }
  return in;
}

/// out[i] = f(x[i], y[i], z[i]).
struct OpCase {
  std::string name;
  DType in, out;
  std::function<Expr(Pool&, const std::vector<Expr>&)> f;
  double tolerance = 0;
};
template <class F>
void add(std::vector<OpCase>& cases, std::string name, DType in, DType result, F f,
         double tolerance = 0) {
  cases.push_back({std::move(name), in, result, f, tolerance});
}

inline std::string label(Op op, DType d) {
  return std::string(op_name(op)) + "_" + std::string(name(d));
}

inline std::vector<OpCase> integer_ops() {
  std::vector<OpCase> cases;
  for (DType d : kInts) {
    for (Op op : {Op::Add, Op::Sub, Op::Mul, Op::Div, Op::Rem, Op::FloorDiv, Op::FloorMod, Op::Min,
                  Op::Max, Op::And, Op::Or, Op::Xor, Op::Shl, Op::UShr, Op::SShr, Op::UMulHi}) {
      const bool bits = op == Op::And || op == Op::Or || op == Op::Xor;
      if (d == DType::Bool && !bits) continue;
      add(cases, label(op, d), d, d,
          [=](Pool& p, const std::vector<Expr>& x) { return p.make(op, d, {x[0], x[1]}); });
    }
    for (Op op : {Op::Neg, Op::Abs, Op::Not, Op::Ctz, Op::PopCount}) {
      if (d == DType::Bool && op != Op::Not) continue;
      add(cases, label(op, d), d, d,
          [=](Pool& p, const std::vector<Expr>& x) { return p.make(op, d, {x[0]}); });
    }
    for (Op op : {Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::ULt}) {
      add(cases, label(op, d), d, DType::Bool, [=](Pool& p, const std::vector<Expr>& x) {
        return p.make(op, DType::Bool, {x[0], x[1]});
      });
    }
  }
  return cases;
}

inline std::vector<OpCase> integer_ops_by_constants() {
  std::vector<OpCase> cases;
  for (DType d : {DType::I8, DType::I32, DType::I64, DType::U8}) {
    for (int c : {0, 1, -1, 2, 3, 8, 10, 100, -7}) {
      for (Op op :
           {Op::Div, Op::Rem, Op::FloorDiv, Op::FloorMod, Op::Shl, Op::UShr, Op::SShr, Op::Mul}) {
        add(cases, label(op, d) + std::to_string(c), d, d,
            [=](Pool& p, const std::vector<Expr>& x) {
              return p.make(op, d, {x[0], p.integer(c, d)});
            });
      }
    }
  }
  return cases;
}

inline std::vector<OpCase> float_ops() {
  std::vector<OpCase> cases;
  for (DType d : kFloats) {
    for (Op op : {Op::Add, Op::Sub, Op::Mul, Op::Div, Op::Rem, Op::Min, Op::Max}) {
      add(cases, label(op, d), d, d,
          [=](Pool& p, const std::vector<Expr>& x) { return p.make(op, d, {x[0], x[1]}); });
    }
    for (Op op : {Op::Min, Op::Max}) {
      add(cases, label(op, d) + "_c", d, d, [=](Pool& p, const std::vector<Expr>& x) {
        return p.make(op, d, {x[0], p.constant(d, 0.5)});
      });
    }
    for (Op op : {Op::Neg, Op::Abs, Op::Sqrt, Op::Floor, Op::Ceil, Op::Trunc, Op::RoundEven,
                  Op::RoundF16, Op::RoundBF16}) {
      add(cases, label(op, d), d, d,
          [=](Pool& p, const std::vector<Expr>& x) { return p.make(op, d, {x[0]}); });
    }
    for (Op op : {Op::Eq, Op::Ne, Op::Lt, Op::Le}) {
      add(cases, label(op, d), d, DType::Bool, [=](Pool& p, const std::vector<Expr>& x) {
        return p.make(op, DType::Bool, {x[0], x[1]});
      });
    }
    add(
        cases, label(Op::Fma, d), d, d,
        [=](Pool& p, const std::vector<Expr>& x) { return p.fma(x[0], x[1], x[2]); }, 1);
    add(cases, label(Op::MulAdd, d), d, d,
        [=](Pool& p, const std::vector<Expr>& x) { return p.multiply_add(x[0], x[1], x[2]); });
    add(cases, label(Op::Select, d), d, d,
        [=](Pool& p, const std::vector<Expr>& x) { return p.select(lt(x[0], x[1]), x[2], x[1]); });
    const DType bits = d == DType::F32 ? DType::I32 : DType::I64;
    add(cases, "bits", d, bits, [=](Pool& p, const std::vector<Expr>& x) {
      return p.make(Op::And, bits, {p.bitcast(x[0], bits), p.integer(0x7FFFFF, bits)});
    });
    add(cases, "from_bits", bits, d,
        [=](Pool& p, const std::vector<Expr>& x) { return p.bitcast(x[0], d); });
  }
  return cases;
}

inline std::vector<OpCase> casts() {
  std::vector<OpCase> cases;
  const DType all[] = {DType::Bool, DType::U8,  DType::I8,   DType::I16, DType::I32,
                       DType::I64,  DType::F16, DType::BF16, DType::F32, DType::F64};
  for (DType from : all) {
    for (DType to : all) {
      add(cases, "cast_" + std::string(name(from)) + "_" + std::string(name(to)), from, to,
          [=](Pool& p, const std::vector<Expr>& x) { return p.cast(x[0], to); });
    }
  }
  return cases;
}

inline std::vector<KernelCase> all_halves() {
  std::vector<KernelCase> cases;
  // All 65536 halves widen as the host's; widening and narrowing returns the same bits.
  for (DType d : {DType::F16, DType::BF16}) {
    Kernel k;
    k.name = "halves";
    const BufferId x = k.add_buffer("x", d, 65536), w = k.add_buffer("w", DType::F32, 65536);
    const BufferId n = k.add_buffer("n", d, 65536);
    for (auto& b : k.buffers) b.written = b.name != "x";
    const Expr i = k.pool->var(65536, "i");
    const Expr v = k.pool->load(x, d, i);
    k.body = {make_for(i, LoopKind::Vector, {Store{w, i, v, {}}, Store{n, i, v, {}}})};
    Inputs in = random_inputs(k);
    for (unsigned h = 0; h < 65536; ++h) {
      const auto bits = static_cast<std::uint16_t>(h);
      std::memcpy(&in[0][2 * h], &bits, 2);
    }
    cases.push_back({std::move(k), 0, std::move(in)});
  }
  return cases;
}

inline std::vector<KernelCase> roundings_to_halves() {
  std::vector<KernelCase> cases;
  // Every half, the middles between neighbours, and what lies a little beside those: in F64 so
  // little that F32 does not see it.
  for (DType d : {DType::F16, DType::BF16}) {
    for (DType wide : {DType::F32, DType::F64}) {
      Kernel k;
      k.name = "round";
      const int n = 4 * 65536;
      const BufferId x = k.add_buffer("x", wide, n), r = k.add_buffer("r", wide, n),
                     h = k.add_buffer("h", d, n);
      for (auto& b : k.buffers) b.written = b.name != "x";
      const Expr i = k.pool->var(n, "i"), v = k.pool->load(x, wide, i);
      const Op op = d == DType::F16 ? Op::RoundF16 : Op::RoundBF16;
      k.body = {
          make_for(i, LoopKind::Vector,
                   {Store{r, i, k.pool->make(op, wide, {v}), {}}, Store{h, i, rounded(v, d), {}}})};
      Inputs in = random_inputs(k);
      for (std::size_t bits = 0; bits < 65536; ++bits) {
        const auto at = [&](std::size_t b) {
          const auto raw = static_cast<std::uint16_t>(b);
          half f16;
          bfloat16 bf16;
          f16.bits = bf16.bits = raw;
          return static_cast<double>(d == DType::F16 ? static_cast<float>(f16)
                                                     : static_cast<float>(bf16));
        };
        const double here = at(bits), middle = (here + at((bits + 1) % 65536)) / 2;
        const double little = std::ldexp(std::fabs(middle), wide == DType::F64 ? -45 : -22);
        const double values[] = {here, middle, middle + little, middle - little};
        for (std::size_t j = 0; j < 4; ++j) {
          const auto f = static_cast<float>(values[j]);
          if (wide == DType::F64)
            std::memcpy(&in[0][8 * (4 * bits + j)], &values[j], 8);
          else
            std::memcpy(&in[0][4 * (4 * bits + j)], &f, 4);
        }
      }
      cases.push_back({std::move(k), 0, std::move(in)});
    }
  }
  return cases;
}

inline std::vector<KernelCase> index_arithmetic() {
  std::vector<KernelCase> cases;
  // Narrow and wide index vectors, division of negative numbers, values of loop variables.
  for (std::int64_t c : {1, 2, 3, 7, 8, 64}) {
    Kernel k;
    k.name = "index" + std::to_string(c);
    Pool& p = *k.pool;
    const BufferId big = k.add_buffer("big", DType::I64, 90),
                   o = k.add_buffer("o", DType::I64, 90 * 4);
    const BufferId f = k.add_buffer("f", DType::F32, 90 * 4);
    k.buffers[1].written = k.buffers[2].written = true;
    const Expr i = p.var(90, "i"), r = p.var(4, "r");
    const Expr shifted = i - p.integer(40) + r * p.integer(3);
    const Expr wide = i * p.integer(1000000007) - p.integer(40000000000);
    const Expr v = floor_div(shifted, c) * p.integer(5) + floor_mod(shifted, c) +
                   floor_div(wide, c) + floor_mod(wide, c) +
                   floor_div(p.load(big, DType::I64, i), c);
    k.body = {
        make_for(r, LoopKind::Unroll,
                 {make_for(i, LoopKind::Vector,
                           {Store{o, r * p.integer(90) + i, v, {}},
                            Store{f,
                                  r * p.integer(90) + i,
                                  p.cast(floor_mod(shifted, c) - floor_div(shifted, c), DType::F32),
                                  {}}})})};
    cases.push_back({std::move(k), 0});
  }
  return cases;
}

}  // namespace lilith::codegen::testing::kernels
