#pragma once
#include <functional>
#include <vector>

#include "lilith/op_def.h"

namespace lilith {

/// A user's gradient rule: inputs, output, cotangent -> one cotangent an input (undefined: none
/// flows).
using CustomRule = std::function<std::vector<Tensor>(const std::vector<Tensor>& in,
                                                     const Tensor& out, const Tensor& ct)>;

/// `out`, computed from `in`, with this rule in place of its own gradient.
Tensor make_custom_vjp(CustomRule rule, const Tensor& out, const std::vector<Tensor>& in);
/// Copies of the rules in the graph below `outputs`. They hold what the rules hold: a handle whose
/// count rises meanwhile is a rule's.
std::vector<CustomRule> copy_rules(const std::vector<Tensor>& outputs);
/// The vjp of "custom_vjp" (out, in…, rule).
std::vector<Tensor> apply_custom_rule(const VjpCtx& c, const Tensor& ct);
/// The cotangents of `size` examples, by the rule of one; of the inputs those that are `batched`
/// have the batch as dimension 0, what the examples share gets its sum.
std::vector<Tensor> batched_rule(const CustomRule& rule, const std::vector<bool>& batched,
                                 std::int64_t size, const std::vector<Tensor>& in,
                                 const Tensor& out, const Tensor& ct);
/// Its batching rule: the gradient's rule is one for all examples, too.
std::vector<Tensor> batch_custom_rule(const BatchCtx& c);

}  // namespace lilith
