#include "lilith/compile.h"
#include "lilith/runtime.h"
#include "lilith/transforms.h"
#include "program_check.h"

namespace lilith::testing {
namespace {

// An optimiser's update behind a product: momentum and weights as large as the result.
Inputs update(const Inputs& x) {
  const Tensor g = matmul(x[0], x[1]);
  const Tensor m = x[2] * 0.9 + g * 0.1;
  return {m, x[3] - 0.01 * m / (sqrt(g * g + 0.5) + 1e-3)};
}

TEST(ProgramContraction, EpiloguesOfLargeArraysAreFetchedAhead) {
  // Sums longer and shorter than a tile has rows, rows that fill no whole lines.
  for (const auto& [m, n, k] : {std::tuple{600, 704, 40}, {613, 701, 37}, {600, 700, 3}}) {
    const auto program =
        check_program({f32({m, k}), f32({k, n}), f32({m, n}), f32({m, n})}, update, 1e-4);
    EXPECT_LE(program->stats().num_kernels, 2);  // one may fill panels
    EXPECT_NE(program->stats().text.find("epilogue fetched ahead"), std::string::npos);
  }
  const auto small =
      check_program({f32({20, 40}), f32({40, 30}), f32({20, 30}), f32({20, 30})}, update, 1e-4);
  EXPECT_EQ(small->stats().text.find("fetched ahead"), std::string::npos);
}

// Few results and a long sum: threads share the sum, in chunks of a length that divides it or not.
TEST(ProgramContraction, LongSumsAreShared) {
  for (const int k : {20000, 20001, 50021}) {
    const auto program = check_program(
        {f32({k, 3}), f32({5, k})},
        [](const Inputs& x) { return Inputs{exp(matmul(x[0].t(), x[1].t()) * 0.01)}; }, 1e-3);
    if (num_threads() > 1) {
      EXPECT_NE(program->stats().text.find("sum split over"), std::string::npos);
    }
  }
}

// An output is row-major: its columns belong in the lanes, though the operands would rather have
// its rows there.
TEST(ProgramContraction, OutputsAreNotScattered) {
  const auto program = check_program(
      {f32({100, 784}), f32({100, 500})},
      [](const Inputs& x) { return Inputs{matmul(x[0].t(), x[1])}; }, 1e-4);
  EXPECT_NE(program->stats().text.find("lanes n1"), std::string::npos) << program->stats().text;
}

TEST(ProgramContraction, EpiloguesKeepToThemselvesWhatOnlyTheyUse) {
  const auto program = check_program(
      {f32({40, 30}), f32({30, 50})},
      [](const Inputs& x) {
        const Tensor z = matmul(x[0], x[1]) * 0.1, e = exp(-abs(z)), p = 1 / (1 + e);
        return Inputs{z * p + log1p(e), p * p * z * (1 - p)};
      },
      1e-4);
  EXPECT_EQ(program->stats().num_kernels, 1);
  EXPECT_EQ(program->stats().arena_bytes, 0);
}

// A matrix times few vectors reads the matrix once, as it lies: no panels.
TEST(ProgramContraction, FewRowsSumInTheLanes) {
  for (const auto& [m, n, k] : {std::tuple{1, 512, 300}, {3, 504, 301}, {2, 509, 170}}) {
    const auto program = check_program(
        {f32({m, k}), f32({n, k}), f32({n})},
        [](const Inputs& x) { return Inputs{tanh(linear(x[0], x[1], x[2]) * 0.1)}; }, 1e-4);
    EXPECT_EQ(program->stats().num_kernels, 1);
    EXPECT_NE(program->stats().text.find("lanes along the sum"), std::string::npos)
        << program->stats().text;
  }
  check_program(
      {{{2, 200}, DType::F64}, {{300, 200}, DType::F64}},
      [](const Inputs& x) { return Inputs{linear(x[0], x[1])}; }, 1e-13);
}

// The weights of a depthwise convolution: few results, each a sum over images and pixels.
TEST(ProgramContraction, DepthwiseWeightsSumInTheLanes) {
  const auto program = check_program(
      {f32({4, 24, 20, 20}), f32({24, 1, 3, 3}), f32({4, 24, 20, 20})},
      [](const Inputs& x) {
        const auto f = [&](Tensor w) { return (conv2d(x[0], w, {}, 1, 1, 1, 24) * x[2]).sum(); };
        return Inputs{grad(f, x[1]).second};
      },
      1e-4);
  EXPECT_NE(program->stats().text.find("lanes along the sum"), std::string::npos);
}

// Rows a page apart are copied, into panels or block by block, though they are contiguous in the
// lanes.
TEST(ProgramContraction, FarRowsAreCopied) {
  const auto product = [](const Inputs& x) { return Inputs{matmul(x[0], x[1])}; };
  check_program({f32({96, 1024}), f32({1024, 1024})}, product, 1e-3);
  const std::string text = plan_with_caches(trace([](Tensor x, Tensor y) { return matmul(x, y); },
                                                  zeros({96, 1024}), zeros({1024, 1024})));
  EXPECT_TRUE(text.find("b in panels") != std::string::npos ||
              text.find("b copied") != std::string::npos)
      << text;
}

// One panel is shared by the threads too, in the order of the memory it is read from.
TEST(ProgramContraction, PanelsOfImages) {
  check_program(
      {f32({16, 8, 20, 20}), f32({1, 8, 3, 3}), f32({16, 1, 20, 20})},
      [](const Inputs& x) {
        const auto f = [&](Tensor w) {
          return (conv2d(x[0].permute({3, 1, 2, 0}).permute({3, 1, 2, 0}) * 2, w, {}, 1, 1) * x[2])
              .sum();
        };
        return Inputs{grad(f, x[1]).second};
      },
      1e-4);
}

// A panel that outgrows the cache is summed in parts: every part while it is there.
TEST(ProgramContraction, LongPanelsAreCut) {
  const auto program = check_program(
      {f32({160, 20000}), f32({32, 20000})},
      [](const Inputs& x) { return Inputs{relu(matmul(x[0], x[1].t()))}; }, 1e-3);
  const std::string text = program->stats().text;
  EXPECT_TRUE(text.find("sum split over") != std::string::npos ||
              text.find("blocks of") != std::string::npos)
      << text;
}

}  // namespace
}  // namespace lilith::testing
