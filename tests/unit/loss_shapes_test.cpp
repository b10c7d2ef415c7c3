#include <gtest/gtest.h>

#include <cmath>

#include "lilith/lilith.h"

// What may broadcast against a loss's values: weights and variances, as in PyTorch.
namespace lilith {
namespace {

TEST(LossShapes, WeightsRepeat) {
  const Tensor p = tensor({{0.25f, 0.5f}, {0.75f, 0.5f}}), t = tensor({{0.f, 1.f}, {1.f, 0.f}});
  const float a = -std::log(0.75f), b = -std::log(0.5f);
  const auto near = [](const Tensor& got, float want) {
    EXPECT_NEAR(got.item<float>(), want, 1e-6f * std::fabs(want) + 1e-7f);
  };
  near(binary_cross_entropy(p, t), (2 * a + 2 * b) / 4);
  near(binary_cross_entropy(p, t, tensor({1.f, 3.f})), (2 * a + 6 * b) / 4);
  near(binary_cross_entropy(p, t, tensor({{1.f}, {3.f}})), (4 * a + 4 * b) / 4);
  near(binary_cross_entropy(p, t, tensor(2.f)), (2 * a + 2 * b) / 2);
  const Tensor z = logit(p);
  near(binary_cross_entropy_with_logits(z, t), (2 * a + 2 * b) / 4);
  near(binary_cross_entropy_with_logits(z, t, {.pos_weight = tensor({3.f, 5.f})}),
       (a + 3 * a + 5 * b + b) / 4);
  near(binary_cross_entropy_with_logits(z.reshape({4}), t.reshape({4}),
                                        {.pos_weight = tensor({3.f})}),
       (a + 3 * a + 3 * b + b) / 4);
}

TEST(LossShapes, VariancesRepeat) {
  const Tensor x = zeros({2, 3}), y = ones({2, 3});
  const double want = 0.5 * (std::log(2.0) + 0.5);
  for (const Tensor& var :
       {full({2, 3}, 2.0), full({2, 1}, 2.0), full({1, 3}, 2.0), full({2}, 2.0), full({}, 2.0)}) {
    EXPECT_NEAR(gaussian_nll_loss(x, y, var).item<double>(), want, 1e-6) << var.aval().str();
    EXPECT_EQ(gaussian_nll_loss(x, y, var, {.reduction = Reduction::None}).shape(), Shape({2, 3}));
  }
}

TEST(LossShapes, PairsOfPredictionsRepeat) {
  const Tensor rows = tensor({{1.f, 0.f}, {0.f, 1.f}}), one = tensor({{1.f, 0.f}});
  EXPECT_NEAR(cosine_embedding_loss(rows, one, tensor({1.f, 1.f})).item<float>(), 0.5f, 1e-6f);
  EXPECT_NEAR(triplet_margin_loss(rows, one, one, {.reduction = Reduction::Sum}).item<float>(), 2.f,
              1e-5f);
  EXPECT_NEAR(
      margin_ranking_loss(tensor({{1.f}, {2.f}}), tensor({{0.f, 3.f}}), ones({2, 2})).item<float>(),
      (0 + 2 + 0 + 1) / 4.f, 1e-6f);
}

TEST(MaskedRows, AreZeroInAttention) {
  const MultiheadAttention mha{4, 2, {.batch_first = true}};
  const Tensor x = randn({2, 3, 4}), pad = tensor({{false, false, true}, {true, true, true}});
  const auto count_nan = [](const Tensor& t) {
    return isnan(t).to(kInt64).sum().item<std::int64_t>();
  };
  for (bool weights : {false, true}) {
    for (const Tensor& mask : {pad, where(pad, -INFINITY, 0.0)}) {
      const AttentionOptions options{.key_padding_mask = mask, .need_weights = weights};
      const AttentionResult r = mha(x, x, x, options);
      // Nothing is attended to: what is left is the bias of the projection.
      const Tensor rest = abs(r.output[1] - mha.out_proj.bias).max();
      EXPECT_EQ(rest.item<float>(), 0.f);
      if (weights) {
        EXPECT_EQ(r.weights[1].abs().max().item<float>(), 0.f);
      }
      const auto [l, g] = grad([&](const MultiheadAttention& m,
                                   Tensor in) { return m(in, in, in, options).output.sum(); },
                               mha, x);
      EXPECT_EQ(count_nan(g.in_proj_weight) + count_nan(g.out_proj.weight), 0);
    }
  }
  const Tensor none = tensor({{true, true, true}, {true, true, true}, {false, true, true}});
  const AttentionResult rows = mha(x, x, x, {.attn_mask = none});
  EXPECT_EQ(abs(rows.output.slice(1, 0, 2) - mha.out_proj.bias).max().item<float>(), 0.f);
  EXPECT_EQ(count_nan(rows.output), 0);
  // softmax itself has no value there, as in PyTorch.
  EXPECT_EQ(count_nan(softmax(full({2}, -INFINITY), 0)), 2);
}

TEST(MaskedRows, AreFiniteInTransformerLayers) {
  manual_seed(3);
  TransformerEncoderLayer layer{4, 2, {.dim_feedforward = 8, .dropout = 0, .batch_first = true}};
  const Tensor x = randn({2, 3, 4});
  const Tensor pad = tensor({{false, true, true}, {true, true, true}});
  const auto [l, g] = grad([&](const TransformerEncoderLayer& m,
                               Tensor in) { return m(in, {.src_key_padding_mask = pad}).sum(); },
                           layer, x);
  EXPECT_TRUE(std::isfinite(l.item<float>()));
  EXPECT_TRUE(isfinite(g.self_attn.in_proj_weight).to(kInt64).sum().item<std::int64_t>() ==
              g.self_attn.in_proj_weight.numel());
}

}  // namespace
}  // namespace lilith
