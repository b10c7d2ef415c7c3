#include "nn/blocked_attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lilith/compile.h"
#include "lilith/loops.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "lilith/vmap.h"
#include "support/expect_error.h"

// Attention whose scores are never whole, beside the one that has them all.
namespace lilith {
namespace {

using detail::AttentionMask;

Tensor blocked_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                         const AttentionMask& mask) {
  return detail::blocked_attention(q, k, v, mask, 1 / std::sqrt(8.0));
}

Tensor wave(const Shape& shape, double step, DType dtype = kFloat64) {
  return sin(arange(static_cast<double>(shape.numel()), {.dtype = dtype}) * step).reshape(shape);
}

struct Sample {
  Tensor q, k, v;
};
Sample sample(std::int64_t n, std::int64_t length, std::int64_t keys, DType dtype = kFloat64) {
  return {wave({n, length, 8}, 0.7, dtype), wave({n, keys, 8}, 0.3, dtype),
          wave({n, keys, 5}, 1.1, dtype)};
}

Tensor whole(const Sample& s, const AttentionMask& mask) {
  Tensor scores = matmul(s.q, s.k.transpose(-2, -1)) / std::sqrt(8.0);
  const auto hide = [&](const Tensor& shown) {
    scores = masked_fill(scores, logical_not(shown), -INFINITY);
  };
  if (mask.causal) hide(tril(ones({s.q.size(1), s.k.size(1)}, {.dtype = kBool})));
  if (mask.rows.defined()) hide(mask.rows);
  if (mask.keys.defined()) hide(mask.keys.unsqueeze(1));
  Tensor weights = softmax(scores, -1);
  return matmul(where(isnan(weights), 0, weights), s.v);
}

double difference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  return (a - b).abs().max().item<double>();
}

void expect_same(const Sample& s, const AttentionMask& mask) {
  const Tensor weight = wave({s.q.size(0), s.q.size(1), 5}, 0.9);
  const auto blocked = [&](const Tensor& q, const Tensor& k, const Tensor& v) {
    return (blocked_attention(q, k, v, mask) * weight).sum();
  };
  const auto all = [&](const Tensor& q, const Tensor& k, const Tensor& v) {
    return (whole({q, k, v}, mask) * weight).sum();
  };
  EXPECT_LT(difference(blocked_attention(s.q, s.k, s.v, mask), whole(s, mask)), 1e-12);
  const auto [x, got] = grad<0, 1, 2>(blocked, s.q, s.k, s.v);
  const auto [y, want] = grad<0, 1, 2>(all, s.q, s.k, s.v);
  EXPECT_LT(difference(std::get<0>(got), std::get<0>(want)), 1e-12);
  EXPECT_LT(difference(std::get<1>(got), std::get<1>(want)), 1e-11);
  EXPECT_LT(difference(std::get<2>(got), std::get<2>(want)), 1e-11);
}

TEST(BlockedAttention, IsAttention) {
  expect_same(sample(3, 5, 7), {});                      // one block
  expect_same(sample(4, 300, 260), {});                  // blocks and a rest
  expect_same(sample(2, 256, 256), {.causal = true});    // a block a part
  expect_same(sample(1, 1100, 1100), {.causal = true});  // parts of one block and of two, a rest
  expect_same(sample(2, 400, 150), {.causal = true});    // more rows than keys
  expect_same(sample(2, 270, 500), {.causal = true});    // and fewer
}

TEST(BlockedAttention, Masks) {
  const Sample s = sample(4, 300, 200);
  Tensor rows = gt(wave({300, 200}, 0.37), -0.2), keys = gt(wave({4, 200}, 0.61), 0);
  expect_same(s, {.rows = rows});
  expect_same(s, {.keys = keys});
  expect_same(s, {.rows = rows, .keys = keys});
  // Rows that see nothing are 0, and so are their gradients.
  rows = where(eq(arange(300).unsqueeze(1) % 7, 0), false, rows);
  keys = where(eq(arange(4).unsqueeze(1), 2), false, keys);
  expect_same(s, {.rows = rows, .keys = keys});
}

TEST(BlockedAttention, OtherTransforms) {
  const Sample s = sample(2, 260, 64);
  const auto f = [&](const Tensor& q) {
    return blocked_attention(q, s.k, s.v, {.causal = true}).pow(2).sum();
  };
  const auto g = [&](const Tensor& q) {
    return whole({q, s.k, s.v}, {.causal = true}).pow(2).sum();
  };
  const Tensor v = wave(s.q.shape(), 0.2);
  const auto along = [&](auto h) {
    return grad([&](const Tensor& q) { return (grad(h, q).second * v).sum(); }, s.q).second;
  };
  EXPECT_LT(difference(along(f), along(g)), 1e-11);
  const Tensor many = stack({s.q, s.q * 2, s.q - 1});
  const auto each = [&](auto h) {
    return vmap([&](const Tensor& q) { return grad(h, q).second; })(many);
  };
  EXPECT_LT(difference(each(f), each(g)), 1e-11);
}

// The mask belongs to a trace that is over when the gradient is taken.
TEST(BlockedAttention, MasksOfOtherTraces) {
  const Sample s = sample(2, 260, 64);
  const Tensor masks = gt(wave({3, 260, 64}, 0.37), -0.2);
  const auto batched = [&](auto attend) {
    return grad(
               [&](const Tensor& q) {
                 return vmap([&](const Tensor& m) { return attend(Sample{q, s.k, s.v}, m); })(masks)
                     .pow(2)
                     .sum();
               },
               s.q)
        .second;
  };
  const auto scanned = [&](auto attend) {
    return grad(
               [&](const Tensor& q) {
                 return scan(
                            [&](const Tensor& c, const Tensor& m) {
                              return c + attend(Sample{q, s.k, s.v}, m).pow(2).sum();
                            },
                            zeros({}, {.dtype = kFloat64}), masks)
                     .carry;
               },
               s.q)
        .second;
  };
  const auto blocked = [](const Sample& x, const Tensor& m) {
    return blocked_attention(x.q, x.k, x.v, {.rows = m});
  };
  const auto all = [](const Sample& x, const Tensor& m) { return whole(x, {.rows = m}); };
  EXPECT_LT(difference(batched(blocked), batched(all)), 1e-11);
  EXPECT_LT(difference(scanned(blocked), scanned(all)), 1e-11);
}

