#include <gtest/gtest.h>

#include "lilith/lilith.h"

// Whole numbers that double cannot hold keep all their bits, and a bool is no number.
namespace lilith {
namespace {

using I = std::int64_t;
using V = std::vector<I>;
constexpr I kBig = (I{1} << 53) + 1;

V of(const Tensor& t) { return t.to(kInt64).to_vector<I>(); }

TEST(Integers, AreExactInRanges) {
  EXPECT_EQ(of(arange(kBig, kBig + 3)), (V{kBig, kBig + 1, kBig + 2}));
  EXPECT_EQ(of(arange(kBig, kBig + 5, 2)), (V{kBig, kBig + 2, kBig + 4}));
  EXPECT_EQ(of(arange(kBig + 2, kBig, -1)), (V{kBig + 2, kBig + 1}));
  EXPECT_EQ(of(arange(0, 2 * kBig + 1, kBig)), (V{0, kBig, 2 * kBig}));
  EXPECT_EQ(of(arange(INT64_MAX - 2, INT64_MAX)), (V{INT64_MAX - 2, INT64_MAX - 1}));
  EXPECT_EQ(of(arange(INT64_MIN, INT64_MIN + 2)), (V{INT64_MIN, INT64_MIN + 1}));
  EXPECT_EQ(of(arange(INT64_MAX, INT64_MIN, INT64_MIN)), (V{INT64_MAX, -1}));
  EXPECT_EQ(of(arange(kBig, kBig + 2, 1, {.dtype = kInt64})), (V{kBig, kBig + 1}));
  EXPECT_EQ(of(arange(3, 3)), V{});
  EXPECT_EQ(of(linspace(kBig, kBig + 2, 3, {.dtype = kInt64})), (V{kBig, kBig + 1, kBig + 2}));
  EXPECT_EQ(of(linspace(kBig, 0, 1, {.dtype = kInt64})), V{kBig});
  EXPECT_EQ(of(linspace(-kBig, kBig, 2, {.dtype = kInt64})), (V{-kBig, kBig}));
  EXPECT_EQ(of(linspace(-kBig, kBig, 3, {.dtype = kInt64})), (V{-kBig, 0, kBig}));
  EXPECT_EQ(of(linspace(1000.5, kBig + 1, 2, {.dtype = kInt64})), (V{1000, kBig + 1}));
  EXPECT_EQ(of(full({1}, kBig)), V{kBig});
}

TEST(Integers, AreExactAsOperands) {
  const Tensor x = tensor({kBig, kBig - 1, kBig + 1, I{0}});
  const V y = of(x);
  EXPECT_EQ(of(pad(x, {1, 1}, PadMode::Constant, kBig)), (V{kBig, y[0], y[1], y[2], 0, kBig}));
  EXPECT_EQ(of(pad(x, {-1, 1}, PadMode::Constant, -kBig)), (V{y[1], y[2], 0, -kBig}));
  EXPECT_EQ(of(constant_pad_nd(x.reshape({2, 2}), {1, 0}, kBig)),
            (V{kBig, y[0], y[1], kBig, y[2], 0}));
  EXPECT_EQ(of(clamp(x, 5, kBig)), (V{kBig, kBig - 1, kBig, 5}));
  EXPECT_EQ(of(where(x > 5, x, kBig)), (V{y[0], y[1], y[2], kBig}));
  EXPECT_EQ(of(x == kBig), (V{1, 0, 0, 0}));
  EXPECT_EQ(of(x < kBig), (V{0, 1, 0, 1}));
  EXPECT_EQ(of(kBig >= x), (V{1, 1, 0, 1}));
  EXPECT_EQ(of(x - kBig), (V{0, -1, 1, -kBig}));
  EXPECT_EQ(of(x % kBig), (V{0, kBig - 1, 1, 0}));
  EXPECT_EQ(of(masked_fill(x, x == 0, kBig)), (V{y[0], y[1], y[2], kBig}));
  auto f = compile(
      [](Tensor t) { return pad(where(t == kBig, t + kBig, t), {0, 1}, PadMode::Constant, kBig); });
  EXPECT_EQ(of(f(x)), (V{2 * kBig, y[1], y[2], 0, kBig}));
}

TEST(Integers, NameDimensionsInEveryType) {
  enum { N, C };
  const Tensor x = ones({2, 3});
  EXPECT_EQ(softmax(x, C).shape(), x.shape());
  EXPECT_EQ(sum(x, {N, std::uint8_t{1}}).shape(), Shape());
  EXPECT_EQ(x.sum(-1).shape(), Shape{2});
  EXPECT_EQ(x.squeeze(x.ndim() - 1).size(std::size_t{1}), 3);
  EXPECT_EQ(argmax(x, std::optional<int>(0)).shape(), Shape{3});
  const Softmax layer{1};
  EXPECT_EQ(x.mean(layer.dim, true).shape(), (Shape{2, 1}));
  // None is cut to one that is there.
  for (const I beyond : {I{1} << 32, (I{1} << 32) + 1, INT64_MAX, INT64_MIN, -(I{1} << 32)})
    EXPECT_THROW(softmax(x, beyond), Error) << beyond;
  EXPECT_THROW(softmax(x, UINT64_MAX), Error);
  EXPECT_THROW(cumsum(x, 4294967296u * 2ul), Error);
}

TEST(Integers, OfLayersArePartOfAProgramsKey) {
  struct Net {
    Softmax softmax{0};
    LeakyReLU leaky{0.5};
    Dropout drop{.p = 0.25, .training = false};
    Tensor operator()(const Tensor& x) const { return drop(softmax(leaky(x))); }
  };
  struct Seen final : Visitor {
    std::vector<double> numbers;
    void parameter(Tensor&) override {}
    void buffer(Buffer&) override {}
    void flag(bool& b) override { numbers.push_back(b); }
    void integer(I i) override { numbers.push_back(static_cast<double>(i)); }
    void real(double d) override { numbers.push_back(d); }
  } seen;
  Net net;
  visit(net, seen);
  EXPECT_EQ(seen.numbers, (std::vector<double>{0, 0.5, 0.25, 0}));
  net.softmax.dim = 1;
  net.leaky.negative_slope = 0.1;
  EXPECT_EQ(net(tensor({{-1.f, -1.f}})).to_vector<float>(), std::vector<float>(2, 0.5f));
}

TEST(Bools, MeanWhatTheyMeanInPyTorch) {
  manual_seed(1);
  const Tensor q = randn({1, 2, 4, 8});
  const auto same = [](const Tensor& a, const Tensor& b) {
    return a.to_vector<float>() == b.to_vector<float>();
  };
  const Tensor causal = scaled_dot_product_attention(q, q, q, {}, 0, true);
  EXPECT_TRUE(same(scaled_dot_product_attention(q, q, q, {}, true), causal));
  EXPECT_TRUE(same(scaled_dot_product_attention(q, q, q, Tensor(), false),
                   scaled_dot_product_attention(q, q, q)));
  const Tensor x = randn({3, 4});
  EXPECT_TRUE(same(var(x, false), var(x, {}, 0)));
  EXPECT_TRUE(same(lilith::std(x, true), lilith::std(x)));
  EXPECT_TRUE(same(lilith::std(x, 1, false, true), lilith::std(x, 1, 0, true)));
  EXPECT_TRUE(same(var_mean(x, 0, true).first, var(x, 0, 1)));
  EXPECT_TRUE(same(std_mean(x, false).first, lilith::std(x, {}, 0)));
  EXPECT_FALSE(Linear(3, 4, false).bias.defined());
  EXPECT_TRUE(Linear(3, 4, true).bias.defined());
  EXPECT_FALSE(Linear(3, 4, {false}).bias.defined());
}

TEST(Integers, ADiagonalBeyondTheMatrixStaysBeyond) {
  const Tensor x = ones({3, 4});
  for (const I far : {I{1} << 32, INT64_MAX}) {
    EXPECT_EQ(tril(x, far).sum().item<float>(), 12) << far;
    EXPECT_EQ(triu(x, far).sum().item<float>(), 0) << far;
    EXPECT_EQ(diagonal(x, far).numel(), 0) << far;
  }
  for (const I far : {-(I{1} << 32), INT64_MIN}) {
    EXPECT_EQ(tril(x, far).sum().item<float>(), 0) << far;
    EXPECT_EQ(triu(x, far).sum().item<float>(), 12) << far;
    EXPECT_EQ(diagonal(x, far).numel(), 0) << far;
  }
}

}  // namespace
}  // namespace lilith
