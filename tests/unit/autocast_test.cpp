#include "lilith/autocast.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "lilith/lilith.h"
#include "support/expect_error.h"
#include "support/on_opencl.h"

namespace lilith {
namespace {

using testing::floats;

struct Mlp {
  Linear fc1{8, 32}, fc2{32, 4};
  Tensor operator()(const Tensor& x) const { return fc2(relu(fc1(x))); }
};
Tensor loss_of(const Mlp& m, const Tensor& x, const Tensor& y) {
  return cross_entropy_loss(m(x), y);
}

TEST(Autocast, ChoosesDtypesByFunction) {
  const Tensor x = randn({4, 8}), w = randn({3, 8}), b = randn({3}), k = randn({2, 3, 3, 3}),
               image = randn({1, 3, 8, 8});
  EXPECT_FALSE(is_autocast_enabled());
  const Autocast scope(kBFloat16);
  EXPECT_EQ(autocast_dtype(), kBFloat16);
  EXPECT_EQ(matmul(x, w.t()).dtype(), kBFloat16);
  EXPECT_EQ(linear(x, w, b).dtype(), kBFloat16);
  EXPECT_EQ(linear(x.to(kFloat16), w, b).dtype(), kBFloat16);
  EXPECT_EQ(conv2d(image, k).dtype(), kBFloat16);
  EXPECT_EQ(addmm(b, x, w.t()).dtype(), kBFloat16);
  EXPECT_EQ(relu(linear(x, w)).dtype(), kBFloat16);
  EXPECT_EQ(softmax(linear(x, w), -1).dtype(), kFloat32);
  EXPECT_EQ(layer_norm(linear(x, w), {3}).dtype(), kFloat32);
  EXPECT_EQ(exp(linear(x, w)).dtype(), kFloat32);
  EXPECT_EQ(linear(x, w).sum().dtype(), kFloat32);
  EXPECT_EQ(linear(x, w).sum(0, false, kBFloat16).dtype(), kBFloat16);
  EXPECT_EQ(mse_loss(linear(x, w), zeros({4, 3})).dtype(), kFloat32);
  EXPECT_EQ((linear(x, w) + zeros({4, 3})).dtype(), kFloat32);
  EXPECT_EQ(cat({linear(x, w), zeros({4, 3})}).dtype(), kFloat32);
  EXPECT_EQ(dot(b, b.to(kBFloat16)).dtype(), kFloat32);
  const Tensor wide = x.to(kFloat64);
  EXPECT_EQ(matmul(wide, w.t().to(kFloat64)).dtype(), kFloat64);
}

TEST(Autocast, LeavesTheInsideOfCompositesAlone) {
  const Tensor x = rand({4, 4});
  const Autocast scope(kBFloat16);
  EXPECT_EQ(linalg::matrix_power(x, 2).dtype(), kFloat32);
  EXPECT_EQ(cov(x).dtype(), kFloat32);
  EXPECT_EQ(
      interpolate(x.reshape({1, 1, 4, 4}), {.size = {2, 2}, .mode = "bilinear", .antialias = true})
          .dtype(),
      kFloat32);
}

TEST(Autocast, Nests) {
  const Tensor x = randn({2, 2});
  {
    const Autocast outer(kFloat16);
    EXPECT_EQ(matmul(x, x).dtype(), kFloat16);
    {
      const Autocast off(kFloat16, false);
      EXPECT_EQ(matmul(x, x).dtype(), kFloat32);
      const Autocast inner;
      EXPECT_EQ(matmul(x, x).dtype(), kBFloat16);
    }
    const Autocast same(std::nullopt);
    EXPECT_EQ(matmul(x, x).dtype(), kFloat16);
    std::thread([&] { EXPECT_EQ(matmul(x, x).dtype(), kFloat32); }).join();
  }
  EXPECT_EQ(autocast(kBFloat16, [&] { return matmul(x, x).dtype(); }), kBFloat16);
  EXPECT_EQ(matmul(x, x).dtype(), kFloat32);
}

TEST(Autocast, RefusesOtherDtypes) {
  EXPECT_ERROR_HERE(Autocast(kInt32), "autocast: got i32; need bf16 or f16");
  EXPECT_ERROR_HERE(Autocast(kFloat64), "autocast: got f64; need bf16 or f16");
  EXPECT_ERROR_HERE(Autocast(kFloat32, false), "autocast: got f32; need bf16 or f16");
  EXPECT_ERROR_HERE(autocast(kBool, [] { return 1; }), "autocast: got bool; need bf16 or f16");
  EXPECT_FALSE(is_autocast_enabled());
  const Tensor x = randn({2, 2});
  const Autocast scope(kBFloat16);
  EXPECT_ERROR_HERE(matmul(x, x.to(kFloat64)),
                    "matmul: dtypes differ: a bf16[2,2], b f64[2,2]; need equal dtypes");
}

// The weights' gradients are f32; each is within the bounds of bf16 of those in f32.
TEST(Autocast, GradientsOfWeightsAreF32) {
  manual_seed(3);
  const Mlp m;
  const Tensor x = randn({64, 8}), y = randint(0, 4, {64});
  const auto exact = grad(loss_of, m, x, y);
  const Autocast scope(kBFloat16);
  const auto [loss, g] = grad(loss_of, m, x, y);
  EXPECT_EQ(loss.dtype(), kFloat32);
  EXPECT_NEAR(loss.item<double>(), exact.first.item<double>(), 0x1p-7);
  for (const auto& [got, want] : {std::pair(g.fc1.weight, exact.second.fc1.weight),
                                  std::pair(g.fc1.bias, exact.second.fc1.bias),
                                  std::pair(g.fc2.weight, exact.second.fc2.weight)}) {
    EXPECT_EQ(got.dtype(), kFloat32);
    EXPECT_LT(norm(got - want).item<double>(), 0x1p-5 * norm(want).item<double>());
  }
}

// Rules of gradients, of vmap and of optimisers see no autocast around them.
TEST(Autocast, LeavesRulesAlone) {
  const Autocast scope(kBFloat16);
  const Tensor x = rand({4}) * 0.5;
  const auto of_half = [](const Tensor& t) {
    return sum(asin(t.to(kBFloat16)) * log(t.to(kBFloat16) + 1));
  };
  EXPECT_EQ(grad(of_half, x).second.dtype(), kFloat32);
  EXPECT_EQ(vmap([](const Tensor& t) { return matmul(t, t); })(randn({3, 2, 2})).dtype(),
            kBFloat16);
  Mlp m;
  Adam opt({.lr = 1e-2});
  auto [loss, g] = grad(loss_of, m, randn({8, 8}), randint(0, 4, {8}));
  update(opt, m, std::move(g));
  EXPECT_EQ(m.fc1.weight.dtype(), kFloat32);
  EXPECT_TRUE(std::isfinite(loss.item<double>()));
}

TEST(Autocast, IsInACompiledFunctionsSignature) {
  auto f = compile([](const Tensor& x) { return matmul(x, x); });
  const Tensor x = randn({4, 4});
  EXPECT_EQ(f(x).dtype(), kFloat32);
  {
    const Autocast scope(kBFloat16);
    const Tensor y = f(x);
    EXPECT_EQ(y.dtype(), kBFloat16);
    EXPECT_EQ(floats(y.to(kFloat32)), floats(matmul(x, x).to(kFloat32)));
  }
  EXPECT_EQ(f(x).dtype(), kFloat32);
  auto inside = compile([](const Tensor& x) {
    const Autocast scope(kFloat16);
    return matmul(x, x);
  });
  EXPECT_EQ(inside(x).dtype(), kFloat16);
}

TEST(Autocast, RunsLayers) {
  const Autocast scope(kBFloat16);
  const Tensor x = randn({3, 5, 8});
  auto [out, state] = LSTM(8, 6, {.num_layers = 2})(x);
  EXPECT_EQ(out.dtype(), kBFloat16);
  EXPECT_EQ(state.c.dtype(), kBFloat16);
  EXPECT_EQ(GRU(8, 6)(x, randn({1, 5, 6})).output.dtype(), kBFloat16);
  EXPECT_EQ(LSTMCell(8, 6)(x[0]).h.dtype(), kBFloat16);
  EXPECT_EQ(MultiheadAttention(8, 2)(x, x, x).output.dtype(), kBFloat16);
  EXPECT_EQ(MultiheadAttention(8, 2, {.add_bias_kv = true, .add_zero_attn = true})(x, x, x)
                .output.dtype(),
            kBFloat16);
  EXPECT_EQ(TransformerEncoderLayer(8, 2, 16)(x).dtype(), kFloat32);  // it ends in a layer norm
  BatchNorm2d norm(4);
  const Tensor image = Conv2d(3, 4, 3)(randn({2, 3, 6, 6}));
  const Tensor normed = norm(image);
  EXPECT_EQ(normed.dtype(), kBFloat16);
  EXPECT_EQ(norm.running_mean.dtype(), kFloat32);
  eval(out, normed, norm.running_mean);
}

// A stack of convolutions, and a transformer's block: trained under autocast as well as without.
struct ConvNet {
  Conv2d conv{1, 8, 3};
  BatchNorm2d norm{8};
  Linear head{8 * 9, 2};
  Tensor operator()(const Tensor& x) {
    return head(flatten(max_pool2d(relu(norm(conv(x))), 2), 1));
  }
};
struct Block {
  LayerNorm ln{16};
  Linear qkv{16, 48}, out{16, 16}, head{16, 4};
  Tensor operator()(const Tensor& x) {
    const auto parts = chunk(qkv(ln(x)), 3, -1);
    const Tensor y = scaled_dot_product_attention(parts[0], parts[1], parts[2], {}, 0, true);
    return head(mean(x + out(y), 1));
  }
};

template <class Net>
double trained(std::optional<DType> dtype, const Tensor& x, const Tensor& y) {
  manual_seed(1);
  Net net;
  Adam opt({.lr = 1e-2});
  auto step = compile([dtype](Net& m, Adam& o, const Tensor& x, const Tensor& y) {
    const Autocast scope(dtype);
    auto [loss, g] =
        grad([](Net& n, const Tensor& x, const Tensor& y) { return cross_entropy_loss(n(x), y); },
             m, x, y);
    update(o, m, std::move(g));
    return loss;
  });
  Tensor loss;
  for (int i = 0; i < 40; ++i) loss = step(net, opt, x, y);
  return loss.item<double>();
}

TEST(Autocast, TrainsAsWell) {
  manual_seed(2);
  const Tensor images = randn({32, 1, 8, 8}), sides = (images.sum({1, 2, 3}) > 0).to(kInt64);
  const double conv = trained<ConvNet>(std::nullopt, images, sides);
  EXPECT_LT(conv, 0.2);
  EXPECT_NEAR(trained<ConvNet>(kBFloat16, images, sides), conv, 0.05);
  EXPECT_NEAR(trained<ConvNet>(kFloat16, images, sides), conv, 0.02);
  const Tensor text = randn({32, 6, 16}), first = argmax(text.sum(1).narrow(1, 0, 4), 1);
  const double block = trained<Block>(std::nullopt, text, first);
  EXPECT_LT(block, 0.5);
  EXPECT_NEAR(trained<Block>(kBFloat16, text, first), block, 0.1);
}

TEST(Autocast, IsAnOptionOfFit) {
  manual_seed(5);
  const Tensor x = randn({64, 8}), y = argmax(x.narrow(1, 0, 4), 1);
  std::vector<DType> seen;
  const auto run = [&](std::optional<DType> dtype) {
    manual_seed(6);
    Mlp m;
    const auto loss = [&seen](const Tensor& out, const Tensor& target) {
      seen.push_back(out.dtype());
      return cross_entropy_loss(out, target);
    };
    const History h = fit(m, TensorDataset(x, y), loss,
                          {.epochs = 10,
                           .optimizer = Adam({.lr = 1e-2}),
                           .autocast = dtype,
                           .progress = ShowProgress::Off,
                           .interrupt_checkpoint = ""});
    EXPECT_EQ(m.fc1.weight.dtype(), kFloat32);
    return h.rows.back().loss;
  };
  const double exact = run(std::nullopt);
  EXPECT_EQ(seen.back(), kFloat32);
  EXPECT_NEAR(run(kBFloat16), exact, 0.02);
  EXPECT_EQ(seen.back(), kBFloat16);
}

using AutocastOnOpenCl = testing::OnOpenCl;

TEST_F(AutocastOnOpenCl, GivesTheSame) {
  manual_seed(3);
  Mlp m;
  const Tensor x = randn({16, 8}), y = randint(0, 4, {16});
  const Autocast scope(kBFloat16);
  const auto here = grad(loss_of, m, x, y);
  const auto there = grad(loss_of, to(opencl(0), m), x.to(opencl(0)), y.to(opencl(0)));
  EXPECT_NEAR(there.first.item<double>(), here.first.item<double>(), 1e-2);
  EXPECT_LT(norm(there.second.fc1.weight.to(cpu()) - here.second.fc1.weight).item<double>(),
            0x1p-5 * norm(here.second.fc1.weight).item<double>());
}

}  // namespace
}  // namespace lilith
