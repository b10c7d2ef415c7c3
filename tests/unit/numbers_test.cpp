// Options and fields are Real, Int and Dim, which refuse bools; in a user's code they count as the
// double or the integer that they hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "lilith/lilith.h"

namespace lilith {
namespace {

struct Options {
  Real lr = 0.5;
  Int epochs = 3;
  Int batch_size = 4;
  Dim dim = 1;
};

std::vector<float> floats(const Tensor& x) { return x.to(DType::F32).to_vector<float>(); }
using Floats = std::vector<float>;

struct Scaled {
  Linear fc{2, 2};
  Real scale = 0.5;
  Int times = 4;
  Tensor operator()(const Tensor& x) const { return fc(x) * scale * times; }
};

// Of two overloads a number takes the one that a double or an integer would.
const char* chosen(double) { return "double"; }
const char* chosen(std::int64_t) { return "integer"; }
[[maybe_unused]] const char* chosen(const Tensor&) { return "tensor"; }
const char* other(double) { return "double"; }
const char* other(const Hyper&) { return "hyper"; }

// Integers are compared by value.
static_assert(Int(-1) < std::size_t{3});
static_assert(Int(-1) != std::numeric_limits<std::size_t>::max());
static_assert(std::size_t{3} > Dim(-1));
static_assert(Int(3) == std::size_t{3} && Int(3) == 3.0 && Real(0.5) < Int(1));
static_assert(std::is_same_v<decltype(isnan(Real(1))), bool>);

TEST(Numbers, SayWhetherTheyAreFinite) {
  using std::isfinite, std::isinf, std::isnan, std::signbit;
  Options o;
  EXPECT_TRUE(isfinite(o.lr));
  EXPECT_FALSE(isnan(o.lr));
  EXPECT_FALSE(isinf(o.epochs));
  o.lr = -std::numeric_limits<double>::infinity();
  EXPECT_TRUE(isinf(o.lr));
  EXPECT_TRUE(signbit(o.lr));
  EXPECT_FALSE(signbit(o.dim));
  o.lr = std::nan("");
  EXPECT_TRUE(isnan(o.lr));
  EXPECT_FALSE(o.lr == o.lr);
}

TEST(Numbers, WithTensorsAreWeakScalars) {
  const Tensor x = tensor({2.f, 4.f});
  Dropout drop{0.25};
  Options o;
  EXPECT_EQ(floats(x * drop.p), Floats({0.5, 1}));
  EXPECT_EQ(floats(drop.p * x), Floats({0.5, 1}));
  EXPECT_EQ(floats(x + drop.p), Floats({2.25, 4.25}));
  EXPECT_EQ(floats(o.epochs - x), Floats({1, -1}));
  EXPECT_EQ(floats(x / o.dim), Floats({2, 4}));
  EXPECT_EQ((x * drop.p).dtype(), DType::F32);
  EXPECT_EQ((tensor({1, 2}) * o.epochs).dtype(), DType::I64);
  EXPECT_EQ((tensor({1, 2}) * o.lr).dtype(), DType::F32);
  EXPECT_EQ(floats(pow(x, o.epochs)), Floats({8, 64}));
  EXPECT_EQ(floats(pow(x, o.lr)), Floats({std::sqrt(2.f), 2}));
  EXPECT_EQ(floats(x == o.epochs + 1), Floats({0, 1}));
  EXPECT_TRUE((x > o.lr).to_vector<bool>()[0]);
  Tensor y = x;
  y *= o.lr;
  y += o.epochs;
  EXPECT_EQ(floats(y), Floats({4, 5}));

  LayerNorm norm(2, {.eps = 0.5});
  EXPECT_EQ(floats(x + norm.eps), Floats({2.5, 4.5}));
  Hardtanh h{-1, 3};
  EXPECT_EQ(floats(clamp(x, h.min_val, h.max_val)), Floats({2, 3}));
  EXPECT_EQ(floats(where(x > 3, x, h.min_val)), Floats({-1, 4}));
  EXPECT_EQ(floats(full({2}, o.lr)), Floats({0.5, 0.5}));
  EXPECT_EQ(full({2}, o.lr).dtype(), DType::F32);
  EXPECT_EQ(full({2}, o.epochs).dtype(), DType::I64);
  EXPECT_EQ(floats(full({o.epochs}, 1)), Floats({1, 1, 1}));
  EXPECT_EQ(floats(arange(o.epochs)), Floats({0, 1, 2}));
  EXPECT_EQ(tensor(o.lr).item<double>(), 0.5);
  EXPECT_EQ(tensor(o.epochs).dtype(), DType::I64);
  EXPECT_EQ(floats(tensor({o.lr, o.lr})), Floats({0.5, 0.5}));
  EXPECT_EQ(x[o.dim].item<float>(), 4);
  EXPECT_EQ(x.index({o.dim}).item<float>(), 4);
  EXPECT_EQ(floats(x.slice(0, o.dim)), Floats({4}));
}

TEST(Numbers, AmongNumbersArePlain) {
  Options o;
  static_assert(std::is_same_v<decltype(o.lr * o.lr), double>);
  static_assert(std::is_same_v<decltype(o.lr * 2), double>);
  static_assert(std::is_same_v<decltype(o.epochs * o.lr), double>);
  static_assert(std::is_same_v<decltype(o.epochs * o.epochs), std::int64_t>);
  static_assert(std::is_same_v<decltype(o.dim + o.dim), int>);
  static_assert(std::is_same_v<decltype(o.dim + o.epochs), std::int64_t>);
  static_assert(std::is_same_v<decltype(o.lr == o.lr), bool>);
  static_assert(std::is_same_v<decltype(-o.lr), double>);
  static_assert(std::is_same_v<decltype(sqrt(o.lr)), double>);
  static_assert(std::is_same_v<decltype(pow(o.lr, 2)), double>);
  EXPECT_EQ(o.lr * o.lr + 1, 1.25);
  EXPECT_EQ(o.lr * 0.5f, 0.25);
  EXPECT_EQ(1 - o.lr, 0.5);
  EXPECT_EQ(o.epochs / 2, 1);
  EXPECT_EQ(7 % o.epochs, 1);
  EXPECT_EQ(o.epochs << 1, 6);
  EXPECT_EQ(o.epochs & 1, 1);
  EXPECT_EQ(~o.epochs, -4);
  EXPECT_EQ(-o.dim, -1);
  EXPECT_EQ(!o.epochs, false);
  EXPECT_EQ(o.epochs * 1.5, 4.5);

  EXPECT_TRUE(o.lr == 0.5 && 0.5 == o.lr && o.lr != 0.1 && o.lr < 1 && 1 > o.lr && o.lr <= o.lr);
  EXPECT_TRUE(o.epochs < 4 && o.epochs == 3 && o.epochs != o.batch_size && o.dim < o.epochs);
  EXPECT_TRUE(o.epochs < 3.5 && o.epochs < std::size_t{4} && std::size_t{2} < o.epochs);
  EXPECT_FALSE(Real(std::numeric_limits<double>::quiet_NaN()) < o.lr);
  enum { N, C };
  EXPECT_TRUE(o.dim == C && o.dim > N);
  EXPECT_EQ(o.dim + C, 2);
}

TEST(Numbers, AreAssignedAndCounted) {
  Options o;
  o.lr *= 0.1;
  EXPECT_EQ(o.lr, 0.5 * 0.1);
  o.lr = 1e-3;
  o.lr += 1;
  o.lr -= 0.5f;
  o.lr /= o.dim;
  EXPECT_EQ(o.lr, 1e-3 + 1 - 0.5);
  EXPECT_EQ(o.epochs++, 3);
  EXPECT_EQ(o.epochs--, 4);
  EXPECT_EQ(++o.epochs, 4);
  EXPECT_EQ(--o.epochs, 3);
  o.epochs *= 2, o.epochs -= 1, o.epochs %= o.batch_size, o.epochs += 7, o.epochs /= 2;
  EXPECT_EQ(o.epochs, 4);
  EXPECT_EQ(++o.dim, 2);
  double sum = 1;
  sum += o.lr, sum *= o.epochs;
  EXPECT_EQ(sum, (1 + o.lr) * 4);
  std::int64_t n = 1;
  n += o.epochs;
  EXPECT_EQ(n, 5);
}

TEST(Numbers, ConvertToAndFrom) {
  Options o;
  const double d = o.lr;
  const float f = static_cast<float>(o.lr);
  const std::int64_t n = o.epochs;
  const int i = o.dim;
  EXPECT_EQ(d + f, 1);
  EXPECT_EQ(n + i, 4);
  o.lr = o.epochs;
  EXPECT_EQ(o.lr, 3);
  o.dim = o.epochs;
  o.epochs = o.dim;
  EXPECT_EQ(o.epochs, 3);
  o.dim = Int(std::int64_t{1} << 40);  // is held
  EXPECT_EQ(o.dim, std::numeric_limits<int>::max());
  enum { N, C };
  o.dim = C, o.lr = C;
  EXPECT_EQ(o.dim + o.lr, 2);
  const std::atomic<int> counted = 7;
  o.epochs = counted;
  EXPECT_EQ(o.epochs, 7);
  o.lr = std::optional<double>(0.1).value();

  Adam adam({.lr = 0.25});
  SGD sgd({.lr = adam.hyper("lr"), .momentum = o.lr});
  EXPECT_EQ(sgd.lr(), 0.25);
  Hyper h = o.lr;
  EXPECT_EQ(h, 0.1);
  adam.hyper("lr") = o.epochs;
  EXPECT_EQ(adam.lr(), 7);
  adam.set_lr(o.lr);
  EXPECT_EQ(o.lr * adam.hyper("lr"), 0.1 * 0.1);
  static_assert(!std::is_constructible_v<Real, Tensor>);
  static_assert(!std::is_constructible_v<Real, std::true_type>);
  static_assert(!std::is_constructible_v<Real, std::vector<bool>::reference>);
  static_assert(!std::is_constructible_v<Int, std::vector<bool>::reference>);
  static_assert(!std::is_constructible_v<Int, Hyper>);
  static_assert(std::is_trivially_copyable_v<Real> && sizeof(Real) == sizeof(double));
}

TEST(Numbers, StandWhereTheStandardLibraryTakesNumbers) {
  Options o;
  o.lr = 0.25;
  EXPECT_EQ(std::sqrt(o.lr), 0.5);
  EXPECT_EQ(sqrt(o.lr), 0.5);
  EXPECT_EQ(std::pow(o.lr, 2), 0.0625);
  EXPECT_EQ(pow(2, o.epochs), 8);
  EXPECT_EQ(std::abs(-o.lr), 0.25);
  EXPECT_EQ(abs(o.epochs), 3);
  EXPECT_TRUE(std::isfinite(o.lr));
  EXPECT_EQ(std::min<std::int64_t>(o.batch_size, 3), 3);
  EXPECT_EQ(std::max<std::int64_t>(o.batch_size, std::int64_t{9}), 9);
  EXPECT_EQ(std::min(o.batch_size, o.epochs), 3);
  EXPECT_EQ(std::to_string(o.epochs), "3");
  EXPECT_EQ(std::to_string(o.dim), "1");
  EXPECT_EQ(fmt::format("{} {} {:.2f} {:03}", o.lr, o.epochs, o.lr, o.dim), "0.25 3 0.25 001");
  std::ostringstream out;
  out << o.lr << ' ' << o.epochs << ' ' << o.dim;
  EXPECT_EQ(out.str(), "0.25 3 1");
  EXPECT_EQ(testing::PrintToString(o.lr), "0.25");
  EXPECT_EQ(testing::PrintToString(o.epochs), "3");
  EXPECT_NEAR(o.lr, 0.25, 1e-9);
  EXPECT_GT(o.lr, 0);
  EXPECT_STREQ(chosen(o.lr), "double");
  EXPECT_STREQ(chosen(o.epochs), "integer");
  EXPECT_STREQ(other(+o.lr), "double");
  EXPECT_STREQ(other(Adam(AdamOptions{.lr = o.lr}).hyper("lr")), "hyper");

  int steps = 0;
  for (int i = 0; i < o.epochs; ++i) ++steps;
  EXPECT_EQ(steps, 3);
  switch (o.epochs) {
    case 3:
      ++steps;
      break;
    default:
      break;
  }
  EXPECT_EQ(steps, 4);
  const int values[] = {10, 20, 30};
  const std::vector<int> vector(values, values + 3);
  EXPECT_EQ(values[o.dim] + vector[o.dim], 40);
  EXPECT_EQ(*(values + o.dim), 20);
}

TEST(Numbers, AreFieldsOfModels) {
  Scaled net;
  const Tensor x = ones({1, 2});
  const auto value = [](const Scaled& m, const Tensor& in) { return m(in).sum(); };
  EXPECT_EQ(floats(grad(value, net, x).second.fc.bias), Floats({2, 2}));
  const auto compiled = compile(value);
  const float before = compiled(net, x).item<float>();
  net.scale *= 2;  // part of the key
  EXPECT_FLOAT_EQ(compiled(net, x).item<float>(), 2 * before);
}

TEST(Numbers, OfOneTypeInAChoice) {
  Options o;
  const bool c = o.epochs > 1;
  EXPECT_EQ(c ? +o.lr : 1e-3, 0.5);
  EXPECT_EQ(c ? 1e-3 : +o.lr, 1e-3);
  EXPECT_EQ(c ? o.lr : Real(1e-3), 0.5);
  EXPECT_EQ(c ? +o.epochs : 7, 3);
}

}  // namespace
}  // namespace lilith