TEST(BlockedAttention, InACheckpoint) {
  const Sample s = sample(2, 260, 64);
  const auto f = [&](const Tensor& q) { return blocked_attention(q, s.k, s.v, {}).pow(2).sum(); };
  EXPECT_LT(difference(grad([&](const Tensor& q) { return checkpoint(f)(q); }, s.q).second,
                       grad(f, s.q).second),
            1e-12);
}

TEST(BlockedAttention, WhatIsCalled) {
  const Sample s = sample(4, 1100, 1000, kFloat32);
  const auto of_four = [](const Tensor& x) { return x.reshape({2, 2, x.size(1), x.size(2)}); };
  const Tensor q = of_four(s.q), k = of_four(s.k), v = of_four(s.v);
  ASSERT_TRUE(detail::attends_in_blocks(q, k));
  const auto near = [&](const Tensor& got, const AttentionMask& mask) {
    EXPECT_LT(difference(got.reshape({4, 1100, 5}), whole(s, mask)), 2e-6);
  };
  near(scaled_dot_product_attention(q, k, v), {});
  near(scaled_dot_product_attention(q, k, v, {}, 0.0, true), {.causal = true});
  const Tensor rows = gt(wave({1100, 1000}, 0.37), -0.2);
  near(scaled_dot_product_attention(q, k, v, rows), {.rows = rows});
  near(scaled_dot_product_attention(q, k, v, where(rows, 0.0F, -INFINITY)), {.rows = rows});
  const Tensor keys = gt(wave({2, 1, 1, 1000}, 0.61), 0);
  near(scaled_dot_product_attention(q, k, v, keys),
       {.keys = expand(keys, {2, 2, 1, 1000}).reshape({4, 1000})});
  const Tensor half =
      scaled_dot_product_attention(q.to(kBFloat16), k.to(kBFloat16), v.to(kBFloat16));
  EXPECT_EQ(half.dtype(), kBFloat16);
  EXPECT_LT(difference(half.to(kFloat32).reshape({4, 1100, 5}), whole(s, {})), 2e-2);
}

TEST(BlockedAttention, ScaleAndGroups) {
  const Tensor q = wave({2, 4, 6, 8}, 0.7), k = wave({2, 2, 9, 8}, 0.3),
               v = wave({2, 2, 9, 5}, 1.1);
  const auto repeated = [](const Tensor& x) { return repeat_interleave(x, 2, 1); };
  EXPECT_LT(difference(
                scaled_dot_product_attention(q, k, v, {}, 0.0, false, 0.5, true),
                scaled_dot_product_attention(q * (0.5 * std::sqrt(8.0)), repeated(k), repeated(v))),
            1e-12);
  EXPECT_ERROR_HERE(
      scaled_dot_product_attention(q, wave({2, 3, 9, 8}, 0.3), wave({2, 3, 9, 5}, 1.1), {}, 0.0,
                                   false, {}, true),
      "scaled_dot_product_attention: enable_gqa of q f64[2,4,6,8] and f64[2,3,9,8]; need "
      "[..., H, L, E] and [..., H / n, S, E]");
}

TEST(BlockedAttention, OfALayer) {
  manual_seed(3);
  MultiheadAttention attention(8, 2, {.batch_first = true});
  const Tensor x = randn({2, 1050, 8});
  const auto without = [&](AttentionOptions o) {
    o.need_weights = false;
    return attention(x, x, x, o).output;
  };
  const auto with = [&](const AttentionOptions& o) { return attention(x, x, x, o).output; };
  const Tensor later = triu(ones({1050, 1050}, {.dtype = kBool}), 1);
  const Tensor padding = ge(arange(1050), tensor({1050, 700}).unsqueeze(1));
  EXPECT_LT(difference(without({}), with({})), 1e-6);
  EXPECT_LT(difference(without({.attn_mask = later}), with({.attn_mask = later})), 1e-6);
  EXPECT_LT(difference(without({.key_padding_mask = padding}), with({.key_padding_mask = padding})),
            1e-6);
}

// Twice the length takes twice the memory, forward and in gradients.
TEST(BlockedAttention, MemoryIsLinear) {
  const auto bytes = [](std::int64_t length) {
    const Tensor q = ones({4, length, 64}), k = ones({4, length, 64}), v = ones({4, length, 64});
    const auto f = compile([](const Tensor& q, const Tensor& k, const Tensor& v) {
      return grad<0, 1, 2>(
                 [](const Tensor& q, const Tensor& k, const Tensor& v) {
                   return scaled_dot_product_attention(q, k, v, {}, 0.0, true).pow(2).sum();
                 },
                 q, k, v)
          .second;
    });
    eval(std::get<0>(f(q, k, v)));
    return f.stats().arena_bytes;
  };
  const std::int64_t one = bytes(2048), two = bytes(4096);
  EXPECT_LT(static_cast<double>(two), 2.2 * static_cast<double>(one));
  EXPECT_LT(two, std::int64_t{4} * 4096 * 4096 * 4 / 2);  // half of one array of scores
}

}  // namespace
}  // namespace lilith
