#include <functional>

#include "lilith/lilith.h"
#include "support/expect_error.h"

// What is scored and what it is scored by have one shape: [N, 1] against [N] would score all pairs.
namespace lilith {
namespace {

using Loss = std::function<Tensor(const Tensor&, const Tensor&)>;

Tensor of(const Shape& shape, DType dtype = DType::F32) { return ones(shape, {.dtype = dtype}); }

std::vector<std::pair<std::string, Loss>> losses() {
  return {
      {"mse_loss", [](Tensor a, Tensor b) { return mse_loss(a, b); }},
      {"mse_loss", [](Tensor a, Tensor b) { return MSELoss{}(a, b); }},
      {"l1_loss", [](Tensor a, Tensor b) { return l1_loss(a, b); }},
      {"l1_loss", [](Tensor a, Tensor b) { return L1Loss{}(a, b); }},
      {"smooth_l1_loss", [](Tensor a, Tensor b) { return smooth_l1_loss(a, b); }},
      {"smooth_l1_loss",
       [](Tensor a, Tensor b) { return smooth_l1_loss(a, b, Reduction::Mean, 0); }},
      {"smooth_l1_loss", [](Tensor a, Tensor b) { return SmoothL1Loss{}(a, b); }},
      {"huber_loss", [](Tensor a, Tensor b) { return huber_loss(a, b); }},
      {"huber_loss", [](Tensor a, Tensor b) { return HuberLoss{}(a, b); }},
      {"binary_cross_entropy", [](Tensor a, Tensor b) { return binary_cross_entropy(a, b); }},
      {"binary_cross_entropy", [](Tensor a, Tensor b) { return BCELoss{}(a, b); }},
      {"binary_cross_entropy_with_logits",
       [](Tensor a, Tensor b) { return binary_cross_entropy_with_logits(a, b); }},
      {"binary_cross_entropy_with_logits",
       [](Tensor a, Tensor b) { return BCEWithLogitsLoss{}(a, b); }},
      {"kl_div", [](Tensor a, Tensor b) { return kl_div(a, b); }},
      {"kl_div", [](Tensor a, Tensor b) { return KLDivLoss{}(a, b); }},
      {"poisson_nll_loss", [](Tensor a, Tensor b) { return poisson_nll_loss(a, b); }},
      {"poisson_nll_loss", [](Tensor a, Tensor b) { return PoissonNLLLoss{}(a, b); }},
      {"gaussian_nll_loss", [](Tensor a, Tensor b) { return gaussian_nll_loss(a, b, a); }},
      {"gaussian_nll_loss", [](Tensor a, Tensor b) { return GaussianNLLLoss{}(a, b, a); }},
      {"soft_margin_loss", [](Tensor a, Tensor b) { return soft_margin_loss(a, b); }},
      {"soft_margin_loss", [](Tensor a, Tensor b) { return SoftMarginLoss{}(a, b); }},
      {"hinge_embedding_loss", [](Tensor a, Tensor b) { return hinge_embedding_loss(a, b); }},
      {"hinge_embedding_loss", [](Tensor a, Tensor b) { return HingeEmbeddingLoss{}(a, b); }},
      {"multilabel_soft_margin_loss",
       [](Tensor a, Tensor b) { return multilabel_soft_margin_loss(a, b); }},
      {"multilabel_soft_margin_loss",
       [](Tensor a, Tensor b) { return MultiLabelSoftMarginLoss{}(a, b); }},
  };
}

TEST(LossErrors, OneShapeOrTheCure) {
  for (const auto& [name, loss] : losses()) {
    EXPECT_EQ(loss(of({4, 1}), of({4, 1})).numel(), 1) << name;
    const auto says = [&, f = loss, n = name](const Shape& a, const Shape& b,
                                              const std::string& cure) {
      const std::string text = testing::error_text([&] { f(of(a), of(b)); });
      const std::string want = n + ": input is " + of(a).aval().str() + ", target is " +
                               of(b).aval().str() + "; need one shape" + cure + " (";
      EXPECT_EQ(text.substr(0, want.size()), want);
    };
    says({4, 1}, {4}, ": input.squeeze(1) or target.unsqueeze(1)");
    says({4}, {4, 1}, ": input.unsqueeze(1) or target.squeeze(1)");
    says({4, 1, 3}, {4, 3}, ": input.squeeze(1) or target.unsqueeze(1)");
    says({4, 1}, {4, 3}, " (where it is meant to repeat: input.expand(target.shape()))");
    says({4}, {3}, "");
    if (name == std::string("gaussian_nll_loss")) continue;  // its target may repeat
    says({1, 4}, {4}, ": input.squeeze(0) or target.unsqueeze(0)");
    says({1}, {}, ": input.squeeze(0) or target.unsqueeze(0)");
    says({4, 3}, {3}, " (where it is meant to repeat: target.expand(input.shape()))");
  }
}

TEST(LossErrors, InFitWithTheUsersLine) {
  struct Net {
    Linear fc{3, 1};
    Tensor operator()(Tensor x) const { return fc(x); }
  } net;
  EXPECT_ERROR_HERE(fit(net, TensorDataset(of({32, 3}), of({32})), MSELoss{}, {.epochs = 1}),
                    "mse_loss: input is f32[32,1], target is f32[32]; need one shape: "
                    "input.squeeze(1) or target.unsqueeze(1)");
  EXPECT_ERROR_HERE(Metric::mae().f(of({4, 1}), of({4})),
                    "mae: output is f32[4,1], target is f32[4]; need one shape: output.squeeze(1) "
                    "or target.unsqueeze(1)");
}

TEST(LossErrors, Weights) {
  EXPECT_ERROR_HERE(binary_cross_entropy(of({4, 1}), of({4, 1}), of({4})),
                    "binary_cross_entropy: weight is f32[4]; need a shape that broadcasts to "
                    "[4,1]: weight.unsqueeze(1)");
  EXPECT_ERROR_HERE(
      binary_cross_entropy_with_logits(of({4, 1}), of({4, 1}), {.pos_weight = of({4})}),
      "binary_cross_entropy_with_logits: pos_weight is f32[4]; need a shape that broadcasts to "
      "[4,1]: pos_weight.unsqueeze(1)");
  EXPECT_ERROR_HERE(binary_cross_entropy_with_logits(of({4}), of({4}), {.weight = of({2, 4})}),
                    "binary_cross_entropy_with_logits: weight is f32[2,4]; need a shape that "
                    "broadcasts to [4]");
  EXPECT_ERROR_HERE(multilabel_soft_margin_loss(of({4, 3}), of({4, 3}), of({4})),
                    "multilabel_soft_margin_loss: weight is f32[4]; need a shape that broadcasts "
                    "to [4,3]");
  EXPECT_ERROR_HERE(gaussian_nll_loss(of({4, 3}), of({4, 3}), of({3})),
                    "gaussian_nll_loss: var is f32[3], input is f32[4,3]; need the input's shape, "
                    "with sizes of 1, without the last dimension, or a number");
}

TEST(LossErrors, Margins) {
  EXPECT_ERROR_HERE(margin_ranking_loss(of({4, 1}), of({4}), of({4})),
                    "margin_ranking_loss: a is f32[4,1], b is f32[4]; need as many dimensions: "
                    "a.squeeze(1) or b.unsqueeze(1)");
  EXPECT_ERROR_HERE(
      margin_ranking_loss(of({4, 1}), of({4, 1}), of({4})),
      "margin_ranking_loss: difference is f32[4,1], target is f32[4]; need one shape: "
      "difference.squeeze(1) or target.unsqueeze(1)");
  EXPECT_ERROR_HERE(cosine_embedding_loss(of({4, 3}), of({4, 3}), of({4, 1})),
                    "cosine_embedding_loss: a is f32[4,3], b is f32[4,3], target is f32[4,1]; need "
                    "[N, D], [N, D] and [N], or [D], [D] and []");
  EXPECT_ERROR_HERE(cosine_embedding_loss(of({4, 3}), of({4, 3}), of({1})),
                    "cosine_embedding_loss: cosine is f32[4], target is f32[1]; need one shape "
                    "(where it is meant to repeat: target.expand(cosine.shape()))");
  EXPECT_ERROR_HERE(triplet_margin_loss(of({4, 3}), of({4, 3}), of({3})),
                    "triplet_margin_loss: anchor is f32[4,3], positive f32[4,3], negative f32[3]; "
                    "need as many dimensions each");
  EXPECT_ERROR_HERE(multi_margin_loss(of({4, 3}), of({4, 1}, DType::I64)),
                    "multi_margin_loss: input f32[4,3], target i64[4,1]; need [N, C] and integers "
                    "[N]: target.squeeze(1)");
}

TEST(LossErrors, Classes) {
  EXPECT_ERROR_HERE(cross_entropy_loss(of({4, 3}), of({4, 1}, DType::I64)),
                    "cross_entropy_loss: target is i64[4,1]; input f32[4,3] needs integers of "
                    "shape [4]: target.squeeze(1)");
  EXPECT_ERROR_HERE(cross_entropy_loss(of({4, 3}), of({4, 3}, DType::I64)),
                    "cross_entropy_loss: target is i64[4,3]; input f32[4,3] needs integers of "
                    "shape [4]: target.argmax(1) of one-hot rows");
  EXPECT_ERROR_HERE(cross_entropy_loss(of({4, 3}), of({4})),
                    "cross_entropy_loss: probabilities f32[4] for input f32[4,3]; need the same "
                    "shape (class numbers are integers: target.to(kInt64))");
  EXPECT_ERROR_HERE(nll_loss(of({4, 3, 2}), of({4, 1, 2}, DType::I64)),
                    "nll_loss: target is i64[4,1,2]; input f32[4,3,2] needs integers of shape "
                    "[4,2]: target.squeeze(1)");
  EXPECT_ERROR_HERE(Metric::accuracy().f(of({4, 3}), of({4, 1}, DType::I64)),
                    "accuracy: output is f32[4,3], target is i64[4,1]; need scores [N, C] and "
                    "integer classes [N]: target.squeeze(1)");
  EXPECT_ERROR_HERE(Metric::accuracy().f(of({4, 1}), of({4}, DType::I64)),
                    "accuracy: output is f32[4,1]: one class is always right; need a score for "
                    "each, of one probability p: cat({1 - p, p}, 1)");
  EXPECT_ERROR_HERE(accuracy(of({4, 3}), of({4, 1}, DType::I64)),
                    "accuracy: target is i64[4,1]; need integer classes [N]: target.squeeze(1)");
  EXPECT_ERROR_HERE(f1_score(of({4, 3}), of({4})),
                    "f1_score: target is f32[4]; need integer classes [N]");
  EXPECT_ERROR_HERE(recall(of({4, 1}), zeros({4}, {.dtype = kInt64})),
                    "recall: output is f32[4,1]: one class is always right; need a score for each, "
                    "of one probability p: cat({1 - p, p}, 1)");
  EXPECT_ERROR_HERE(r2_score(of({4, 1}), of({4})),
                    "r2_score: output is f32[4,1], target is f32[4]; need floating tensors of one "
                    "shape: output.squeeze(1) or target.unsqueeze(1)");
}

TEST(LossErrors, Masks) {
  const MultiheadAttention mha{8, 2, {.batch_first = true}};
  const Tensor x = of({3, 4, 8});
  EXPECT_ERROR_HERE(mha(x, x, x, {.key_padding_mask = of({4, 3}, DType::Bool)}),
                    "MultiheadAttention: key_padding_mask is bool[4,3]; need bool (true is left "
                    "out) or floating (added) of shape [3,4]");
  EXPECT_ERROR_HERE(mha(x, x, x, {.attn_mask = of({4, 4}, DType::I64)}),
                    "MultiheadAttention: attn_mask is i64[4,4]; need bool (true is left out) or "
                    "floating (added) of shape [4,4]");
  EXPECT_ERROR_HERE(mha(x, x, x, {.attn_mask = of({3, 4, 4}, DType::Bool)}),
                    "MultiheadAttention: attn_mask is bool[3,4,4]; need bool (true is left out) or "
                    "floating (added) of shape [6,4,4]");
  EXPECT_ERROR_HERE(scaled_dot_product_attention(x, x, x, of({4, 4}, DType::U8)),
                    "scaled_dot_product_attention: attn_mask is u8[4,4]; need bool (true takes "
                    "part) or floating (added)");
}

TEST(LossErrors, OneValueToNormalise) {
  BatchNorm1d bn{4};
  EXPECT_ERROR_HERE(
      bn(of({1, 4})),
      "batch_norm_train: f32[1,4] has one value per channel; in training the variance "
      "needs at least 2 (more rows in the batch, or test_mode)");
  EXPECT_ERROR_HERE(
      bn(of({0, 4})),
      "batch_norm_train: f32[0,4] has no value per channel; in training the variance needs "
      "at least 2 (more rows in the batch, or test_mode)");
  EXPECT_EQ(bn.num_batches_tracked.item<std::int64_t>(), 0);
  EXPECT_EQ(bn.running_mean.to_vector<float>(), std::vector<float>(4, 0.f));
  EXPECT_EQ(bn.running_var.to_vector<float>(), std::vector<float>(4, 1.f));
  InstanceNorm1d in{4, {.track_running_stats = true}};
  EXPECT_ERROR_HERE(in(of({2, 4, 1})),
                    "instance_norm: f32[2,4,1] has one value per instance and channel; the "
                    "variance needs at least 2");
  EXPECT_ERROR_HERE(in(of({0, 4, 3})),
                    "InstanceNorm1d: x is f32[0,4,3]; in training need at least one row.");
  EXPECT_EQ(in.num_batches_tracked.item<std::int64_t>(), 0);
  EXPECT_EQ(in.running_var.to_vector<float>(), std::vector<float>(4, 1.f));
  EXPECT_ERROR_HERE((GroupNorm{4, 4}(of({1, 4}))),
                    "group_norm: f32[1,4] in 4 groups has one value per group; the variance needs "
                    "at least 2");
}

TEST(LossErrors, StatesOfCells) {
  const GRUCell cell{3, 5};
  EXPECT_ERROR_HERE(cell(of({4, 3}), of({1, 5})),
                    "GRUCell: the state is f32[1,5]; need [4,5] for x f32[4,3].");
  const LSTMCell lstm{3, 5};
  EXPECT_ERROR_HERE(lstm(of({4, 3}), {of({4, 5}), of({5})}),
                    "LSTMCell: the state is f32[5]; need [4,5] for x f32[4,3].");
}

}  // namespace
}  // namespace lilith
