#include "schedule/cpu/backend.h"

#include <algorithm>

#include "core/env.h"
#include "schedule/cpu/sparse/sparse.h"
#include "schedule/cpu/tasks.h"

namespace lilith::schedule {

using ir::NodeImpl;

std::optional<SparseSpec> CpuBackend::sparse(const NodeImpl* product) const {
  if (env::disabled("sparse")) return {};
  for (SparseSpec& form : sparse_forms(product)) {
    if (sparse_pays(form, product, target_)) return std::move(form);
  }
  return {};
}

// Windows that follow each other without overlap or padding over at most two spatial dimensions of
// a convolution's result: a register tile can hold whole ones.
bool CpuBackend::pools(const NodeImpl* core, const NodeImpl* pool) const {
  if (core->op->cls != OpClass::Contraction || pool->op->cls != OpClass::Window ||
      pool->op->zeros != Zeros::None || !is_floating(core->aval.dtype))
    return false;
  const auto &window = pool->attrs.ints("window"), &stride = pool->attrs.ints("stride");
  int dims = 0;
  std::int64_t volume = 1;
  for (std::size_t d = 0; d < window.size(); ++d) {
    if (window[d] != stride[d] || (window[d] > 1 && !slides(core, static_cast<int>(d))) ||
        pool->attrs.ints("lo")[d] != 0 || pool->attrs.ints("hi")[d] > 0 ||
        pool->attrs.ints("dilation")[d] != 1)
      return false;
    dims += window[d] > 1;
    volume *= window[d];
  }
  return dims >= 1 && dims <= 2 && volume <= 16 && column_extent(core) > 1;
}

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
};

}  // namespace

std::vector<Choice> CpuBackend::ways(const Group& g, Builder& b) const {
  return std::visit(Ways{b}, g);
}

}  // namespace lilith::schedule
