#include "schedule/cpu/contraction/product_kernel.h"

#include "schedule/kernel/epilogue.h"
#include "schedule/kernel/typical.h"

namespace lilith::schedule {

using kir::Expr;

ProductKernel::ProductKernel(Builder& b, const Product& g, ContractionSpec spec, Layout layout)
    : b_(b),
      g_(g),
      lower_(b.lowerer(kernel_)),
      dtype_(compute_dtype(g.core->aval.dtype)),
      spec_(std::move(spec)),
      layout_(std::move(layout)),
      typical_macs_(typical_if_varying(spec_).macs()) {
  kernel_.name = g.core->op->name;
}

std::vector<int> ProductKernel::summed_axes() const {
  std::vector<int> r;
  for (int i = 0; i < axes(); ++i) {
    if (axis(i).summed()) r.push_back(i);
  }
  return r;
}

Expr ProductKernel::unknown(const std::string& name, Expr count, Block* before) {
  return schedule::unknown(kernel_, name, count, before);
}

Expr ProductKernel::load_a(const std::vector<Expr>& at, Expr guard) {
  return lower_.load(spec_.a_buffer, spec_.place_a(pool(), at), dtype_, guard);
}

Expr ProductKernel::load_b(const std::vector<Expr>& at, Expr guard) {
  return lower_.load(spec_.b_buffer, spec_.place_b(pool(), at), dtype_, guard);
}

Index ProductKernel::out_index(const std::vector<Expr>& at) {
  return result_index(pool(), spec_.axes, g_.domain.rank(), at);
}

kir::Block ProductKernel::epilogue(const Index& index, Expr core) {
  return store_results(b_, g_, &lower_, index, core);
}

void ProductKernel::keep_for_rows() {
  kept_ = lower_.written_param(b_.add_scratch("product", dtype_, g_.domain.numel()));
}

kir::Block ProductKernel::store_result(const std::vector<Expr>& at, Expr core) {
  const Index index = out_index(at);
  if (!keeps()) return epilogue(index, core);
  return {kir::Store{kept_, place_of(pool(), index, layout_, g_.domain), core, {}}};
}

void ProductKernel::store_kept() {
  if (keeps()) store_in_rows([this](Expr place) { return pool().load(kept_, dtype_, place); });
}

std::int64_t ProductKernel::typical_steps(int i, std::int64_t by) const {
  return divide_up(axis(i).varies ? typical_extent(axis(i).extent) : axis(i).extent, by);
}

std::int64_t ProductKernel::tasks() const {
  return typical_macs_ < 2e4 ? 1 : enough_tasks(b_.target);
}

void ProductKernel::launch(std::string how) {
  store_borders();
  b_.launch(std::move(kernel_), lower_, g_.stores, std::move(how), 2 * spec_.macs(), g_.core);
}

}  // namespace lilith::schedule
