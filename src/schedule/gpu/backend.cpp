#include "schedule/gpu/backend.h"

namespace lilith::schedule::gpu {

namespace {

// A launch more, and its part of the way through the device; what a unit does in the same time.
constexpr double kLaunch = 2.5;   // microseconds
constexpr double kFlops = 150e3;  // of a unit in a microsecond, FMAs apart
constexpr double kBytes = 20e3;   // of memory, likewise
constexpr std::int64_t kLongRow = 1 << 15;
constexpr double kReuse = 32;  // multiplications for each element that is fetched

double macs_of(const ir::NodeImpl* product) {
  double n = 1;
  for (const ContractionAxis& x :
       product->op->axes(product->attrs, product->inputs[0]->aval.shape,
                         product->inputs[1]->aval.shape, product->aval.shape))
    n *= static_cast<double>(x.extent);
  return n;
}

}  // namespace

// Elements that lie elsewhere, masks and a little arithmetic; not what follows an index in memory.
bool GpuBackend::is_prologue(const ir::NodeImpl* n) const {
  if (!n->op->pure) return false;
  if (n->op->cls == OpClass::View) return n->op->index_operand == 0;
  if (n->op->zeros == Zeros::Beside) return n->attrs.ints("window") == n->attrs.ints("stride");
  return n->op->cls == OpClass::Elementwise;
}

bool GpuBackend::computes_operand(const ir::NodeImpl* product, const ir::NodeImpl* operand,
                                  double flops) const {
  const std::int64_t elements = operand->aval.numel();
  const double again = macs_of(product) / kReuse * flops / (target_->units * kFlops);
  const double stored = 2 * 4 * static_cast<double>(elements) / (target_->units * kBytes);
  return again < kLaunch + stored;
}

// A block has a row: few long ones are sooner summed in chunks, by many.
bool GpuBackend::suits_rows(const Shape& domain, const std::vector<std::int64_t>& axes) const {
  if (axes.empty() || domain.numel() == 0) return false;
  std::int64_t row = 1;
  for (const std::int64_t d : axes) row *= domain[static_cast<int>(d)];
  return row <= kLongRow || domain.numel() / row >= target_->units;
}

std::vector<Choice> GpuBackend::ways(const Group& g, Builder& b) const {
  if (const auto* map = std::get_if<Map>(&g)) return map_ways(b, *map);
  if (const auto* chain = std::get_if<RowChain>(&g)) return row_chain_ways(b, *chain);
  if (const auto* product = std::get_if<Product>(&g)) return product_ways(b, *product);
  if (const auto* scatter = std::get_if<Scatter>(&g)) return scatter_ways(b, *scatter);
  return {};
}

}  // namespace lilith::schedule::gpu
