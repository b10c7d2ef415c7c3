#include "schedule/cpu/backend.h"

#include <algorithm>

#include "core/env.h"
#include "schedule/cpu/sparse/sparse.h"
#include "schedule/cpu/tasks.h"

namespace lilith::schedule {

using ir::NodeImpl;

std::optional<SparseSpec> CpuRules::sparse(const NodeImpl* product) const {
  if (env::disabled("sparse")) return {};
  for (SparseSpec& form : sparse_forms(product)) {
    if (sparse_pays(form, product, target_)) return std::move(form);
  }
  return {};
}

// Windows that follow each other without overlap or padding over at most two spatial dimensions of
// a convolution's result: a register tile can hold whole ones.
bool CpuRules::pools(const NodeImpl* core, const NodeImpl* pool) const {
  if (core->op->name != "conv_general" || pool->op->cls != OpClass::Window ||
      pool->op->name == "unpool" || !is_floating(core->aval.dtype))
    return false;
  const auto &window = pool->attrs.ints("window"), &stride = pool->attrs.ints("stride"),
             &spec = core->attrs.ints("out_spec");
  int dims = 0;
  std::int64_t volume = 1;
  for (std::size_t d = 0; d < window.size(); ++d) {
    const bool spatial =
        std::find(spec.begin() + 2, spec.end(), static_cast<std::int64_t>(d)) != spec.end();
    if (window[d] != stride[d] || (window[d] > 1 && !spatial) || pool->attrs.ints("lo")[d] != 0 ||
        pool->attrs.ints("hi")[d] > 0 || pool->attrs.ints("dilation")[d] != 1)
      return false;
    dims += window[d] > 1;
    volume *= window[d];
  }
  return dims >= 1 && dims <= 2 && volume <= 16 && core->aval.shape[static_cast<int>(spec[1])] > 1;
}

// There are rows enough for the team, or little work.
bool CpuRules::suits_rows(const Shape& domain, const std::vector<std::int64_t>& axes) const {
  std::int64_t row = 1;
  for (const std::int64_t d : axes) row *= domain[static_cast<int>(d)];
  if (axes.empty() || domain.numel() == 0) return false;
  const std::int64_t rows = domain.numel() / row;
  return target_.threads == 1 || rows >= 2 * target_.threads || domain.numel() < 4 * kMinTask;
}

namespace {

struct Emitter {
  Builder& b;
  void operator()(const Map& g) { build_map(b, g); }
  void operator()(const RowChain& g) { build_row_chain(b, g); }
  void operator()(const Product& g) { g.sparse ? build_sparse(b, g) : build_contraction(b, g); }
  void operator()(const Scatter& g) { build_scatter_add(b, g); }
};

}  // namespace

void emit(Builder& b, const Group& g) { std::visit(Emitter{b}, g); }

}  // namespace lilith::schedule
