#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lilith/dtype.h"
#include "lilith/error.h"

namespace lilith {
namespace {

constexpr DType kAll[] = {kBool,  kUInt8,   kInt8,     kInt16,   kInt32,
                          kInt64, kFloat16, kBFloat16, kFloat32, kFloat64};

TEST(DType, NamesReadBack) {
  for (DType d : kAll) EXPECT_EQ(dtype_from_name(name(d)), d);
  EXPECT_THROW(dtype_from_name("f31"), Error);
}

TEST(DType, PromotesAsPyTorch) {
  // Rows and columns in the order of kAll; from torch.promote_types.
  const char* expected[] = {
      "bool u8 i8 i16 i32 i64 f16 bf16 f32 f64",  "u8 u8 i16 i16 i32 i64 f16 bf16 f32 f64",
      "i8 i16 i8 i16 i32 i64 f16 bf16 f32 f64",   "i16 i16 i16 i16 i32 i64 f16 bf16 f32 f64",
      "i32 i32 i32 i32 i32 i64 f16 bf16 f32 f64", "i64 i64 i64 i64 i64 i64 f16 bf16 f32 f64",
      "f16 f16 f16 f16 f16 f16 f16 f32 f32 f64",  "bf16 bf16 bf16 bf16 bf16 bf16 f32 bf16 f32 f64",
      "f32 f32 f32 f32 f32 f32 f32 f32 f32 f64",  "f64 f64 f64 f64 f64 f64 f64 f64 f64 f64"};
  for (int a = 0; a < 10; ++a) {
    std::string row;
    for (int b = 0; b < 10; ++b)
      row += (b ? " " : "") + std::string(name(promote_types(kAll[a], kAll[b])));
    EXPECT_EQ(row, expected[a]);
  }
}

TEST(DType, EveryHalfReadsBack) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    half h;
    h.bits = static_cast<std::uint16_t>(bits);
    const float f = static_cast<float>(h);
    if (std::isnan(f))
      EXPECT_TRUE(std::isnan(static_cast<float>(half(f))));
    else
      EXPECT_EQ(half(f).bits, bits);
    bfloat16 b;
    b.bits = static_cast<std::uint16_t>(bits);
    const float g = static_cast<float>(b);
    if (std::isnan(g))
      EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(g))));
    else
      EXPECT_EQ(bfloat16(g).bits, bits);
  }
}

TEST(DType, HalfRoundsToNearestEven) {
  for (std::uint32_t bits = 0; bits < 0x7bff; ++bits) {
    half lo, hi;
    lo.bits = static_cast<std::uint16_t>(bits);
    hi.bits = static_cast<std::uint16_t>(bits + 1);
    const float a = static_cast<float>(lo), b = static_cast<float>(hi), middle = (a + b) / 2;
    EXPECT_EQ(half(middle).bits, bits % 2 ? bits + 1 : bits);
    EXPECT_EQ(half(std::nextafter(middle, b)).bits, bits + 1);
    EXPECT_EQ(half(std::nextafter(middle, a)).bits, bits);
  }
  EXPECT_EQ(static_cast<float>(half(65519.0f)), 65504.0f);
  EXPECT_EQ(static_cast<float>(half(65520.0f)), std::numeric_limits<float>::infinity());
  EXPECT_EQ(static_cast<float>(bfloat16(3.3895314e38f)), 3.3895314e38f);
  EXPECT_TRUE(std::isinf(static_cast<float>(bfloat16(std::numeric_limits<float>::max()))));
}

}  // namespace
}  // namespace lilith
