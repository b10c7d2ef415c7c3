#include "ops/part_of.h"

#include "ir/node.h"
#include "ops/primitives.h"

namespace lilith::ops {
namespace {

/// Whether what comes before the dimension is one row of it.
bool is_outermost(const Shape& shape, int dim) {
  for (int d = 0; d < dim; ++d)
    if (shape[d] != 1) return false;
  return true;
}

bool is_in_memory(const Tensor& x) {
  const ir::NodeImpl& node = *x.node();
  if (node.op == &ir::constant_op() || ir::trace_depth() > 0) return false;
  const StoragePtr storage = node.storage();
  return storage && storage->is_on_host() && !storage->watched();
}

}  // namespace

Tensor part_of(const Tensor& x, int dim, std::int64_t start, std::int64_t limit,
               std::int64_t step) {
  const bool whole = start == 0 && limit == x.shape()[dim];
  Aval aval = x.aval();
  aval.shape[dim] = limit - start;
  Tensor part = slice_dim(x, dim, start, limit, step);
  if (step != 1 || whole || aval.numel() == 0 || !is_outermost(x.shape(), dim) || !is_in_memory(x))
    return part;
  const StoragePtr all = x.node()->storage();
  const auto row = aval.bytes() / static_cast<std::size_t>(limit - start);
  char* from = static_cast<char*>(all->data()) + row * static_cast<std::size_t>(start);
  if (!part.node()->storage())
    part.node()->set_storage(Storage::borrow(from, aval.bytes(), [all] {}));
  return part;
}

}  // namespace lilith::ops
