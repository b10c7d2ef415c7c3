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
void check_mask(const char* op, const char* name, const Tensor& mask, const Shape& shape,
                const char* hint) {
  LILITH_CHECK(mask.shape() == shape && (mask.dtype() == DType::Bool || is_floating(mask.dtype())),
               "{}: {} is {}; need bool (true is left out) or floating (added) of shape {}{}", op,
               name, mask.aval().str(), shape.str(), hint);
}

// Where the caller may have the batch stand first, and a mask's sizes would fit then.
const char* order_hint(bool may_swap, const Tensor& mask, const Shape& swapped) {
  return may_swap && mask.shape() == swapped
             ? " (the first dimension is read as the length; .batch_first = true reads it as the "
               "batch)"
             : "";
}

// One more key that no mask hides.
Tensor extended(const Tensor& mask) { return mask.defined() ? pad(mask, {0, 1}) : mask; }

// [S, N, E] -> [N, heads, S, E / heads]
Tensor split_heads(const Tensor& x, std::int64_t heads) {
  return permute(reshape(x, {x.size(0), x.size(1), heads, x.size(2) / heads}), {1, 2, 0, 3});
}

// The parameters of a layer, or those that a function is given.
struct Parameters {
  const char* op;
  Tensor in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias, bias_k, bias_v;
  Tensor out_weight, out_bias;
  std::int64_t num_heads = 1;
  double dropout = 0;  // where it counts
  bool add_zero_attn = false;
  Tensor static_k = {}, static_v = {};
};
struct Projected {
  Tensor q, k, v;
};

// In parts, sizes that do not fit would be read past their end, and others broadcast.
void check_parameters(const Parameters& p, const Tensor& q, const Tensor& k, const Tensor& v) {
  const std::int64_t embed = q.size(-1);
  const auto check = [&](const char* name, const Tensor& x, const Shape& need) {
    LILITH_CHECK(!x.defined() || x.shape() == need,
                 "{}: {} is {}; need {} where the last sizes of query, key and value are {}, {} "
                 "and {}",
                 p.op, name, x.aval().str(), need.str(), embed, k.size(-1), v.size(-1));
  };
  check("in_proj_weight", p.in_proj_weight, {3 * embed, embed});
  check("q_proj_weight", p.q_proj_weight, {embed, embed});
  check("k_proj_weight", p.k_proj_weight, {embed, k.size(-1)});
  check("v_proj_weight", p.v_proj_weight, {embed, v.size(-1)});
  check("in_proj_bias", p.in_proj_bias, {3 * embed});
  check("bias_k", p.bias_k, {1, 1, embed});
  check("bias_v", p.bias_v, {1, 1, embed});
  const Tensor& out = p.out_weight;
  LILITH_CHECK(out.defined() && out.ndim() == 2 && out.size(1) == embed,
               "{}: out_proj_weight is {}; need [out, {}]", p.op,
               out.defined() ? out.aval().str() : "undefined", embed);
}

Projected project(const Parameters& p, const Tensor& q, const Tensor& k, const Tensor& v) {
  std::vector<Tensor> w{p.q_proj_weight, p.k_proj_weight, p.v_proj_weight}, b(3);
  if (p.in_proj_weight.defined()) {
    // Self-attention is one product.
    if (q.node() == k.node() && k.node() == v.node()) {
      const auto all = chunk(linear(q, p.in_proj_weight, p.in_proj_bias), 3, -1);
      return {all[0], all[1], all[2]};
    }
    w = chunk(p.in_proj_weight, 3, 0);
  }
  if (p.in_proj_bias.defined()) b = chunk(p.in_proj_bias, 3, 0);
  return {linear(q, w[0], b[0]), linear(k, w[1], b[1]), linear(v, w[2], b[2])};
}

