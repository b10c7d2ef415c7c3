#pragma once
#include <functional>
#include <vector>

#include "lilith/op_def.h"

// The forms of batching rules (OpDef::batch): one example's op, for all examples at once.
namespace lilith::ops {

using BatchRule = std::function<std::vector<Tensor>(const BatchCtx&)>;

/// x once for each example, as dimension 0.
Tensor repeat(const Tensor& x, std::int64_t size);
/// Operand i with the batch as dimension 0, repeated where all examples share it.
Tensor batched_operand(const BatchCtx& c, std::size_t i);
std::vector<Tensor> batched_operands(const BatchCtx& c);

/// These dimensions where the batch stands before all, which stays in front: [0, d + 1, …].
std::vector<std::int64_t> behind_batch(const std::vector<std::int64_t>& dims);

/// Dimension `from` becomes dimension `to` of the result; the others keep their order.
Tensor move_dim(const Tensor& x, int from, int to);

/// The same op with the same attributes: of elements, or of what takes leading dimensions as they
/// are.
std::vector<Tensor> batch_in_front(const BatchCtx& c);
/// The same op, whose attributes speak of one dimension more.
BatchRule batch_by_dims(DimAttrs dims);

/// The op's rule: its own, or the one that its class and `dims` give; empty where neither does.
BatchRule batch_rule(const OpDef& op);

}  // namespace lilith::ops
