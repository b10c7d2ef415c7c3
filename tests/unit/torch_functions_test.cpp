// Functions of PyTorch beside its results: polar, ranks with a tolerance for each matrix, bytes as
// another dtype, what attention, pooling and cross entropy are made of.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "lilith/lilith.h"
#include "support/expect_error.h"
#include "support/values.h"

namespace lilith {
namespace {

using testing::doubles, testing::expect_near, testing::f64, testing::longs;
using testing::Doubles, testing::Longs;

/// arange(n) % m / d + c.
Tensor pattern(std::int64_t n, std::int64_t m, double d, double c, const Shape& shape) {
  return (arange(n) % m).to(kFloat64).reshape(shape) / d + c;
}

TEST(TorchFunctions, Polar) {
  const Tensor a = f64({3, 1, 0, 2, 1, 1}, {3, 2});
  const auto [U, H] = linalg::polar(a);
  expect_near(U, {0.9446800704401755, 0.12911418823682624, -0.22293500229187885, 0.9270333833492884,
                  0.24058168938276547, 0.35204919052870487});
  expect_near(H, {3.0746219007032907, 0.739391755239183, 0.739391755239183, 2.3352301454641076});
  const Tensor weights = f64({0, 1, 2, 3, 4, 5}, {3, 2}), of_h = f64({1, 2, 5, 3}, {2, 2});
  const auto both = [&](Tensor x) {
    const auto [U, H] = linalg::polar(x);
    return (U * weights).sum() + (H * of_h).sum();
  };
  expect_near(grad(both, a).second,
              {1.1335111436, 3.7302331068, 2.4218593366, 1.5445575260, 1.9499066243, 3.0862664099});
  // Singular values that are equal have a gradient.
  const auto rotation = [&](Tensor x) { return (linalg::polar(x).U * of_h).sum(); };
  expect_near(grad(rotation, f64({2, 0, 0, 2}, {2, 2})).second, {0, -0.75, 0.75, 0});
  const auto none = linalg::polar(zeros({2, 3, 0}));
  EXPECT_EQ(none.U.shape(), (Shape{2, 3, 0}));
  EXPECT_EQ(none.H.shape(), (Shape{2, 0, 0}));
  EXPECT_ERROR_HERE(linalg::polar(zeros({2, 3})),
                    "polar: got f32[2,3]; need no more columns than rows");
}

TEST(TorchFunctions, RanksWithATolerancePerMatrix) {
  const Tensor m = diag_embed(f64({5, 1, 0.1, 5, 0.2, 0.1}, {2, 3}));
  EXPECT_EQ(longs(linalg::matrix_rank(m, f64({0.5, 0.15}, {2}))), (Longs{2, 2}));
  EXPECT_EQ(longs(linalg::matrix_rank(m, Tensor(), f64({0.15, 0.03}, {2}))), (Longs{2, 2}));
  const Tensor wide = linalg::matrix_rank(m, f64({0, 2}, {2, 1}));
  EXPECT_EQ(wide.shape(), (Shape{2, 2}));
  EXPECT_EQ(longs(wide), (Longs{3, 3, 1, 1}));
  EXPECT_EQ(longs(linalg::matrix_rank(m, f64({0.15}, {}), f64({0.1, 0}, {2}), true)),
            (Longs{2, 2}));
  EXPECT_THROW(linalg::matrix_rank(m, f64({0, 1, 2}, {3})), Error);
  EXPECT_EQ(longs(linalg::matrix_rank(m, {}, {}, true)), (Longs{3, 3}));
}

TEST(TorchFunctions, BytesAsAnotherDtype) {
  const Tensor x = tensor({1.f, 2.f, 3.f, 4.f});
  EXPECT_EQ(longs(x.view(kInt32)), (Longs{1065353216, 1073741824, 1077936128, 1082130432}));
  EXPECT_EQ(longs(x.view(kInt64)), (Longs{4611686019492741120, 4647714816524288000}));
  EXPECT_EQ(longs(x.view(kUInt8)),
            (Longs{0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 64}));
  EXPECT_EQ(longs(x.view(kBool)), (Longs{0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1}));
  EXPECT_EQ(doubles(x.view(kFloat16)), (Doubles{0, 1.875, 0, 2, 0, 2.125, 0, 2.25}));
  EXPECT_EQ(doubles(x.view(kFloat64).view(kFloat32)), (Doubles{1, 2, 3, 4}));
  EXPECT_EQ(doubles(x.view(kFloat32)), (Doubles{1, 2, 3, 4}));
  // What lies behind one another is what the elements are, whatever they were computed from.
  const Tensor m = x.reshape({2, 2}).t();
  EXPECT_EQ(m.view(kInt64).shape(), (Shape{2, 1}));
  EXPECT_EQ(doubles(m.view(kInt64).view(kFloat32)), (Doubles{1, 3, 2, 4}));
  EXPECT_EQ(doubles((x * 2).view(kInt32).view(kFloat32)), (Doubles{2, 4, 6, 8}));
  EXPECT_EQ(tensor(1.f).view(kInt32).item<std::int64_t>(), 1065353216);
  EXPECT_EQ(zeros({0}).view(kUInt8).shape(), (Shape{0}));
  EXPECT_EQ(zeros({3, 2, 2}).view(kFloat64).shape(), (Shape{3, 2, 1}));
  // Still a shape.
  EXPECT_EQ(x.view(2, 2).shape(), (Shape{2, 2}));
  EXPECT_EQ(x.view({2, 2}).shape(), (Shape{2, 2}));
  EXPECT_EQ(tensor(1.f).view({}).dtype(), kFloat32);
  EXPECT_ERROR_HERE(tensor(1.f).view(kUInt8),
                    "view: f32[] as u8; need at least 1 dimension, since the sizes of their "
                    "elements differ");
  EXPECT_ERROR_HERE(zeros({2, 3}).view(kInt64),
                    "view: f32[2,3] as i64; need a last dimension of whole elements, a multiple of "
                    "2");
}

TEST(TorchFunctions, BytesInFunctions) {
  const Tensor x = tensor({1.f, -2.f, 3.f, -4.f});
  const auto magnitude = [](Tensor t) {
    return bitwise_and(t.view(kInt32), 0x7fffffff).view(kFloat32);
  };
  EXPECT_EQ(doubles(compile(magnitude)(x)), (Doubles{1, 2, 3, 4}));
  EXPECT_EQ(doubles(vmap(magnitude)(x.reshape({2, 2}))), (Doubles{1, 2, 3, 4}));
  // Bits have no slope; the value beside them has.
  const auto f = [&](Tensor t) { return (t * magnitude(t)).sum(); };
  EXPECT_EQ(doubles(grad(f, x).second), (Doubles{1, 2, 3, 4}));
  const auto same = [](Tensor t) { return (t.view(kFloat32) * t).sum(); };
  EXPECT_EQ(doubles(grad(same, x).second), (Doubles{2, -4, 6, -8}));
}

TEST(TorchFunctions, GradientOfMaxPooling) {
  const Tensor x = f64({1, 5, 2, 0, 3, 4, 5, 1, 0, 2, 7, 6, 1, 1, 1, 8}, {1, 4, 4});
  const auto [values, indices] = max_pool2d_with_indices(x, 3, 1);
  EXPECT_EQ(longs(indices), (Longs{10, 10, 10, 15}));
  const Tensor ct = f64({1, 2, 3, 4}, {1, 2, 2});
  const Tensor g = max_pool2d_with_indices_backward(ct, x, 3, 1, 0, 1, false, indices);
  EXPECT_EQ(g.shape(), x.shape());
  EXPECT_EQ(doubles(g), (Doubles{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 4}));
  EXPECT_ERROR_HERE(
      max_pool2d_with_indices_backward(ct, x, 2, 1, 0, 1, false, indices),
      "max_pool2d_with_indices_backward: grad_output is f64[1,2,2], indices i64[1,2,2], input "
      "f64[1,4,4]; need f64[1,3,3] and integers of its shape");
  EXPECT_ERROR_HERE(max_pool2d_with_indices_backward(ct, x, 5, 1, 0, 1, false, indices),
                    "max_pool2d_with_indices_backward: the window of 5 is larger than the padded "
                    "input: dimension 1 of f64[1,4,4]");
  // Windows over padding alone.
  const Tensor flat = zeros({1, 1, 0, 4}), of_padding = zeros({1, 1, 1, 3});
  EXPECT_EQ(
      max_pool2d_with_indices_backward(of_padding, flat, 2, {}, 1, 1, false, of_padding.to(kInt64))
          .shape(),
      flat.shape());
  EXPECT_EQ(max_pool2d_with_indices_backward(zeros({0, 1, 2, 2}), zeros({0, 1, 4, 4}), 2, {}, 0, 1,
                                             false, zeros({0, 1, 2, 2}, kInt64))
                .shape(),
            (Shape{0, 1, 4, 4}));
}

TEST(TorchFunctions, LinearCrossEntropy) {
  const Tensor x = pattern(6, 6, 7, 0, {2, 3}), w = pattern(12, 12, 10, -0.3, {4, 3}),
               b = f64({0.1, -0.2, 0.3, 0}, {4}), t = tensor({1, 3});
  expect_near(linear_cross_entropy(x, w, t, {.linear_bias = b}), {1.2893107311495489});
  expect_near(linear_cross_entropy(x, w, tensor({1, -100}),
                                   {.linear_bias = b,
                                    .weight = f64({1, 2, 3, 4}, {4}),
                                    .reduction = Reduction::Sum,
                                    .label_smoothing = 0.1}),
              {3.44965882744527});
  const Tensor w3 = pattern(24, 24, 20, -0.3, {4, 2, 3});
  expect_near(linear_cross_entropy(x, w3, tensor({{1, 3}, {0, 2}}), {.reduction = Reduction::None}),
              {1.4608876145088787, 1.2037447573660216, 2.317222183274652, 1.2886507547032235});
  expect_near(linear_cross_entropy(x[0], w, t[0]), {1.4608876145088787});
  EXPECT_ERROR_HERE(linear_cross_entropy(x[0], w3, t[0]),
                    "linear_cross_entropy: input is f64[3], linear_weight f64[4,2,3]; need [N, E] "
                    "or [E] and [C, E], or [N, E] and [C, d..., E]");
  EXPECT_ERROR_HERE(linear_cross_entropy(x, w, t, {.linear_bias = x}),
                    "linear_cross_entropy: linear_bias is f64[2,3]; need the shape [4]");
}

TEST(TorchFunctions, MultiHeadAttentionForward) {
  const Tensor q = pattern(12, 12, 10, 0, {3, 1, 4}), in = pattern(48, 7, 10, -0.3, {12, 4}),
               in_bias = pattern(12, 12, 20, 0, {12}), out = pattern(16, 5, 10, -0.2, {4, 4}),
               out_bias = f64({0.1, 0.2, 0.3, 0.4}, {4}), none;
  const auto [y, weights] =
      multi_head_attention_forward(q, q, q, 4, 2, in, in_bias, none, none, false, 0, out, out_bias);
  expect_near(y,
              {0.030114644319263306, 0.18284915135787166, 0.2759607800018008, 0.3789215600036017,
               0.030295619709314117, 0.18221569597960774, 0.27609653230088194, 0.37919306460176394,
               0.030476421467238377, 0.18158268302240674, 0.2762322370215582, 0.37946447404311645});
  expect_near(weights, {0.33258287920339136, 0.3333257957190733, 0.33409132507753536,
                        0.33882526815593295, 0.33328463262070906, 0.327890099223358,
                        0.34510634197494716, 0.33316036100745194, 0.3217332970176009});
  const Tensor bias = f64({0.1, 0.2, 0.3, 0.4}, {1, 1, 4});
  const auto more = multi_head_attention_forward(q, q, q, 4, 2, in, in_bias, bias, -bias, true, 0,
                                                 out, out_bias, {.need_weights = false});
  EXPECT_FALSE(more.weights.defined());
  expect_near(more.output,
              {0.05918430961297065, 0.19927812257626606, 0.29367330049810836, 0.38664557034388064,
               0.06097166849705644, 0.19906473923731707, 0.2928703184761324, 0.38658343723930816,
               0.06275965331203909, 0.19886882695255292, 0.292057815254674, 0.38651436251611104});
  const Tensor keys = pattern(8, 8, 10, 0, {2, 2, 2});
  const auto given = multi_head_attention_forward(
      q, q, q, 4, 2, in, in_bias, none, none, false, 0, out, out_bias,
      {.static_k = keys, .static_v = -keys, .average_attn_weights = false});
  EXPECT_EQ(given.weights.shape(), (Shape{1, 2, 3, 2}));
  expect_near(given.output,
              {0.07987272765201903, 0.27012727234798106, 0.41038181704394305, 0.4,
               0.07967473816836859, 0.27007070949963097, 0.4104666808308933, 0.4000848507773335,
               0.079476789860941, 0.2700141421261957, 0.41055149439145033, 0.40016968933762115});
}

TEST(TorchFunctions, MultiHeadAttentionForwardRefuses) {
  const Tensor q = zeros({3, 1, 4}), in = zeros({12, 4}), out = zeros({4, 4}), none,
               bias = zeros({1, 1, 4});
  EXPECT_ERROR_HERE(
      multi_head_attention_forward(q, q, q, 6, 2, in, none, none, none, false, 0, out, none),
      "multi_head_attention_forward: query is f32[3,1,4]; need the last size 6 and num_heads > 0");
  EXPECT_THROW(
      multi_head_attention_forward(q, q, q, 4, 3, in, none, none, none, false, 0, out, none),
      Error);
  EXPECT_THROW(
      multi_head_attention_forward(q, q, q, 4, 2, none, none, none, none, false, 0, out, none),
      Error);
  EXPECT_THROW(
      multi_head_attention_forward(q, q, q, 4, 2, in, none, bias, none, false, 0, out, none),
      Error);
  EXPECT_THROW(multi_head_attention_forward(q, q, q, 4, 2, in, none, none, none, false, 0, out,
                                            none, {.static_k = zeros({3, 2, 2})}),
               Error);
  const auto text = [](const char* name, const char* got, const char* need) {
    return fmt::format(
        "multi_head_attention_forward: {} is {}; need {} where the last sizes of query, key and "
        "value are 4, 4 and 4",
        name, got, need);
  };
  const auto call = [&](const Tensor& w, const Tensor& b, const Tensor& key,
                        SourceLocation loc = SourceLocation::current()) {
    return multi_head_attention_forward(q, key, key, 4, 2, w, b, none, none, false, 0, out, none,
                                        {}, loc);
  };
  // Neither read past their end nor taken for an E of 2, together and in parts.
  const Tensor other = ones({5, 1, 4});
  for (const Tensor& key : {q, other}) {
    EXPECT_ERROR_HERE(call(zeros({4, 4}), none, key), text("in_proj_weight", "f32[4,4]", "[12,4]"));
    EXPECT_ERROR_HERE(call(zeros({6, 4}), none, key), text("in_proj_weight", "f32[6,4]", "[12,4]"));
    EXPECT_ERROR_HERE(call(in, zeros({4}), key), text("in_proj_bias", "f32[4]", "[12]"));
    EXPECT_ERROR_HERE(call(in, zeros({1}), key), text("in_proj_bias", "f32[1]", "[12]"));
  }
  EXPECT_ERROR_HERE(
      multi_head_attention_forward(
          q, q, q, 4, 2, none, none, none, none, false, 0, out, none,
          {.q_proj_weight = out, .k_proj_weight = zeros({2, 4}), .v_proj_weight = out}),
      text("k_proj_weight", "f32[2,4]", "[4,4]"));
  EXPECT_ERROR_HERE(
      multi_head_attention_forward(q, q, q, 4, 2, in, none, zeros({1}), bias, false, 0, out, none),
      text("bias_k", "f32[1]", "[1,1,4]"));
  const auto with_bias = [&](const Tensor& b) {
    return multi_head_attention_forward(q, q, q, 4, 2, in, none, b, b, false, 0, out, none).output;
  };
  EXPECT_TRUE(equal(with_bias(arange(4.)), with_bias(arange(4.).view(1, 1, 4))));
  EXPECT_ERROR_HERE(
      multi_head_attention_forward(q, q, q, 4, 2, in, none, none, none, false, 0, none, none),
      "multi_head_attention_forward: out_proj_weight is undefined; need [out, 4]");
  EXPECT_ERROR_HERE(
      multi_head_attention_forward(q, q, q, 4, 2, in, none, none, none, false, 0, zeros({4}), none),
      "multi_head_attention_forward: out_proj_weight is f32[4]; need [out, 4]");
}

TEST(TorchFunctions, AttentionRefusesOtherBatchesAndLengths) {
  const Tensor q = zeros({3, 1, 4}), in = zeros({12, 4}), out = zeros({4, 4}),
               other = ones({5, 1, 4}), none;
  // One key for all of the batch.
  const Tensor batch = ones({3, 2, 4});
  EXPECT_ERROR_HERE(
      multi_head_attention_forward(batch, q, q, 4, 2, in, none, none, none, false, 0, out, none),
      "multi_head_attention_forward: query is f32[3,2,4], key f32[3,1,4], value f32[3,1,4]; need "
      "[L, N, E], [S, N, K] and [S, N, V]");
  EXPECT_ERROR_HERE(
      multi_head_attention_forward(q, q, other, 4, 2, in, none, none, none, false, 0, out, none),
      "multi_head_attention_forward: query is f32[3,1,4], key f32[3,1,4], value f32[5,1,4]; need "
      "[L, N, E], [S, N, K] and [S, N, V]");
  EXPECT_ERROR_HERE(multi_head_attention_forward(q, q, q, 4, 2, in, none, none, none, false, 0, out,
                                                 none, {.static_k = zeros({2, 5, 2})}),
                    "multi_head_attention_forward: key and value have 5 and 3 rows; need one "
                    "number");
  const MultiheadAttention layer(4, 2, {.batch_first = true});
  const Tensor two = ones({2, 3, 4}), key = ones({1, 5, 4});
  EXPECT_ERROR_HERE(layer(two, key, key),
                    "MultiheadAttention: query is f32[2,3,4], key f32[1,5,4], value f32[1,5,4]; "
                    "need [N, L, E], [N, S, K] and [N, S, V]");
  EXPECT_ERROR_HERE(layer(two[0], two[0], key[0]),
                    "MultiheadAttention: query is f32[3,4], key f32[3,4], value f32[5,4]; need "
                    "[L, E], [S, K] and [S, V]");
  EXPECT_ERROR_HERE(layer(ones({2, 3, 6}), two, two),
                    "MultiheadAttention: in_proj_weight is f32[12,4]; need [18,6] where the last "
                    "sizes of query, key and value are 6, 4 and 4");
}

}  // namespace
}  // namespace lilith
