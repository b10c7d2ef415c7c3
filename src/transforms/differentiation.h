#pragma once
#include <vector>

#include "lilith/tensor.h"
#include "runtime/storage.h"

// While a function is differentiated its values are evaluated as any others, by whoever reads them,
// but a cotangent may still flow through them: they keep their inputs until the differentiation
// ends.
namespace lilith::ir {

/// > 0 while this thread runs a function inside grad, vjp, …, or walks back through one.
int differentiation_depth();
void begin_differentiation();
void end_differentiation();

struct DifferentiationScope {
  DifferentiationScope() { begin_differentiation(); }
  ~DifferentiationScope() { end_differentiation(); }
  DifferentiationScope(const DifferentiationScope&) = delete;
};

/// What this thread differentiates with respect to, until its outermost differentiation ends;
/// undefined tensors are left out. To be told before anything that needs a cotangent is computed
/// from them.
void add_placeholders(const std::vector<Tensor>& placeholders);

/// Of each node that is to be evaluated: whether it keeps its inputs. All that a thread evaluates
/// inside of a differentiation of its own does; else what depends on another's placeholders. Under
/// a GraphLock.
std::vector<char> keep_inputs(const std::vector<Tensor>& nodes);
/// Of all that an evaluation reaches and that is pending: false where none of it keeps its inputs.
/// Looks at the edges of these nodes alone: a SharedGraphLock will do.
bool may_be_differentiated(const std::vector<NodeImpl*>& pending);
/// Gives its value to a node that keeps its inputs, as long as anybody needs them. Under a
/// GraphLock.
void store_and_keep_inputs(const Tensor& node, StoragePtr value);

}  // namespace lilith::ir
