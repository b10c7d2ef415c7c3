#include <gtest/gtest.h>

#include "kernel_ir/kernel.h"
#include "lilith/kernel_math.h"

namespace lilith::kir {
namespace {

TEST(KirPrint, MatrixProduct) {
  Kernel k;
  k.name = "matmul";
  Pool& p = *k.pool;
  const BufferId a = k.add_buffer("a", DType::F32, 12 * 8),
                 b = k.add_buffer("b", DType::BF16, 8 * 16);
  const BufferId c = k.add_buffer("c", DType::F32, 12 * 16);
  k.buffers.back().written = true;
  const RegId acc = k.add_reg("acc", DType::F32, {4, 16});
  const Expr i = p.var(3, "i"), kk = p.var(8, "k"), r = p.var(4, "r"), n = p.var(16, "n");
  const Expr r2 = p.var(4, "r"), n2 = p.var(16, "n");
  const Expr row = i * 4 + r;
  Accumulate step{acc,
                  {r, n},
                  Combine::Add,
                  p.load(b, DType::BF16, kk * 16 + n),
                  p.load(a, DType::F32, row * 8 + kk),
                  {}};
  Store out{c, (i * 4 + r2) * 16 + n2, p.read(acc, DType::F32, {r2, n2}), lt(n2, p.integer(13)),
            true};
  const Stmt inner =
      make_for(kk, LoopKind::Serial,
               {make_for(r, LoopKind::Unroll, {make_for(n, LoopKind::Vector, {std::move(step)})})});
  const Stmt write =
      make_for(r2, LoopKind::Unroll, {make_for(n2, LoopKind::Vector, {std::move(out)})});
  k.body.push_back(
      make_for(i, LoopKind::Parallel, {DeclReg{acc, p.constant(DType::F32, 0)}, inner, write}));
  verify(k);
  EXPECT_EQ(to_string(k),
            "kernel matmul\n"
            "  param a: f32[96]\n"
            "  param b: bf16[128]\n"
            "  param c: f32[192] written\n"
            "  parallel i in 3\n"
            "    decl acc: f32[4][16] = 0.0\n"
            "    for k in 8\n"
            "      unroll r in 4\n"
            "        vector n in 16\n"
            "          acc[r][n] <- muladd a[(((i * 32) + k) + (r * 8))], b[((k * 16) + n)]\n"
            "    unroll r in 4\n"
            "      vector n in 16\n"
            "        c[(((i * 64) + (r * 16)) + n)] = acc[r][n] where (n < 13) nontemporal\n");
}

TEST(KirPrint, EveryStatement) {
  Kernel k;
  k.name = "all";
  Pool& p = *k.pool;
  const BufferId x = k.add_buffer("x", DType::F64, 4);
  const BufferId t = k.add_buffer("t", DType::I32, 4, Space::Thread);
  k.buffers[static_cast<std::size_t>(x)].written = true;
  k.buffers[static_cast<std::size_t>(t)].written = true;
  const RegId r = k.add_reg("r", DType::I32), m = k.add_reg("m", DType::F64);
  const Expr zero = p.integer(0), read = p.read(r, DType::I32);
  const Expr more = lt(read, p.integer(3, DType::I32));
  k.body.push_back(DeclReg{r, p.integer(0, DType::I32)});
  k.body.push_back(DeclReg{m, p.constant(DType::F64, -1.5)});
  Block body{SetReg{r, {}, read + 1.0},
             Accumulate{m, {}, Combine::Max, p.load(x, DType::F64, zero), {}, more}};
  k.body.push_back(While{more, std::make_shared<Block>(std::move(body))});
  k.body.push_back(Prefetch{x, p.integer(2)});
  k.body.push_back(Barrier{});
  k.body.push_back(If{more, std::make_shared<Block>(Block{Store{t, zero, read, {}}}),
                      std::make_shared<Block>(Block{Store{x, zero, p.read(m, DType::F64), {}}})});
  verify(k);
  EXPECT_EQ(to_string(k),
            "kernel all\n"
            "  param x: f64[4] written\n"
            "  scratch t: i32[4] written\n"
            "  decl r: i32 = 0\n"
            "  decl m: f64 = -1.5\n"
            "  while (r < 3)\n"
            "    r = (r + 1)\n"
            "    m <- max x[0] where (r < 3)\n"
            "  prefetch x[2]\n"
            "  barrier\n"
            "  if (r < 3)\n"
            "    t[0] = r\n"
            "  else\n"
            "    x[0] = m\n");
}

TEST(KirPrint, SharedSubexpressionsGetALine) {
  Pool p;
  const Expr x = p.load(0, DType::F32, p.var(8, "i")), y = x * x + 1.0;
  EXPECT_EQ(to_string(y * y), "%0 = b0[i]\n%1 = ((%0 * %0) + 1.0)\n(%1 * %1)");
  EXPECT_EQ(to_string(p.select(lt(x, x.like(0)), p.cast(p.integer(7, DType::U8), DType::F32), x)),
            "%0 = b0[i]\nselect((%0 < 0.0), 7.0, %0)");
  EXPECT_EQ(to_string(floor_mod(p.var(9, "n"), 4)), "(n % 4)");
  EXPECT_EQ(to_string(p.load(2, DType::F32, p.integer(1),
                             ne(p.load(1, DType::Bool, p.integer(0)), p.integer(0, DType::Bool)))),
            "(b2[1] where b1[0])");
}

// A deep graph of shared nodes prints in lines, not in its unfolded size.
TEST(KirPrint, SizeIsThatOfTheGraph) {
  Pool p;
  Expr x = p.load(0, DType::F32, p.integer(0));
  for (int k = 0; k < 60; ++k) x = x * x + 1.0;
  EXPECT_LT(to_string(x).size(), 4000u);
}

}  // namespace
}  // namespace lilith::kir
