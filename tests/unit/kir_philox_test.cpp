#include <gtest/gtest.h>

#include "kernel_ir/evaluate.h"
#include "lilith/kernel_math.h"

namespace lilith::kir {
namespace {

struct KeyCounterWord : Leaves {
  std::int64_t values[3] = {};
  Value load(BufferId b, std::int64_t) override { return {values[b], 0}; }
};

std::uint32_t philox_word(std::uint64_t key, std::uint64_t counter, int word) {
  Pool pool;
  const Expr zero = pool.integer(0);
  KeyCounterWord at;
  at.values[0] = static_cast<std::int64_t>(key);
  at.values[1] = static_cast<std::int64_t>(counter);
  at.values[2] = word;
  const Expr x = philox(pool.load(0, DType::I64, zero), pool.load(1, DType::I64, zero),
                        pool.load(2, DType::I64, zero));
  return static_cast<std::uint32_t>(evaluate(x, at).i);
}

/// Philox4x32-10 as the paper states it, all four counter words given.
struct Block {
  std::uint32_t w[4];
};
Block philox_reference(Block c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * c.w[0],
                        b = std::uint64_t{0xCD9E8D57} * c.w[2];
    c = {{static_cast<std::uint32_t>(b >> 32) ^ c.w[1] ^ k0, static_cast<std::uint32_t>(b),
          static_cast<std::uint32_t>(a >> 32) ^ c.w[3] ^ k1, static_cast<std::uint32_t>(a)}};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

// The known-answer vectors of Random123 for philox4x32-10. Lilith's counter has 64 bits, so the
// vectors with a full counter check the reference, and the reference checks the expression.
TEST(KirPhilox, ReferenceMatchesThePublishedVectors) {
  const Block zero = philox_reference({{0, 0, 0, 0}}, 0, 0);
  EXPECT_EQ(zero.w[0], 0x6627e8d5u);
  EXPECT_EQ(zero.w[1], 0xe169c58du);
  EXPECT_EQ(zero.w[2], 0xbc57ac4cu);
  EXPECT_EQ(zero.w[3], 0x9b00dbd8u);
  const std::uint32_t f = 0xffffffffu;
  const Block ones = philox_reference({{f, f, f, f}}, f, f);
  EXPECT_EQ(ones.w[0], 0x408f276du);
  EXPECT_EQ(ones.w[1], 0x41c83b0eu);
  EXPECT_EQ(ones.w[2], 0xa20bc7c6u);
  EXPECT_EQ(ones.w[3], 0x6d5451fdu);
  const Block pi = philox_reference({{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}},
                                    0xa4093822u, 0x299f31d0u);
  EXPECT_EQ(pi.w[0], 0xd16cfe09u);
  EXPECT_EQ(pi.w[1], 0x94fdccebu);
  EXPECT_EQ(pi.w[2], 0x5001e420u);
  EXPECT_EQ(pi.w[3], 0x24126ea1u);
}

TEST(KirPhilox, ExpressionMatchesTheReference) {
  EXPECT_EQ(philox_word(0, 0, 0), 0x6627e8d5u);
  EXPECT_EQ(philox_word(0, 0, 3), 0x9b00dbd8u);
  const std::uint64_t samples[] = {0,
                                   1,
                                   0xffffffffu,
                                   0x100000000u,
                                   0x85a308d3243f6a88u,
                                   0xffffffffffffffffu,
                                   0x8000000000000000u};
  for (std::uint64_t key : samples) {
    for (std::uint64_t counter : samples) {
      const Block want = philox_reference(
          {{static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), 0, 0}},
          static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32));
      for (int w = 0; w < 4; ++w) EXPECT_EQ(philox_word(key, counter, w), want.w[w]);
    }
  }
}

}  // namespace
}  // namespace lilith::kir
