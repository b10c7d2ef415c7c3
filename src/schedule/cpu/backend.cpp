#include "schedule/cpu/backend.h"

#include <algorithm>

#include "core/env.h"
#include "schedule/cpu/sparse/sparse.h"
#include "schedule/cpu/tasks.h"
#include "schedule/kernel/axes.h"
#include "schedule/kernel/border.h"

namespace lilith::schedule {

using ir::NodeImpl;

std::optional<SparseSpec> CpuBackend::sparse(const NodeImpl* product) const {
  if (env::disabled("sparse")) return {};
  for (SparseSpec& form : sparse_forms(product)) {
    if (sparse_pays(form, product, target_)) return std::move(form);
  }
  return {};
}

// A register tile can hold whole windows.
bool CpuBackend::pools(const NodeImpl* core, const NodeImpl* pool) const {
  return has_whole_windows(core, pool) && column_extent(core) > 1;
}

// A slab of it, with its zeros, in memory of a task's own (contraction/slab.h).
bool CpuBackend::is_prologue(const NodeImpl* n) const {
  return adds_border(n) && is_floating(n->aval.dtype) && !env::disabled("slabs");
}

bool CpuBackend::computes_operand(const NodeImpl* product, const NodeImpl* operand, double) const {
  return operand == product->inputs[0] && padded_below(product->inputs[0]) != nullptr &&
         is_depthwise(product);
}

bool CpuBackend::stores_copies() const { return !env::disabled("borders"); }

// There are rows enough for the team, or little work.
bool CpuBackend::suits_rows(const Shape& domain, const std::vector<std::int64_t>& axes) const {
  std::int64_t row = 1;
  for (const std::int64_t d : axes) row *= domain[static_cast<int>(d)];
  if (axes.empty() || domain.numel() == 0) return false;
  const std::int64_t rows = domain.numel() / row;
  return target_.threads == 1 || rows >= 2 * target_.threads || domain.numel() < 4 * kMinTask;
}

namespace {

struct Ways {
  Builder& b;
  std::vector<Choice> operator()(const Map& g) { return map_ways(b, g); }
  std::vector<Choice> operator()(const RowChain& g) { return row_chain_ways(b, g); }
  std::vector<Choice> operator()(const Product& g) { return product_ways(b, g); }
  std::vector<Choice> operator()(const Scatter& g) { return scatter_ways(b, g); }
  // Of no device: kernel/loop.h, kernel/host_call.h.
  std::vector<Choice> operator()(const Loop&) { return {}; }
  std::vector<Choice> operator()(const HostCall&) { return {}; }
};

}  // namespace

std::vector<Choice> CpuBackend::ways(const Group& g, Builder& b) const {
  return std::visit(Ways{b}, g);
}

}  // namespace lilith::schedule
