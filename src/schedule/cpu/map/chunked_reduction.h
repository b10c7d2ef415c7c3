#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "schedule/cpu/map/map.h"
#include "schedule/cpu/partials.h"
#include "schedule/kernel/reduction.h"

namespace lilith::schedule {

/// Reductions along rows or columns. Where the kept loops give too few tasks, the outermost reduced
/// one is cut into chunks with partial results, which are combined after a barrier:
///
///   parallel kept, chunk { …; partial[chunk][kept] = acc }
///   barrier
///   parallel kept { result = partial[0][kept] + partial[1][kept] + … }
class ChunkedReduction {
 protected:
  explicit ChunkedReduction(MapKernel& map);

  kir::Pool& pool() { return map_.pool(); }
  /// Chunks beside so many tasks; 1 when these are enough, or there is too little work.
  std::int64_t chunks_for(std::int64_t tasks) const;
  /// Makes chunks where `to_share` are too few tasks; gives the number of the task beside them.
  kir::Expr begin(std::int64_t tasks, std::int64_t to_share);
  /// Cuts the outermost reduced loop where there are chunks; sets its variable in `by`.
  void cut_loop(std::vector<kir::Expr>* by);
  /// Memory for a partial result of every kept element, where there are chunks.
  void make_partials();

  std::vector<Accumulator> accumulators(const std::vector<std::int64_t>& dims);
  kir::Block declare(const std::vector<Accumulator>& accs) const;
  /// What is stored for a point of the domain, and what it adds to the accumulators at `at`.
  kir::Block point(const std::vector<Accumulator>& accs, const std::vector<kir::Expr>& at,
                   const std::vector<kir::Expr>& by);
  /// Reduced loops around the one in the lanes; nothing beyond the end of the one that was cut.
  kir::Block over_reduced(const std::vector<LoopDim>& loops, kir::Block lanes) const;
  /// Stores what is in the accumulators at `at`: the results, or partial ones of this kept element
  /// (counted in the order of the loops).
  kir::Block store_sums(const std::vector<Accumulator>& accs, const std::vector<kir::Expr>& at,
                        kir::Expr element, const std::vector<kir::Expr>& by);
  /// Adds the loop over the tasks, and the combination of the chunks.
  void finish(kir::Block task);
  std::string in_chunks() const;  // for people

  MapKernel& map_;
  std::vector<LoopDim> kept_, reduced_;

 private:
  void combine_partials();

  std::int64_t chunks_ = 1;
  kir::Expr task_, chunk_;
  kir::Expr inside_;  // of the cut loop; null when the chunks are equal
  std::vector<Partials> partials_;
};

}  // namespace lilith::schedule
