#include "lilith/nn/attention.h"

#include <cmath>
#include <limits>

#include "lilith/init.h"
#include "lilith/ops/activation.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/random.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "nn/blocked_attention.h"
#include "ops/primitives.h"

namespace lilith {

namespace {

// Scores [N, heads, L, S] with a mask: bool (true is left out), or added.
Tensor masked(const Tensor& scores, const Tensor& mask) {
  if (mask.dtype() == DType::Bool)
    return masked_fill(scores, mask, -std::numeric_limits<double>::infinity());
  return scores + mask;
}

// softmax of the scores [N, heads, L, S]; a row whose keys are all left out is 0.
Tensor weights_of(const Tensor& q, const Tensor& k, const Tensor& attn_mask,
                  const Tensor& padding_mask) {
  Tensor scores =
      matmul(q * (1 / std::sqrt(static_cast<double>(q.size(-1)))), transpose(k, -2, -1));
  if (attn_mask.defined()) scores = masked(scores, attn_mask);
  if (padding_mask.defined()) scores = masked(scores, padding_mask);
  return attn_mask.defined() || padding_mask.defined() ? ops::masked_softmax(scores)
                                                       : softmax(scores, -1);
}

// Undefined where the scores are few, or masked in a way that blocks do not know.
Tensor attend_in_blocks(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& attn_mask,
                        const Tensor& padding_mask) {
  const bool both = attn_mask.defined() && padding_mask.defined();
  const Tensor& hidden = attn_mask.defined() ? attn_mask : padding_mask;
  if (both || (hidden.defined() && hidden.dtype() != DType::Bool) ||
      !detail::attends_in_blocks(q, k))
    return {};
  return scaled_dot_product_attention(q, k, v, hidden.defined() ? logical_not(hidden) : Tensor());
}

// Sizes that only count the same (batch and length swapped) would mask other keys.
void check_mask(const char* name, const Tensor& mask, const Shape& shape, const char* hint = "") {
  LILITH_CHECK(mask.shape() == shape && (mask.dtype() == DType::Bool || is_floating(mask.dtype())),
               "MultiheadAttention: {} is {}; need bool (true is left out) or floating (added) of "
               "shape {}{}",
               name, mask.aval().str(), shape.str(), hint);
}

// Where sizes would fit if the batch stood first.
const char* order_hint(bool would_fit) {
  return would_fit ? " (the first dimension is read as the length; .batch_first = true reads it as "
                     "the batch)"
                   : "";
}

// One more key that no mask hides.
Tensor extended(const Tensor& mask) { return mask.defined() ? pad(mask, {0, 1}) : mask; }

// [S, N, E] -> [N, heads, S, E / heads]
Tensor split_heads(const Tensor& x, std::int64_t heads) {
  return permute(reshape(x, {x.size(0), x.size(1), heads, x.size(2) / heads}), {1, 2, 0, 3});
}

}  // namespace

// The scope is open before the first member is made.
MultiheadAttention::MultiheadAttention(Int embed_dim, Int num_heads,
                                       const MultiheadAttentionOptions& o, SourceLocation loc)
    : MultiheadAttention(embed_dim, num_heads, o, LocScope(loc)) {}

MultiheadAttention::MultiheadAttention(Int embed_dim, Int num_heads,
                                       const MultiheadAttentionOptions& o, const LocScope&)
    : out_proj(embed_dim, embed_dim, {.bias = o.bias, .dtype = o.dtype}),
      num_heads(num_heads),
      dropout(o.dropout),
      add_zero_attn(o.add_zero_attn),
      batch_first(o.batch_first) {
  LILITH_CHECK(embed_dim > 0 && num_heads > 0 && embed_dim % num_heads == 0,
               "MultiheadAttention: num_heads must divide embed_dim; got {} and {}.", num_heads,
               embed_dim);
  const TensorOptions floating{.dtype = o.dtype};
  const auto draw = [&](Tensor& t, std::int64_t rows, std::int64_t cols) {
    t = zeros({rows, cols}, floating);
    init::xavier_uniform_(t);
  };
  const std::int64_t kdim = o.kdim.value_or(embed_dim), vdim = o.vdim.value_or(embed_dim);
  if (kdim == embed_dim && vdim == embed_dim) {
    draw(in_proj_weight, 3 * embed_dim, embed_dim);
  } else {
    draw(q_proj_weight, embed_dim, embed_dim);
    draw(k_proj_weight, embed_dim, kdim);
    draw(v_proj_weight, embed_dim, vdim);
  }
  if (o.bias) {
    in_proj_bias = zeros({3 * embed_dim}, floating);
    init::zeros_(out_proj.bias);
  }
  if (!o.add_bias_kv) return;
  const double std = std::sqrt(2.0 / static_cast<double>(2 * embed_dim));  // xavier_normal
  bias_k = randn({1, 1, embed_dim}, floating) * std;
  bias_v = randn({1, 1, embed_dim}, floating) * std;
}

MultiheadAttention::Projected MultiheadAttention::project(const Tensor& q, const Tensor& k,
                                                          const Tensor& v) const {
  std::vector<Tensor> w{q_proj_weight, k_proj_weight, v_proj_weight}, b(3);
  if (in_proj_weight.defined()) {
    // Self-attention is one product.
    if (q.node() == k.node() && k.node() == v.node()) {
      const auto all = chunk(linear(q, in_proj_weight, in_proj_bias), 3, -1);
      return {all[0], all[1], all[2]};
    }
    w = chunk(in_proj_weight, 3, 0);
  }
  if (in_proj_bias.defined()) b = chunk(in_proj_bias, 3, 0);
  return {linear(q, w[0], b[0]), linear(k, w[1], b[1]), linear(v, w[2], b[2])};
}

AttentionResult MultiheadAttention::operator()(const Tensor& query, const Tensor& key,
                                               const Tensor& value, const AttentionOptions& o,
                                               SourceLocation loc) const {
  LocScope scope(loc);
  const int rank = query.ndim();
  LILITH_CHECK(
      (rank == 2 || rank == 3) && key.ndim() == rank && value.ndim() == rank,
      "MultiheadAttention: query is {}, key {}, value {}; need rank 3, or rank 2 without batch.",
      query.aval().str(), key.aval().str(), value.aval().str());
  const bool batched = rank == 3, swap = batched && batch_first;
  const bool same = query.node() == key.node() && key.node() == value.node();
  const auto canonical = [&](const Tensor& x) {
    return !batched ? unsqueeze(x, 1) : swap ? transpose(x, 0, 1) : x;
  };
  const Tensor q0 = canonical(query), k0 = same ? q0 : canonical(key),
               v0 = same ? q0 : canonical(value);
  auto [q, k, v] = project(q0, k0, v0);
  const std::int64_t length = q.size(0), batch = q.size(1), embed = q.size(2);
  Tensor attn_mask = o.attn_mask, padding_mask = o.key_padding_mask;
  const auto append = [&](const Tensor& to_k, const Tensor& to_v) {
    k = cat({k, expand(to_k, {1, batch, embed})}, 0);
    v = cat({v, expand(to_v, {1, batch, embed})}, 0);
    attn_mask = extended(attn_mask);
    padding_mask = extended(padding_mask);
  };
  if (bias_k.defined()) append(bias_k, bias_v);
  if (add_zero_attn) {
    const Tensor none = zeros({1, 1, embed}, {.dtype = k.dtype(), .device = k.device()});
    append(none, none);
  }
  if (o.is_causal && !attn_mask.defined()) {
    attn_mask = triu(ones({length, key.size(swap ? 1 : 0)}, kBool), 1).to(q.device());
    for (auto more = k.size(0) - attn_mask.size(1); more > 0; --more)
      attn_mask = extended(attn_mask);
  }
  const std::int64_t keys = k.size(0);
  q = split_heads(q, num_heads);
  k = split_heads(k, num_heads);
  v = split_heads(v, num_heads);
  if (attn_mask.defined()) {
    const Shape all{batch * num_heads, length, keys}, shared{length, keys};
    const bool swapped = batched && !batch_first && attn_mask.shape() == Shape{batch, batch};
    check_mask("attn_mask", attn_mask, attn_mask.ndim() == 3 ? all : shared, order_hint(swapped));
    if (attn_mask.ndim() == 3) attn_mask = reshape(attn_mask, {batch, num_heads, length, keys});
  }
  if (padding_mask.defined()) {
    const bool swapped = batched && !batch_first && padding_mask.shape() == Shape{keys, batch};
    check_mask("key_padding_mask", padding_mask, batched ? Shape{batch, keys} : Shape{keys},
               order_hint(swapped));
    padding_mask = reshape(padding_mask, {batch, 1, 1, keys});
  }
  Tensor heads, weights;  // [N, heads, L, E / heads], [N, heads, L, S]
  if (!o.need_weights && !(training && dropout > 0))
    heads = attend_in_blocks(q, k, v, attn_mask, padding_mask);
  if (!heads.defined()) {
    weights = lilith::dropout(weights_of(q, k, attn_mask, padding_mask), dropout, training);
    heads = matmul(weights, v);
  }
  const Tensor joined = reshape(permute(heads, {2, 0, 1, 3}), {length, batch, embed});
  const Tensor out = linear(joined, out_proj.weight, out_proj.bias);
  AttentionResult result;
  result.output = !batched ? squeeze(out, 1) : swap ? transpose(out, 0, 1) : out;
  if (!o.need_weights) return result;
  result.weights = o.average_attn_weights ? mean(weights, 1) : weights;
  if (!batched) result.weights = squeeze(result.weights, 0);
  return result;
}

}  // namespace lilith
