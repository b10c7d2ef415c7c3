#include <gtest/gtest.h>

#include "lilith/graph_names.h"
#include "lilith/lilith.h"

// Parts of what lies in memory are that memory, and many of them are joined in it.
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

// n values of these sizes, each of its own.
std::vector<Tensor> apart(std::int64_t n, const Shape& shape) {
  std::vector<Tensor> out;
  for (std::int64_t k = 0; k < n; ++k) {
    const Tensor row = reshape(rows(1, shape.numel()) + static_cast<double>(100 * k), shape);
    out.push_back(from_data(row.data<float>(), shape));
  }
  return out;
}

std::vector<Tensor> unsqueezed(const std::vector<Tensor>& all, int dim) {
  std::vector<Tensor> out;
  for (const Tensor& t : all) out.push_back(t.unsqueeze(dim));
  return out;
}

TEST(JoinedParts, AreAValueWithoutAProgram) {
  const std::vector<Tensor> all = apart(9, {2, 3});
  for (int dim = 0; dim < 3; ++dim) {
    const auto runs = cache_stats().runs;
    const std::vector<float> got = numbers(stack(all, dim)),
                             same = numbers(cat(unsqueezed(all, dim), dim));
    EXPECT_EQ(cache_stats().runs, runs);
    EXPECT_EQ(got, same);
    for (std::int64_t k = 0; k < 9; ++k)
      EXPECT_EQ(numbers(from_data(got.data(), stack(all, dim).shape()).select(dim, k)),
                numbers(all[static_cast<std::size_t>(k)]));
  }
}

TEST(JoinedParts, OfSeveralSizesAndDtypes) {
  std::vector<Tensor> all;
  std::vector<float> want;
  for (std::int64_t k = 0; k < 12; ++k) {
    all.push_back(rows(1, k + 1)[0] + static_cast<double>(k));
    eval(all.back());
    for (const float x : numbers(all.back())) want.push_back(x);
  }
  EXPECT_EQ(numbers(cat(all)), want);
  all[3] = all[3].to(DType::F64);
  EXPECT_EQ(cat(all).dtype(), DType::F64);
  EXPECT_EQ(cat(all).to_vector<double>(), std::vector<double>(want.begin(), want.end()));
  for (Tensor& t : all) t = tensor({t.size(0)});
  EXPECT_EQ(stack(all).flatten().to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
}

// Whatever their number, what is made of them has the same structure.
TEST(JoinedParts, MakeNoProgramForTheirNumber) {
  const auto use = [](std::int64_t n, std::int64_t size) {
    eval((cat(apart(n, {size})) * 2).sum());
  };
  use(8, 15);
  apart(1, {12}), apart(1, {10}), apart(1, {6});
  const CacheStats before = cache_stats();
  use(10, 12), use(12, 10), use(20, 6);
  EXPECT_EQ(cache_stats().compiled + cache_stats().planned, before.compiled + before.planned);
}

TEST(JoinedParts, KeepTheirValuesAndDoNotHoldTheParts) {
  std::vector<Tensor> all = apart(8, {2});
  const Tensor joint = cat(all);
  const std::vector<float> before = numbers(joint);
  for (int k = 0; k < 3; ++k) {
    for (Tensor& t : all) t += 1;
    for (Tensor& t : all) eval(t);
  }
  EXPECT_EQ(numbers(joint), before);
  const std::int64_t held = memory_stats().live_bytes;
  Tensor long_one = cat(apart(8, {1000}));
  EXPECT_LE(memory_stats().live_bytes - held, 8 * 1000 * 4 + 1000);
}

TEST(JoinedParts, HaveGradients) {
  const auto sum_of_squares = [](const std::vector<Tensor>& parts) {
    const Tensor all = stack(parts);
    return (all * all).sum();
  };
  const std::vector<Tensor> all = apart(8, {2});
  const auto g = grad(sum_of_squares, all).second;
  for (std::size_t k = 0; k < 8; ++k) EXPECT_EQ(numbers(g[k]), numbers(all[k] * 2));
  // Parts that were asked for inside of the function depend on its argument all the same.
  const Tensor x = rows(8, 2);
  const Tensor gx = grad(
                        [](Tensor x) {
                          std::vector<Tensor> parts;
                          for (std::int64_t k = 0; k < 8; ++k) {
                            parts.push_back(x[k] * 3);
                            eval(parts.back());
                          }
                          return cat(parts).sum();
                        },
                        x)
                        .second;
  EXPECT_EQ(numbers(gx), std::vector<float>(16, 3));
}

TEST(JoinedParts, AreAConcatenationInATrace) {
  const Graph g = trace([](Tensor x) { return cat(std::vector<Tensor>(8, x)); }, rows(3, 2));
  EXPECT_EQ(Node(g.outputs()[0]).op_name(), "concat");
  const auto f = compile([](const std::vector<Tensor>& parts) { return stack(parts).sum(); });
  const std::vector<Tensor> first = apart(8, {2}), second = apart(8, {2});
  EXPECT_EQ(f(first).item(), stack(first).sum().item());
  const std::vector<Tensor> doubled = unsqueezed(second, 0);
  EXPECT_EQ(f(doubled).item(), stack(second).sum().item());
}

TEST(JoinedParts, OfTheUsersOwnMemoryAreReadWhenAskedFor) {
  std::vector<float> mine{1, 2};
  std::vector<Tensor> all(8, from_data(mine.data(), {2}, [] {}));
  EXPECT_EQ(numbers(cat(all))[1], 2);
  const Tensor joint = cat(all);
  mine[1] = 9;
  EXPECT_THROW(numbers(joint), Error);
}

}  // namespace
}  // namespace lilith
