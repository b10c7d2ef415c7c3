#include "core/env.h"
#include "lilith/compile.h"
#include "lilith/ops.h"
#include "support/expect_error.h"

namespace lilith::testing {
namespace {

struct CheckNan : ::testing::Test {
  void SetUp() override { env::set("LILITH_CHECK_NAN", "1"); }
  void TearDown() override {
    env::set("LILITH_CHECK_NAN", "");
    env::set("LILITH_EAGER", "");
    clear_program_cache();
  }
};

std::string text_of(const Tensor& t) {
  return error_text([&] { eval(t); });
}

TEST_F(CheckNan, NamesTheOpAndTheLineForEveryFloatingDtype) {
  for (const DType dtype : {kFloat16, kBFloat16, kFloat32, kFloat64}) {
    const Tensor x = full({3}, -1.0, {.dtype = dtype});
    eval(x);
    const std::source_location here = std::source_location::current();
    const Tensor y = log(x);
    const std::string text = text_of(y);
    EXPECT_TRUE(
        text.starts_with(fmt::format("LILITH_CHECK_NAN: a NaN in {}[3], made by log", name(dtype))))
        << text;
    EXPECT_TRUE(text.ends_with(fmt::format("(check_nan_errors.cpp:{})", here.line() + 1))) << text;
  }
}

TEST_F(CheckNan, TheInterpreterNamesTheVeryOp) {
  env::set("LILITH_EAGER", "1");
  clear_program_cache();
  const Tensor x = full({2}, -4.0);
  EXPECT_ERROR_HERE(eval(sqrt(x) + 1.0 - exp(x)),
                    "LILITH_CHECK_NAN: a NaN in f32[2], made by sqrt -> f32[2]");
}

TEST_F(CheckNan, InfinityAndIntegersPass) {
  EXPECT_EQ(text_of(log(full({3}, 0.0, {.dtype = kFloat16})).to(kBFloat16)), "no error");
  EXPECT_EQ(text_of(arange(5) * 1000), "no error");
}

TEST_F(CheckNan, WhatASchedulePutsAsideIsNoResult) {
  // Packed panels have unused lanes whose memory was never written.
  const Tensor a = ones({65, 70}), b = ones({70, 37});
  eval(a, b);
  EXPECT_EQ(text_of(matmul(a, b).sum({0})), "no error");
}

TEST_F(CheckNan, ADonatedInputKeepsItsValue) {
  auto step = compile([](Tensor& w) { w = log(w); });
  Tensor w = full({4}, 0.5) * 1.0;
  eval(w);
  step(w);  // log 0.5 < 0: the next step makes NaNs
  const std::vector<float> before(4, w.to_vector<float>()[0]);
  w = w * 1.0;  // memory that was not lent
  eval(w);
  const std::string text = error_text([&] { step(w); });
  EXPECT_TRUE(text.starts_with("LILITH_CHECK_NAN: a NaN in f32[4]")) << text;
  EXPECT_EQ(w.to_vector<float>(), before);
}

}  // namespace
}  // namespace lilith::testing
