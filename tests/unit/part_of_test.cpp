#include <gtest/gtest.h>

#include "lilith/graph_names.h"
#include "lilith/lilith.h"

// Parts of what lies in memory are that memory.
namespace lilith {
namespace {

Tensor rows(std::int64_t n, std::int64_t columns) {
  Tensor x = reshape(cast(arange(n * columns), DType::F32), {n, columns});
  eval(x);
  return x;
}

std::vector<float> numbers(const Tensor& x) { return x.to_vector<float>(); }

TEST(PartsOfMemory, AreTheMemoryItself) {
  const Tensor x = rows(6, 4);
  const auto runs = cache_stats().runs;
  EXPECT_EQ(x.slice(0, 2, 5).data<float>(), x.data<float>() + 8);
  EXPECT_EQ(x.narrow(0, 1, 2).data<float>(), x.data<float>() + 4);
  EXPECT_EQ(x.index({Slice(3, 6)}).data<float>(), x.data<float>() + 12);
  EXPECT_EQ(split(x, 2)[1].data<float>(), x.data<float>() + 8);
  EXPECT_EQ(x.slice(0, 1, 5).slice(0, 1, 3).data<float>(), x.data<float>() + 8);
  const Tensor wide = x.reshape({1, 24});
  eval(wide);
  EXPECT_EQ(wide.slice(1, 5, 9).data<float>(), wide.data<float>() + 5);
  EXPECT_LE(cache_stats().runs - runs, 1);  // of the reshape
}

TEST(PartsOfMemory, HaveTheRightValues) {
  const Tensor x = rows(6, 4);
  EXPECT_EQ(numbers(x[2]), (std::vector<float>{8, 9, 10, 11}));
  EXPECT_EQ(numbers(x.slice(0, 4, 6) + 1), (std::vector<float>{17, 18, 19, 20, 21, 22, 23, 24}));
  EXPECT_EQ(numbers(x.slice(1, 1, 2)), (std::vector<float>{1, 5, 9, 13, 17, 21}));
  EXPECT_EQ(numbers(x.slice(0, 0, 6, 3)), (std::vector<float>{0, 1, 2, 3, 12, 13, 14, 15}));
  EXPECT_EQ(x.slice(0, 2, 2).numel(), 0);
  const Tensor half = rows(4, 3).to(DType::BF16);
  eval(half);
  EXPECT_EQ(numbers(half.slice(0, 1, 2).to(DType::F32)), (std::vector<float>{3, 4, 5}));
}

TEST(PartsOfMemory, OutliveTheWholeAndKeepTheirValues) {
  Tensor x = rows(6, 4);
  const Tensor part = x.slice(0, 1, 3);
  for (int k = 0; k < 3; ++k) {
    x = x * 2;  // in place, where nobody else holds the memory
    eval(x);
  }
  EXPECT_EQ(numbers(part), (std::vector<float>{4, 5, 6, 7, 8, 9, 10, 11}));
  x = Tensor();
  EXPECT_EQ(numbers(part + 0.0), (std::vector<float>{4, 5, 6, 7, 8, 9, 10, 11}));
}

TEST(PartsOfMemory, StayWhileAModelIsTrained) {
  Linear net(3, 2);
  eval_pending(net);
  const Tensor row = net.weight[0], before = clone(row);
  eval(before);
  SGD opt({.lr = 0.5});
  const auto step = compile([](Linear& m, SGD& o) {
    auto [loss, g] = grad([](const Linear& m) { return m(ones({1, 3})).sum(); }, m);
    update(o, m, g);
    return loss;
  });
  for (int k = 0; k < 3; ++k) step(net, opt);
  EXPECT_EQ(numbers(row), numbers(before));
  EXPECT_NE(numbers(net.weight[0]), numbers(before));
}

TEST(PartsOfMemory, HaveGradientsInsideOfGrad) {
  const Tensor x = rows(3, 2);
  const Tensor g = grad([](Tensor x) { return (x.slice(0, 1, 2) * 3).sum(); }, x).second;
  EXPECT_EQ(numbers(g), (std::vector<float>{0, 0, 3, 3, 0, 0}));
}

TEST(PartsOfMemory, AreSlicesInATrace) {
  const Graph g = trace([](Tensor x) { return x.slice(0, 1, 2); }, rows(3, 2));
  EXPECT_EQ(Node(g.outputs()[0]).op_name(), "slice");
}

TEST(PartsOfMemory, OfTheUsersOwnAreCopies) {
  std::vector<float> mine{1, 2, 3, 4};
  const Tensor x = from_data(mine.data(), {4}, [] {});
  const Tensor part = x.slice(0, 1, 3);
  EXPECT_EQ(numbers(part), (std::vector<float>{2, 3}));
  mine[1] = 9;
  EXPECT_EQ(numbers(part), (std::vector<float>{2, 3}));
}

TEST(PartsOfMemory, MakeOneProgramForAllOffsets) {
  const Tensor x = rows(64, 4);
  eval((x.slice(0, 0, 8) * 2).sum());
  const CacheStats before = cache_stats();
  for (std::int64_t k = 1; k < 50; ++k) eval((x.slice(0, k, k + 8) * 2).sum());
  EXPECT_EQ(cache_stats().compiled + cache_stats().planned, before.compiled + before.planned);
}

}  // namespace
}  // namespace lilith
