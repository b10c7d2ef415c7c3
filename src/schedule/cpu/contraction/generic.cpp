#include "schedule/cpu/contraction/product_kernel.h"
#include "schedule/cpu/contraction/ways.h"

// What no tile fits: correct, not tuned. A plain dot product sums in the lanes.
namespace lilith::schedule {

using kir::LoopKind;

namespace {

class GenericLoops : private ProductKernel {
 public:
  using ProductKernel::ProductKernel;
  void emit();
};

void GenericLoops::emit() {
  std::vector<Expr> at;
  std::vector<LoopDim> outer;
  for (int i = 0; i < axes(); ++i) {
    at.push_back(pool().var(axis(i).extent, axis(i).name));
    if (!axis(i).summed()) outer.push_back({at.back(), axis(i).extent});
  }
  const kir::RegId acc = kernel_.add_reg("acc", dtype_);
  const Expr b = load_b(at), a = load_a(at);
  Block sum;
  sum.push_back(kir::Accumulate{acc, {}, kir::Combine::Add, a * b, {}, {}});
  const std::vector<int> summed = summed_axes();
  for (auto it = summed.rbegin(); it != summed.rend(); ++it) {
    const bool lanes = outer.empty() && it == summed.rbegin();
    sum = in_loop(at[static_cast<std::size_t>(*it)], lanes ? LoopKind::Vector : LoopKind::Serial,
                  std::move(sum));
  }
  Block body;
  body.push_back(kir::DeclReg{acc, pool().constant(dtype_, 0)});
  append(&body, std::move(sum));
  append(&body, epilogue(out_index(at), pool().read(acc, dtype_)));
  kernel_.body.push_back(share_vector_loops(pool(), outer, std::move(body), tasks()));
  launch("generic loops");
}

}  // namespace

void add_generic_way(Builder& b, const Product& g, const ContractionSpec& spec,
                     std::vector<Choice>* ways) {
  if (g.pool != nullptr) return;
  const Layout layout = Layout::row_major(g.domain.rank());
  // A product and a sum after the other, each waiting for the one before it.
  Choice way = laid_out("generic loops", 8 * spec.macs(), g.stores, layout);
  way.emit = [&b, g, spec, layout] { GenericLoops(b, g, spec, layout).emit(); };
  ways->push_back(std::move(way));
}

}  // namespace lilith::schedule
