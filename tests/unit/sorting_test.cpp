#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lilith/lilith.h"
#include "ops/sort_rows.h"
#include "runtime/thread_team.h"
#include "support/on_opencl.h"

// Orders of rows against std::stable_sort, in every way that they are computed.
namespace lilith {
namespace {

using I = std::int64_t;

bool is_less(double a, double b) { return !std::isnan(a) && (std::isnan(b) || a < b); }

/// The places of ranks [first, first + count) of each row of x [rows, n].
std::vector<I> order_of(const Tensor& x, I first, I count, bool descending) {
  const std::vector<double> values = x.to(kFloat64).to_vector<double>();
  const I n = x.size(-1);
  std::vector<I> out, order(static_cast<std::size_t>(n));
  for (I row = 0; row < x.numel() / n; ++row) {
    std::iota(order.begin(), order.end(), I{0});
    const double* v = values.data() + row * n;
    std::stable_sort(order.begin(), order.end(), [&](I a, I b) {
      return descending ? is_less(v[b], v[a]) : is_less(v[a], v[b]);
    });
    out.insert(out.end(), order.begin() + first, order.begin() + first + count);
  }
  return out;
}

// With equal elements, zeros of both signs, infinities and NaN.
Tensor awkward(const Shape& shape, DType dtype) {
  Tensor x = (randn(shape) * 40).round() / 4;
  if (is_floating(dtype)) {
    const Tensor which = randint(0, 12, shape);
    x = where(which == 0, NAN, where(which == 1, -0.0, where(which == 2, INFINITY, x)));
  }
  x = x.to(dtype);
  eval(x);
  return x;
}

TEST(Sorting, AllDtypesAndWays) {
  for (const DType dtype :
       {kBool, kUInt8, kInt8, kInt16, kInt32, kInt64, kHalf, kBFloat16, kFloat, kDouble}) {
    for (const I n : {1, 7, 97, 300, 66000}) {
      const Tensor x = awkward({n > 1000 ? 1 : 5, n}, dtype);
      for (const bool descending : {false, true}) {
        SCOPED_TRACE(x.aval().str() + (descending ? " descending" : ""));
        EXPECT_EQ(argsort(x, -1, descending).to_vector<I>(), order_of(x, 0, n, descending));
        const I k = std::min<I>(n, 5);
        EXPECT_EQ(topk(x, k, -1, descending).indices.to_vector<I>(), order_of(x, 0, k, descending));
      }
      EXPECT_EQ(kthvalue(x, (n + 1) / 2).indices.to_vector<I>(),
                order_of(x, (n - 1) / 2, 1, false));
    }
  }
}

// The bound that the least of groups give, for counts of all sizes and rows in every order.
TEST(Sorting, TheFirstFewOfRowsInEveryOrder) {
  for (const DType dtype : {kInt16, kFloat, kDouble, kInt64}) {
    const Tensor numbers = awkward({4200}, dtype), rising = numbers.sort().values;
    const Tensor zeros_of_both_signs = where(randint(0, 2, {4200}) == 0, 0.0, -0.0).to(dtype);
    const Tensor x =
        stack({numbers, rising, rising.flip({0}), zeros_of_both_signs, zeros({4200}, dtype)});
    for (const I k : {1, 10, 63, 64, 65, 250})
      for (const bool largest : {false, true}) {
        SCOPED_TRACE(x.aval().str() + ", k " + std::to_string(k) + (largest ? ", largest" : ""));
        EXPECT_EQ(topk(x, k, -1, largest).indices.to_vector<I>(), order_of(x, 0, k, largest));
      }
  }
}

// Rows of which the bound says little: their first elements come last, are all alike or no numbers.
TEST(Sorting, TheFirstFewOfLongRows) {
  const Tensor rising = randn({40000}).sort().values,
               numbers = cat({full({20000}, NAN), rising.narrow(0, 0, 20000)});
  for (const Tensor& x : {rising, rising.flip({0}), zeros({40000}), relu(rising), numbers})
    for (const I k : {1, 100, 1000})
      for (const bool largest : {false, true})
        EXPECT_EQ(topk(x, k, -1, largest).indices.to_vector<I>(), order_of(x, 0, k, largest));
}

TEST(Sorting, AnyNumberOfThreadsGivesTheSame) {
  const Tensor x = awkward({2, 70000}, kFloat);
  const std::vector<I> all = order_of(x, 0, 70000, false), few = order_of(x, 0, 100, true);
  const int before = num_threads();
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    EXPECT_EQ(argsort(x).to_vector<I>(), all);
    EXPECT_EQ(topk(x, 100).indices.to_vector<I>(), few);
    EXPECT_EQ(kthvalue(x, 35000).indices.to_vector<I>(), order_of(x, 34999, 1, false));
  }
  set_num_threads(before);
}

// Rows that need no pass at all, between others.
TEST(Sorting, ConstantRows) {
  const int before = num_threads();
  for (const DType dtype : {kFloat, DType::I64, DType::Bool}) {
    const Tensor x =
        (arange(4 * 70000).reshape({4, 70000}) % 7 * tensor({0, 1, 0, 0}).unsqueeze(1)).to(dtype);
    const std::vector<I> expected = order_of(x, 0, 70000, false);
    for (const int threads : {2, 3}) {
      set_num_threads(threads);
      for (int k = 0; k < 10; ++k) EXPECT_EQ(argsort(x).to_vector<I>(), expected);
    }
  }
  set_num_threads(before);
}

// A NaN is the largest number, whatever its sign.
TEST(Sorting, NegativeNaN) {
  const Tensor nan = full({300}, -std::nan(""));
  const Tensor x = cat({nan, arange(100, 0, -1).to(kFloat)});
  EXPECT_EQ(topk(x, 5, -1, false).values.to_vector<float>(), (std::vector<float>{1, 2, 3, 4, 5}));
}

// There is scratch for so many threads; a larger team leaves the work to one.
TEST(Sorting, LargeTeams) {
  const Tensor x = awkward({1, 70000}, kFloat);
  const ops::RowOrder order{.rows = 1, .n = 70000, .first = 0, .count = 70000, .descending = false};
  std::vector<char> scratch(static_cast<std::size_t>(ops::order_scratch_bytes(order, kFloat)) + 64);
  const auto at = reinterpret_cast<std::uintptr_t>(scratch.data());
  std::vector<I> out(70000);
  const auto no_barrier = [] { FAIL() << "nobody else comes"; };
  for (const int thread : {1, 0})
    ops::order_rows(order, kFloat, x.data<float>(), out.data(),
                    scratch.data() + ((at + 63) / 64 * 64 - at), {thread, 1000, no_barrier});
  EXPECT_EQ(out, order_of(x, 0, 70000, false));
}

TEST(Sorting, AlongAnyDimension) {
  const Tensor x = randn({4, 5, 6});
  const auto [values, places] = sort(x, 1, true);
  EXPECT_EQ(places.transpose(1, 2).to_vector<I>(),
            order_of((x.transpose(1, 2) * 1).reshape({24, 5}), 0, 5, true));
  EXPECT_TRUE(equal(values, gather(x, 1, places)));
  EXPECT_TRUE(equal(msort(x), sort(x, 0).values));
  EXPECT_EQ(sort(tensor(3.f)).indices.item<I>(), 0);
  EXPECT_EQ(sort(zeros({3, 0})).values.shape(), (Shape{3, 0}));
}

TEST(Sorting, InCompiledFunctionsAndLoops) {
  const Tensor x = randn({3, 50});
  const auto f = [](Tensor x) { return topk(x * 2, 4).values.sum() + median(x); };
  EXPECT_EQ(compile(f)(x).item<float>(), f(x).item<float>());
  const auto [carry, rows] = scan(
      [](const Tensor& c, const Tensor& row) {
        const Tensor sorted = sort(row + c).values;
        return std::tuple(sorted[0], sorted);
      },
      tensor(0.f), x);
  Tensor c = tensor(0.f);
  for (I i = 0; i < 3; ++i) {
    const Tensor sorted = sort(x[i] + c).values;
    EXPECT_TRUE(equal(rows[i], sorted));
    c = sorted[0];
  }
  EXPECT_EQ(carry.item<float>(), c.item<float>());
}

TEST(Sorting, GradientsGoToTheChosen) {
  const Tensor x = tensor({3.f, 1.f, 2.f});
  const auto g = [&](auto f) {
    return std::get<1>(grad([&](Tensor t) { return f(t); }, x)).template to_vector<float>();
  };
  EXPECT_EQ(g([](Tensor t) { return (sort(t).values * tensor({1.f, 10.f, 100.f})).sum(); }),
            (std::vector<float>{100, 1, 10}));
  EXPECT_EQ(g([](Tensor t) { return median(t); }), (std::vector<float>{0, 0, 1}));
  EXPECT_EQ(g([](Tensor t) { return quantile(t, 0.25); }), (std::vector<float>{0, 0.5f, 0.5f}));
}

TEST(Sorting, SelectionsAndCounts) {
  const Tensor x = tensor({2, 3, 3, 1, 2, 3});
  EXPECT_EQ(mode(x).values.item<I>(), 3);
  EXPECT_EQ(mode(x).indices.item<I>(), 5);
  EXPECT_EQ(bincount(x).to_vector<I>(), (std::vector<I>{0, 1, 2, 3}));
  EXPECT_EQ(bincount(x, {}, 6).to_vector<I>(), (std::vector<I>{0, 1, 2, 3, 0, 0}));
  const auto [values, inverse, counts] = unique(x, {.return_inverse = true, .return_counts = true});
  EXPECT_EQ(values.to_vector<I>(), (std::vector<I>{1, 2, 3}));
  EXPECT_EQ(inverse.to_vector<I>(), (std::vector<I>{1, 2, 2, 0, 1, 2}));
  EXPECT_EQ(counts.to_vector<I>(), (std::vector<I>{1, 2, 3}));
  const Tensor rows = tensor({{2, 1}, {1, 2}, {2, 1}});
  const UniqueResult slices = unique(rows, {.return_inverse = true, .dim = 0});
  EXPECT_EQ(slices.values.to_vector<I>(), (std::vector<I>{1, 2, 2, 1}));
  EXPECT_EQ(slices.inverse.to_vector<I>(), (std::vector<I>{1, 0, 1}));
  EXPECT_EQ(unique_consecutive(x).to_vector<I>(), (std::vector<I>{2, 3, 1, 2, 3}));
  EXPECT_EQ(nonzero(x == 3).to_vector<I>(), (std::vector<I>{1, 2, 5}));
  EXPECT_EQ(masked_select(x, x > 1).to_vector<I>(), (std::vector<I>{2, 3, 3, 2, 3}));
  EXPECT_EQ(isin(x, tensor({1, 2})).to_vector<bool>(),
            (std::vector<bool>{true, false, false, true, true, false}));
  EXPECT_EQ(searchsorted(tensor({1, 3, 3, 5}), tensor({3, 0, 9})).to_vector<I>(),
            (std::vector<I>{1, 0, 4}));
  EXPECT_EQ(searchsorted(tensor({1, 3, 3, 5}), 3, {.side = "right"}).item<I>(), 3);
  EXPECT_EQ(histc(tensor({1.f, 2.f, 1.f}), 4, 0, 3).to_vector<float>(),
            (std::vector<float>{0, 2, 1, 0}));
  const Tensor some_nan = tensor({NAN, 1.f, 3.f, NAN, 2.f});
  EXPECT_TRUE(std::isnan(median(some_nan).item<float>()));
  EXPECT_EQ(nanmedian(some_nan).item<float>(), 2);
  EXPECT_TRUE(std::isnan(quantile(some_nan, 0.5).item<float>()));
  EXPECT_EQ(nanquantile(some_nan, 0.75).item<float>(), 2.5f);
  EXPECT_EQ(cummax(tensor({1.f, 3.f, 3.f, 2.f}), 0).indices.to_vector<I>(),
            (std::vector<I>{0, 1, 2, 2}));
}

TEST(Sorting, TheLastOfEqualPlacesStays) {
  const Tensor x = zeros({3}), index = tensor({1, 1, 2, 1});
  const Tensor src = tensor({1.f, 2.f, 3.f, 4.f});
  EXPECT_EQ(scatter(x, 0, index, src).to_vector<float>(), (std::vector<float>{0, 4, 3}));
  EXPECT_EQ(scatter(x, 0, index, 7).to_vector<float>(), (std::vector<float>{0, 7, 7}));
  EXPECT_EQ(scatter_reduce(ones({3}), 0, index, src, "prod").to_vector<float>(),
            (std::vector<float>{1, 8, 3}));
  EXPECT_EQ(scatter_reduce(x.to(kLong), 0, index, src.to(kLong), "mean", false).to_vector<I>(),
            (std::vector<I>{0, 2, 3}));
}

TEST(Sorting, Draws) {
  manual_seed(3);
  const Tensor p = tensor({0.f, 1.f, 3.f, 0.f});
  const Tensor many = multinomial(p, 4000, true);
  const std::vector<I> counts = bincount(many, {}, 4).to_vector<I>();
  EXPECT_EQ(counts[0] + counts[3], 0);
  EXPECT_NEAR(static_cast<double>(counts[2]) / 4000, 0.75, 0.03);
  EXPECT_EQ(sort(multinomial(p, 2)).values.to_vector<I>(), (std::vector<I>{1, 2}));
  const Tensor odd = remainder(arange(4096), 2).to(kFloat) * rand({4096});
  EXPECT_TRUE((odd[multinomial(odd, 20000, true)] > 0).all().item<bool>());
  for (const double rate : {0.5, 4.0, 30.0}) {
    const Tensor x = poisson(full({4000}, rate));
    EXPECT_NEAR(x.mean().item<double>(), rate, 5 * std::sqrt(rate / 4000));
    EXPECT_NEAR(x.var().item<double>(), rate, 0.15 * rate);
  }
  Tensor x = zeros({4000});
  EXPECT_NEAR(x.exponential_(2).mean().item<double>(), 0.5, 0.05);
  EXPECT_NEAR(x.geometric_(0.25).mean().item<double>(), 4, 0.4);
  const auto order = compile([] { return randperm(1000); });
  EXPECT_EQ(sort(order()).values.to_vector<I>(), arange(1000).to_vector<I>());
}

using SortingOnOpenCl = testing::OnOpenCl;
TEST_F(SortingOnOpenCl, GoesByWayOfTheHost) {
  const Tensor x = randn({3, 40}), there = x.to(opencl(0));
  const auto [values, places] = topk(there * 2, 3);
  EXPECT_EQ(places.device(), opencl(0));
  EXPECT_EQ(places.to(cpu()).to_vector<I>(), order_of(x, 0, 3, true));
  EXPECT_TRUE(equal(values.to(cpu()), topk(x, 3).values * 2));
}

}  // namespace
}  // namespace lilith
