// What docs/architecture.md decides in section 3 and no other file tests.
#include <gtest/gtest.h>

#include "ir/node.h"
#include "lilith/compile.h"
#include "lilith/memory.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/transforms.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

bool is_pending(const Tensor& t) { return !t.node()->inputs.empty(); }

struct Counting {
  Tensor weight = ones({3});
  Buffer seen = zeros({3});
  Buffer steps = zeros({}, {.dtype = kInt64});
};
const auto count_and_sum = [](Counting& m, const Tensor& x) {
  m.seen = m.seen * 0.5 + x;
  m.steps = m.steps + 1;
  return (m.weight * x).sum();
};

TEST(Promises, UpdateEvaluatesStateThatNoOutputNeeds) {
  Counting m;
  SGD opt({.lr = 0.5, .momentum = 0.9});
  for (int k = 0; k < 2; ++k) {
    auto [loss, g] = grad(count_and_sum, m, full({3}, 2));
    EXPECT_TRUE(is_pending(m.seen));
    update(opt, m, g);
    EXPECT_FALSE(is_pending(m.seen));
    EXPECT_FALSE(is_pending(m.steps));
    EXPECT_FALSE(is_pending(m.weight));
  }
  EXPECT_EQ(m.steps.item<std::int64_t>(), 2);
  EXPECT_EQ(m.seen.to_vector<float>(), (std::vector<float>{3, 3, 3}));
}

TEST(Promises, CapturedNumbersThatChangeAreFound) {
  double k = 2;
  auto f = compile([&](Tensor x) { return x * k; });
  EXPECT_EQ(f(ones({1})).item<float>(), 2);
  k = 5;
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(f(ones({1})).item<float>(), 5);
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("captures changed"), std::string::npos);
  EXPECT_EQ(f(ones({2})).to_vector<float>(), (std::vector<float>{5, 5}));  // another signature
}

TEST(Promises, ResultTypesOfTensorsAndLiterals) {
  const Tensor i8 = ones({2}, {.dtype = kInt8}), i32 = ones({2}, {.dtype = kInt32}),
               f16 = ones({2}, {.dtype = kFloat16}), f64 = ones({}, {.dtype = kFloat64}),
               truth = ones({2}, {.dtype = kBool});
  EXPECT_EQ((i8 + 1).dtype(), kInt8);       // a literal is weak
  EXPECT_EQ((i8 * 2.5).dtype(), kFloat32);  // of another category: the default
  EXPECT_EQ((f16 * 2.5).dtype(), kFloat16);
  EXPECT_EQ((f16 + f64).dtype(), kFloat16);  // 0-d yields to dimensions of its category
  EXPECT_EQ((i32 + f64).dtype(), kFloat64);  // and decides the category
  EXPECT_EQ((i8 + i32).dtype(), kInt32);
  EXPECT_EQ((truth + 1).dtype(), kInt64);
  EXPECT_EQ((truth + true).dtype(), kBool);
  EXPECT_EQ((i8 + f16).dtype(), kFloat16);
  EXPECT_EQ(testing::error_text([&] { (void)i8.to(DType::C64); }).substr(0, 3), "to:");
}

struct Table {
  Tensor weight = ones({2});
  Tensor index = tensor({0, 1});
  Buffer mean = zeros({2});
  int width = 7;
  double rate = 0.5;
};
struct Tied {
  Shared<Table> left;
  Shared<Table> right = left;
};

TEST(Promises, GradientOfAStruct) {
  const auto loss = [](const Table& m, const Tensor& x) {
    return (index_select(m.weight, 0, m.index) * x).sum();
  };
  const auto g = grad(loss, Table{}, full({2}, 3)).second;
  EXPECT_EQ(g.weight.to_vector<float>(), (std::vector<float>{3, 3}));
  EXPECT_FALSE(g.index.defined());
  EXPECT_FALSE(g.mean.defined());
  EXPECT_EQ(g.width, 7);
  EXPECT_EQ(g.rate, 0.5);
}

TEST(Promises, SharedFieldsHaveOneGradient) {
  Tied m;
  EXPECT_EQ(num_parameters(m), num_parameters(Table{}));
  const auto loss = [](const Tied& m, const Tensor& x) {
    return (m.left->weight * x + m.right->weight * 2).sum();
  };
  const auto g = grad(loss, m, full({2}, 3)).second;
  EXPECT_EQ(g.left->weight.to_vector<float>(), (std::vector<float>{5, 5}));
}

TEST(Promises, ProgramsShareTheirScratchMemory) {
  clear_program_cache();
  const auto run = [](std::int64_t n) { softmax(rand({n, 256}) + 1, 0).sum().item<float>(); };
  run(4096);
  release_cached_memory();
  reset_peak_memory();
  const std::int64_t before = memory_stats().live_bytes;
  for (std::int64_t n = 4080; n < 4096; ++n) run(n);
  // Sixteen programs of 4 MiB and more each: half of that, at most.
  EXPECT_LT(memory_stats().peak_bytes - before, 8 * 4096 * 256 * 4);
}

}  // namespace
}  // namespace lilith
