#pragma once
#include <functional>
#include <vector>

#include "lilith/op_def.h"

namespace lilith {

/// A user's gradient rule: inputs, output, cotangent -> one cotangent an input (undefined: none flows).
using CustomRule =
    std::function<std::vector<Tensor>(const std::vector<Tensor>& in, const Tensor& out, const Tensor& ct)>;

/// Keeps a rule for ever; its number goes into the attrs of the nodes that have it.
std::int64_t add_custom_rule(CustomRule rule);
/// The vjp of "custom_vjp": input 0 is the value itself, which gets no cotangent.
std::vector<Tensor> apply_custom_rule(const VjpCtx& c, const Tensor& ct);

}  // namespace lilith
