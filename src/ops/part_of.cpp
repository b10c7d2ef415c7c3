#include "ops/part_of.h"

#include <algorithm>
#include <cstring>

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

/// Null where it has no value yet, or a program or its user may write there.
StoragePtr memory_of(const ir::NodeImpl& node) {
  const StoragePtr storage = node.storage();
  const bool stays = storage && storage->is_on_host() && !storage->watched();
  return stays && node.op != &ir::constant_op() ? storage : nullptr;
}

/// The same through reshapes, under a GraphLock. Whoever evaluates one of them may write to what it
/// was made of.
StoragePtr memory_behind(const ir::NodeImpl* node) {
  while (!node->storage() && node->op->name == "reshape" && !node->claim.is_anothers())
    node = node->inputs[0];
  return memory_of(*node);
}

/// Empty unless all have one.
std::vector<StoragePtr> memory_of(const std::vector<Tensor>& parts) {
  const ir::GraphLock lock(std::try_to_lock);
  std::vector<StoragePtr> all;
  for (const Tensor& part : parts) {
    all.push_back(lock ? memory_behind(part.node()) : memory_of(*part.node()));
    if (!all.back()) return {};
  }
  return all;
}

/// Rows of one part, then of the next, for each index of the dimensions before.
void copy_joined(const std::vector<StoragePtr>& parts, const std::vector<std::size_t>& row_bytes,
                 std::int64_t rows, char* to) {
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row)
    for (std::size_t k = 0; k < parts.size(); ++k) {
      const std::size_t bytes = row_bytes[k];
      std::memcpy(to, static_cast<const char*>(parts[k]->data()) + row * bytes, bytes);
      to += bytes;
    }
}

bool is_data(const Tensor& x) { return x.node()->op == &ir::data_op(); }

}  // namespace

Tensor part_of(const Tensor& x, int dim, std::int64_t start, std::int64_t limit,
               std::int64_t step) {
  const bool whole = start == 0 && limit == x.shape()[dim];
  Aval aval = x.aval();
  aval.shape[dim] = limit - start;
  Tensor part = slice_dim(x, dim, start, limit, step);
  if (step != 1 || whole || aval.numel() == 0 || !is_outermost(x.shape(), dim) ||
      ir::trace_depth() > 0)
    return part;
  const StoragePtr all = memory_of(*x.node());
  if (!all) return part;
  const auto row = aval.bytes() / static_cast<std::size_t>(limit - start);
  char* from = static_cast<char*>(all->data()) + row * static_cast<std::size_t>(start);
  if (!part.node()->storage())
    part.node()->set_storage(Storage::borrow(from, aval.bytes(), [all] {}));
  return part;
}

Tensor joined(const std::vector<Tensor>& parts, int dim) {
  constexpr std::size_t kMany = 8, kSmallBytes = 1 << 20;
  Tensor all = make_concat(parts, dim);
  const std::size_t bytes = all.aval().bytes();
  if (parts.size() < kMany || bytes > kSmallBytes || all.numel() == 0 || ir::trace_depth() > 0)
    return all;
  const std::vector<StoragePtr> memory = memory_of(parts);
  if (memory.empty()) return all;
  std::int64_t rows = 1;
  for (int d = 0; d < dim; ++d) rows *= all.shape()[d];
  std::vector<std::size_t> row_bytes;
  for (const Tensor& part : parts)
    row_bytes.push_back(part.aval().bytes() / static_cast<std::size_t>(rows));
  StoragePtr storage = Storage::allocate(bytes);
  copy_joined(memory, row_bytes, rows, static_cast<char*>(storage->data()));
  if (std::ranges::all_of(parts, is_data)) return ir::make_data(all.aval(), std::move(storage));
  if (!all.node()->storage()) all.node()->set_storage(std::move(storage));
  return all;
}

}  // namespace lilith::ops
