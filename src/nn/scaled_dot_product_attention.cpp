#include <cmath>

#include "lilith/ops/activation.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/random.h"
#include "lilith/ops/shape.h"
#include "nn/blocked_attention.h"
#include "ops/autocast.h"
#include "ops/half.h"
#include "ops/primitives.h"

namespace lilith {

namespace {

constexpr const char* kOp = "scaled_dot_product_attention";

void check(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask, bool is_causal) {
  LILITH_CHECK(is_floating(q.dtype()) && q.ndim() >= 2,
               "{}: got {}; need a floating dtype and at least 2 dimensions", kOp, q.aval().str());
  LILITH_CHECK(
      k.ndim() >= 2 && v.ndim() >= 2 && q.size(-1) == k.size(-1) && k.size(-2) == v.size(-2),
      "{}: got q {}, k {}, v {}; need [..., L, E], [..., S, E], [..., S, Ev]", kOp, q.aval().str(),
      k.aval().str(), v.aval().str());
  LILITH_CHECK(!mask.defined() || mask.dtype() == DType::Bool || is_floating(mask.dtype()),
               "{}: attn_mask is {}; need bool (true takes part) or floating (added)", kOp,
               mask.aval().str());
  LILITH_CHECK(q.dtype() == k.dtype() && q.dtype() == v.dtype(),
               "{}: dtypes differ: q {}, k {}, v {}; need equal dtypes", kOp, q.aval().str(),
               k.aval().str(), v.aval().str());
  LILITH_CHECK(!(is_causal && mask.defined()), "{}: attn_mask and is_causal; give one of them",
               kOp);
}

// All scores at once.
Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
              double dropout_p, bool is_causal, double scale) {
  // The products are scaled, not q: they are at hand where they are computed.
  Tensor scores = matmul(q, transpose(k, -2, -1)) * scale;
  if (is_causal) {
    const Tensor shown =
        tril(ones({q.size(-2), k.size(-2)}, {.dtype = DType::Bool, .device = q.device()}));
    scores = masked_fill(scores, logical_not(shown), -INFINITY);
  } else if (mask.defined()) {
    scores = mask.dtype() == DType::Bool ? masked_fill(scores, logical_not(mask), -INFINITY)
                                         : scores + mask;
  }
  const Tensor weights = mask.defined() ? ops::masked_softmax(scores) : softmax(scores, -1);
  return matmul(dropout(weights, dropout_p), v);
}

// Keys or values, each head of which stands for as many of q's.
Tensor for_heads_of(const Tensor& q, const Tensor& x, bool enable_gqa) {
  if (!enable_gqa) return x;
  LILITH_CHECK(q.ndim() >= 3 && x.ndim() >= 3 && x.size(-3) > 0 && q.size(-3) % x.size(-3) == 0,
               "{}: enable_gqa of q {} and {}; need [..., H, L, E] and [..., H / n, S, E]", kOp,
               q.aval().str(), x.aval().str());
  return repeat_interleave(x, q.size(-3) / x.size(-3), -3);
}

Shape batch_of(const Tensor& x) {
  return Shape(x.shape().begin(), static_cast<std::size_t>(x.ndim() - 2));
}

// A mask as blocks take it; false where they do not: added, or one for each problem and row.
bool as_blocks_take(const Tensor& mask, const Shape& batch, std::int64_t rows, std::int64_t keys,
                    detail::AttentionMask* out) {
  if (!mask.defined()) return true;
  if (mask.dtype() != DType::Bool || mask.ndim() == 0 || mask.ndim() > batch.rank() + 2 ||
      mask.size(-1) != keys)
    return false;
  const std::int64_t of_rows = mask.ndim() > 1 ? mask.size(-2) : 1;
  if (mask.numel() == of_rows * keys && of_rows == rows) {
    out->rows = reshape(mask, {rows, keys});
    return true;
  }
  if (of_rows != 1) return false;
  for (int d = 3; d <= mask.ndim(); ++d) {
    if (mask.size(-d) != 1 && mask.size(-d) != batch[batch.rank() + 2 - d]) return false;
  }
  Shape all = batch;
  all.push_back(1);
  all.push_back(keys);
  out->keys = reshape(broadcast_to(mask, all), {batch.numel(), keys});
  return true;
}

// Undefined where all scores at once are as well.
Tensor attend_in_blocks(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                        bool is_causal, double scale) {
  const Shape batch = batch_of(q);
  detail::AttentionMask blocks{.causal = is_causal};
  if (batch != batch_of(k) || batch != batch_of(v) || !detail::attends_in_blocks(q, k) ||
      !as_blocks_take(mask, batch, q.size(-2), k.size(-2), &blocks))
    return {};
  const auto flat = [&](const Tensor& x) {
    return reshape(x, {batch.numel(), x.size(-2), x.size(-1)});
  };
  const Tensor out = detail::blocked_attention(flat(q), flat(k), flat(v), blocks, scale);
  Shape shape = batch;
  shape.push_back(q.size(-2));
  shape.push_back(v.size(-1));
  return reshape(out, shape);
}

}  // namespace

Tensor scaled_dot_product_attention(const Arg& query, const Tensor& key, const Tensor& value,
                                    const Tensor& attn_mask, Real dropout_p, bool is_causal,
                                    std::optional<double> scale, bool enable_gqa) {
  LocScope scope(query.loc());
  const Tensor lowered_q = ops::lowered(query.tensor());
  Tensor k = ops::lowered(key), v = ops::lowered(value);
  const AutocastOff inside;
  check(lowered_q, k, v, attn_mask, is_causal);
  const Tensor q = ops::widened(lowered_q);
  k = for_heads_of(q, ops::widened(k), enable_gqa);
  v = for_heads_of(q, ops::widened(v), enable_gqa);
  const double factor = scale.value_or(1 / std::sqrt(static_cast<double>(q.size(-1))));
  Tensor out;
  if (dropout_p == 0.0) out = attend_in_blocks(q, k, v, attn_mask, is_causal, factor);
  if (!out.defined()) out = attend(q, k, v, attn_mask, dropout_p, is_causal, factor);
  return ops::narrowed(out, lowered_q.dtype());
}

}  // namespace lilith
