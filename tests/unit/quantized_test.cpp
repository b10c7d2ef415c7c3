#include "lilith/nn/quantized.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lilith/lilith.h"
#include "support/expect_error.h"
#include "support/on_opencl.h"

namespace lilith {
namespace {

using testing::floats;

// What the docstring promises, in f64.
Tensor bound(const Tensor& x, const Tensor& w) {
  const Tensor s = amax(abs(x), -1, true) / 127, t = amax(abs(w), -1, true) / 127;
  const double k = static_cast<double>(x.size(-1));
  return matmul(abs(x), (t / 2).expand(w.shape()).t()) +
         matmul((s / 2).expand(x.shape()), abs(w).t()) + s * t.t() * (k / 4);
}

TEST(QuantizedLinear, IsWithinItsBound) {
  manual_seed(4);
  for (const std::int64_t rows : {1, 5, 64}) {
    const Linear linear(96, 40);
    const QuantizedLinear quantized(linear);
    const Tensor x = randn({rows, 96}) * exp(randn({rows, 1}));
    const Tensor got = quantized(x).to(kFloat64), wide = x.to(kFloat64),
                 w = linear.weight.to(kFloat64);
    const Tensor want = matmul(wide, w.t()) + linear.bias.to(kFloat64);
    EXPECT_TRUE((abs(got - want) <= bound(wide, w) * 1.0001 + 1e-6).all().item<bool>());
    EXPECT_LT(norm(got - want).item<double>(), 0.02 * norm(want).item<double>());
  }
}

// Sums of whole numbers are exact, on every device and by every way.
TEST(QuantizedLinear, SumsExactly) {
  manual_seed(5);
  const Linear linear(301, 33, {.bias = false});
  const QuantizedLinear quantized(linear);
  const Tensor x = randint(-127, 128, {48, 301}).to(kFloat32);
  const Tensor marked =
      cat({x.narrow(1, 0, 300), full({48, 1}, 127.0)}, 1);  // so that scales are 1
  const auto want =
      floats(matmul(marked.to(kFloat64), Tensor(quantized.weight).to(kFloat64).t()).to(kFloat32) *
             Tensor(quantized.scale));
  EXPECT_EQ(floats(quantized(marked)), want);
  const auto compiled = compile([](const QuantizedLinear& q, const Tensor& x) { return q(x); });
  EXPECT_EQ(floats(compiled(quantized, marked)), want);
}

TEST(QuantizedLinear, PassesNoGradient) {
  const QuantizedLinear layer(Linear(8, 3));
  const auto f = [&](const Tensor& x) { return layer(x).sum() + x.sum(); };
  const Tensor g = grad(f, randn({5, 8})).second;
  EXPECT_EQ((g - 1).abs().max().item<float>(), 0);
}

TEST(QuantizedLinear, HoldsABytePerWeight) {
  const Linear linear(64, 32);
  const QuantizedLinear quantized(linear);
  EXPECT_EQ(Tensor(quantized.weight).dtype(), kInt8);
  EXPECT_LE(abs(quantized.dequantized_weight() - linear.weight).max().item<double>(),
            abs(linear.weight).max().item<double>() / 254 * 1.0001);
  EXPECT_EQ(num_parameters(quantized), 0);
}

TEST(QuantizedLinear, TakesEdges) {
  const Linear linear(8, 3);
  const QuantizedLinear quantized(linear);
  EXPECT_EQ(floats(quantized(zeros({2, 8}))).size(), 6U);
  EXPECT_NEAR(quantized(zeros({1, 8}))[0][1].item<double>(), linear.bias[1].item<double>(), 1e-7);
  EXPECT_TRUE(std::isnan(quantized(full({1, 8}, NAN))[0][0].item<double>()));
  EXPECT_EQ(quantized(randn({2, 3, 8}).to(kBFloat16)).dtype(), kBFloat16);
  EXPECT_EQ(quantized(randn({8})).shape(), Shape({3}));
  Linear wrong(4, 2);
  wrong.weight = wrong.weight * INFINITY;
  EXPECT_ERROR_HERE(QuantizedLinear{wrong},
                    "QuantizedLinear: the weight f32[2,4] holds a NaN or an infinity");
  EXPECT_ERROR_HERE(quantized(randn({2, 7})),
                    "QuantizedLinear: x is f32[2,7]; need f16, bf16 or f32 of [..., 8]");
}

// A trained classifier answers the same.
struct Net {
  Linear fc1{16, 64}, fc2{64, 4};
  Tensor operator()(const Tensor& x) const { return fc2(relu(fc1(x))); }
};
struct Int8Net {
  QuantizedLinear fc1, fc2;
  Tensor operator()(const Tensor& x) const { return fc2(relu(fc1(x))); }
};

TEST(QuantizedLinear, KeepsAClassifiersAnswers) {
  manual_seed(6);
  Net net;
  const Tensor x = randn({256, 16}), y = argmax(x.narrow(1, 0, 4), 1);
  Adam opt({.lr = 1e-2});
  for (int i = 0; i < 60; ++i) {
    auto [loss, g] =
        grad([](Net& n, const Tensor& x, const Tensor& y) { return cross_entropy_loss(n(x), y); },
             net, x, y);
    update(opt, net, std::move(g));
  }
  const Int8Net small{QuantizedLinear(net.fc1), QuantizedLinear(net.fc2)};
  const Tensor same = argmax(small(x), 1) == argmax(net(x), 1);
  EXPECT_GE(same.to(kFloat32).mean().item<double>(), 0.98);
}

using QuantizedOnOpenCl = testing::OnOpenCl;
TEST_F(QuantizedOnOpenCl, GivesTheSame) {
  manual_seed(7);
  const QuantizedLinear here(Linear(24, 8));
  const auto there = to(opencl(0), here);
  const Tensor x = randn({6, 24});
  const auto want = floats(here(x)), got = floats(there(x.to(opencl(0))));
  for (std::size_t k = 0; k < want.size(); ++k) EXPECT_NEAR(got[k], want[k], 1e-5);
}

}  // namespace
}  // namespace lilith