// by_layer: the caller may say whether the batch stands first.
AttentionResult attend(const Parameters& p, const Tensor& query, const Tensor& key,
                       const Tensor& value, const AttentionOptions& o, bool batch_first,
                       bool by_layer) {
  const int rank = query.ndim();
  LILITH_CHECK((rank == 2 || rank == 3) && key.ndim() == rank && value.ndim() == rank,
               "{}: query is {}, key {}, value {}; need rank 3, or rank 2 without batch.", p.op,
               query.aval().str(), key.aval().str(), value.aval().str());
  const bool batched = rank == 3, swap = batched && batch_first;
  const bool same = query.node() == key.node() && key.node() == value.node();
  const auto canonical = [&](const Tensor& x) {
    return !batched ? unsqueeze(x, 1) : swap ? transpose(x, 0, 1) : x;
  };
  const Tensor q0 = canonical(query), k0 = same ? q0 : canonical(key),
               v0 = same ? q0 : canonical(value);
  LILITH_CHECK(k0.size(1) == q0.size(1) && v0.size(1) == q0.size(1) && v0.size(0) == k0.size(0),
               "{}: query is {}, key {}, value {}; need {}", p.op, query.aval().str(),
               key.aval().str(), value.aval().str(),
               !batched ? "[L, E], [S, K] and [S, V]"
               : swap   ? "[N, L, E], [N, S, K] and [N, S, V]"
                        : "[L, N, E], [S, N, K] and [S, N, V]");
  check_parameters(p, q0, k0, v0);
  auto [q, k, v] = project(p, q0, k0, v0);
  const std::int64_t length = q.size(0), batch = q.size(1), embed = q.size(2);
  LILITH_CHECK(embed % p.num_heads == 0, "{}: num_heads must divide embed_dim; got {} and {}.",
               p.op, p.num_heads, embed);
  // [N heads, S, E / heads] as [S, N, E].
  const auto joined_heads = [&](const char* name, const Tensor& x) {
    const std::int64_t each = embed / p.num_heads;
    LILITH_CHECK(x.ndim() == 3 && x.size(0) == batch * p.num_heads && x.size(2) == each,
                 "{}: {} is {}; need [{}, S, {}]", p.op, name, x.aval().str(), batch * p.num_heads,
                 each);
    return reshape(permute(x, {1, 0, 2}), {x.size(1), batch, embed});
  };
  if (p.static_k.defined()) k = joined_heads("static_k", p.static_k);
  if (p.static_v.defined()) v = joined_heads("static_v", p.static_v);
  const std::int64_t given = k.size(0);
  LILITH_CHECK(v.size(0) == given, "{}: key and value have {} and {} rows; need one number", p.op,
               given, v.size(0));
  Tensor attn_mask = o.attn_mask, padding_mask = o.key_padding_mask;
  const auto append = [&](const Tensor& to_k, const Tensor& to_v) {
    k = cat({k, expand(to_k, {1, batch, embed})}, 0);
    v = cat({v, expand(to_v, {1, batch, embed})}, 0);
    attn_mask = extended(attn_mask);
    padding_mask = extended(padding_mask);
  };
  if (p.bias_k.defined()) append(p.bias_k, p.bias_v);
  if (p.add_zero_attn) {
    const Tensor none = zeros({1, 1, embed}, {.dtype = k.dtype(), .device = k.device()});
    append(none, none);
  }
  if (o.is_causal && !attn_mask.defined()) {
    attn_mask = triu(ones({length, given}, kBool), 1).to(q.device());
    for (auto more = k.size(0) - attn_mask.size(1); more > 0; --more)
      attn_mask = extended(attn_mask);
  }
  const std::int64_t keys = k.size(0);
  q = split_heads(q, p.num_heads);
  k = split_heads(k, p.num_heads);
  v = split_heads(v, p.num_heads);
  const bool may_swap = by_layer && batched && !batch_first;
  if (attn_mask.defined()) {
    const Shape all{batch * p.num_heads, length, keys}, shared{length, keys};
    check_mask(p.op, "attn_mask", attn_mask, attn_mask.ndim() == 3 ? all : shared,
               order_hint(may_swap, attn_mask, {batch, batch}));
    if (attn_mask.ndim() == 3) attn_mask = reshape(attn_mask, {batch, p.num_heads, length, keys});
  }
  if (padding_mask.defined()) {
    check_mask(p.op, "key_padding_mask", padding_mask, batched ? Shape{batch, keys} : Shape{keys},
               order_hint(may_swap, padding_mask, {keys, batch}));
    padding_mask = reshape(padding_mask, {batch, 1, 1, keys});
  }
  Tensor heads, weights;  // [N, heads, L, E / heads], [N, heads, L, S]
  if (!o.need_weights && p.dropout == 0) heads = attend_in_blocks(q, k, v, attn_mask, padding_mask);
  if (!heads.defined()) {
    weights = dropout(weights_of(q, k, attn_mask, padding_mask), p.dropout);
    heads = matmul(weights, v);
  }
  const Tensor joined = reshape(permute(heads, {2, 0, 1, 3}), {length, batch, embed});
  const Tensor out = linear(joined, p.out_weight, p.out_bias);
  AttentionResult result;
  result.output = !batched ? squeeze(out, 1) : swap ? transpose(out, 0, 1) : out;
  if (!o.need_weights) return result;
  result.weights = o.average_attn_weights ? mean(weights, 1) : weights;
  if (!batched) result.weights = squeeze(result.weights, 0);
  return result;
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

AttentionResult MultiheadAttention::operator()(const Tensor& query, const Tensor& key,
                                               const Tensor& value, const AttentionOptions& o,
                                               SourceLocation loc) const {
  LocScope scope(loc);
  const Parameters p{.op = "MultiheadAttention",
                     .in_proj_weight = in_proj_weight,
                     .q_proj_weight = q_proj_weight,
                     .k_proj_weight = k_proj_weight,
                     .v_proj_weight = v_proj_weight,
                     .in_proj_bias = in_proj_bias,
                     .bias_k = bias_k,
                     .bias_v = bias_v,
                     .out_weight = out_proj.weight,
                     .out_bias = out_proj.bias,
                     .num_heads = num_heads,
                     .dropout = training ? dropout : 0,
                     .add_zero_attn = add_zero_attn};
  return attend(p, query, key, value, o, batch_first, true);
}

AttentionResult multi_head_attention_forward(
    const Tensor& query, const Tensor& key, const Tensor& value, Int embed_dim_to_check,
    Int num_heads, const Tensor& in_proj_weight, const Tensor& in_proj_bias, const Tensor& bias_k,
    const Tensor& bias_v, bool add_zero_attn, Real dropout_p, const Tensor& out_proj_weight,
    const Tensor& out_proj_bias, const MultiHeadAttentionForwardOptions& o, SourceLocation loc) {
  LocScope scope(loc);
  constexpr const char* kName = "multi_head_attention_forward";
  LILITH_CHECK(query.ndim() >= 1 && query.size(-1) == embed_dim_to_check && num_heads > 0,
               "{}: query is {}; need the last size {} and num_heads > 0", kName,
               query.aval().str(), embed_dim_to_check);
  LILITH_CHECK(in_proj_weight.defined() || (o.q_proj_weight.defined() &&
                                            o.k_proj_weight.defined() && o.v_proj_weight.defined()),
               "{}: there is no in_proj_weight; need one, or q_proj_weight, k_proj_weight and "
               "v_proj_weight",
               kName);
  LILITH_CHECK(bias_k.defined() == bias_v.defined() &&
                   !(bias_k.defined() && (o.static_k.defined() || o.static_v.defined())),
               "{}: bias_k and bias_v go together, and not with static_k or static_v", kName);
  // PyTorch repeats it [1, N, 1] times: [E] and [1, E] will do.
  const auto one_key = [&](const Tensor& bias) {
    const bool short_of = bias.defined() && bias.ndim() > 0 && bias.ndim() < 3 &&
                          bias.numel() == embed_dim_to_check && bias.size(-1) == bias.numel();
    return short_of ? reshape(bias, {1, 1, bias.numel()}) : bias;
  };
  const Parameters p{.op = kName,
                     .in_proj_weight = in_proj_weight,
                     .q_proj_weight = o.q_proj_weight,
                     .k_proj_weight = o.k_proj_weight,
                     .v_proj_weight = o.v_proj_weight,
                     .in_proj_bias = in_proj_bias,
                     .bias_k = one_key(bias_k),
                     .bias_v = one_key(bias_v),
                     .out_weight = out_proj_weight,
                     .out_bias = out_proj_bias,
                     .num_heads = num_heads,
                     .dropout = o.training ? +dropout_p : 0,
                     .add_zero_attn = add_zero_attn,
                     .static_k = o.static_k,
                     .static_v = o.static_v};
  return attend(p, query, key, value,
                {.key_padding_mask = o.key_padding_mask,
                 .attn_mask = o.attn_mask,
                 .need_weights = o.need_weights,
                 .average_attn_weights = o.average_attn_weights,
                 .is_causal = o.is_causal},
                false, false);
}

}  // namespace lilith
