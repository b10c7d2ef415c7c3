#pragma once
#include "lilith/tensor.h"

namespace lilith::detail {

/// What attention computes with beside q, k and v.
struct AttentionMask {
  Tensor rows = {};  // bool [L, S]: true takes part. Undefined: all
  Tensor keys = {};  // bool [N, S], one row a problem
  bool causal = false;
};

/// Whether the scores [N, L, S] are too large to be worth keeping.
bool attends_in_blocks(const Tensor& q, const Tensor& k);

/// softmax(scale q k^T) v of N problems, q [N, L, E], k [N, S, E], v [N, S, Ev], floating and
/// no halves. Memory is linear in L and S, forward and in gradients: a few problems at a time,
/// some rows of the scores at a time; the gradient computes them again from the logarithm of each
/// row's sum. Keys that a causal mask hides from all rows of a block are skipped. After Rabe and
/// Staats, arXiv:2112.05682, and Dao et al., FlashAttention, arXiv:2205.14135.
Tensor blocked_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                         const AttentionMask& mask, double scale);

}  // namespace lilith::detail
