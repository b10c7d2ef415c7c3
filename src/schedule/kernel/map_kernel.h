#pragma once
#include <string>
#include <utility>
#include <vector>

#include "schedule/kernel/builder.h"
#include "schedule/kernel/map_domain.h"

namespace lilith::schedule {

/// A map on its way to a kernel: what all kinds of maps share, on every device. A kind adds the
/// kernel's body.
struct MapKernel {
  /// Decides in which order the loops run, and with it where the results lie.
  MapKernel(Builder& b, const Map& g);

  kir::Pool& pool() { return *kernel.pool; }
  /// Of a value with an element for each point.
  Layout layout_of(const ir::NodeImpl* store) const;
  std::vector<std::pair<const ir::NodeImpl*, Layout>> results() const;
  /// The loops over reduced dimensions, or those over the others.
  std::vector<LoopDim> loops(bool reduced) const;
  /// Replaces loop variables in what is computed.
  void replace_vars(const std::vector<kir::Expr>& by);

  // The parts of a body. `by` says what replaces the loops' variables.
  kir::Block stores(const std::vector<kir::Expr>& by);
  kir::Expr reduced_value(std::size_t k, const std::vector<kir::Expr>& by) const;
  kir::Stmt store_result(std::size_t k, kir::Expr value, const std::vector<kir::Expr>& by);

  /// Ends the kernel, once the results have their buffers and the body is there.
  void launch(std::string how) { launch(std::move(how), g.results()); }
  void launch(std::string how, const Nodes& results);

  Builder& b;
  const Map g;
  kir::Kernel kernel;
  Lowerer lower;
  MapDomain domain;
  std::vector<kir::Expr> values;  // of a point: the stores, then what the reductions combine
  std::vector<int> order;         // of the dimensions, outermost first
  std::vector<LoopDim> dims;      // outermost first

 private:
  void make_loops();
};

}  // namespace lilith::schedule
