#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "schedule/kernel/contraction_spec.h"
#include "schedule/kernel/loops.h"

namespace lilith::schedule {

/// A copy of b for the lanes: [other axes of b][tile of the vector axis][k][lane]. With a pair
/// axis, a summed one of few steps, an element holds all of these (packed_sums.h).
class Panels {
 public:
  Panels(Builder& b, const ContractionSpec& spec, int vector_axis, std::int64_t vector_tile,
         int pair_axis = -1);

  /// What says all about the panels: products with the same share them.
  static std::vector<std::int64_t> key(const ContractionSpec& spec, int vector_axis,
                                       std::int64_t vector_tile, int pair_axis = -1);
  int buffer() const { return buffer_; }
  /// Where an element lies; `at` is the value of every axis, and `column` counts in the tile.
  kir::Expr place(kir::Pool& p, const std::vector<kir::Expr>& at, kir::Expr tile,
                  kir::Expr column) const;
  /// Adds the kernel that fills them, unless an earlier product has the same panels of the same b.
  void fill(const std::string& of);

 private:
  // The loops around a panel in the order of b's memory, where they put every axis, and the steps
  // of k that each line of b is used up in.
  struct Walk {
    std::vector<LoopDim> loops;
    std::vector<kir::Expr> at;
    LoopDim inner;
    std::int64_t elements = 1;
  };
  Walk walk(kir::Pool& p) const;
  kir::Block tile_of(kir::Pool& p, kir::BufferId from, kir::BufferId to, std::vector<kir::Expr> at,
                     kir::Expr tile, std::int64_t width, const LoopDim& inner,
                     kir::Expr left) const;
  kir::Expr element(kir::Pool& p, kir::BufferId from, std::vector<kir::Expr> at,
                    kir::Expr guard) const;
  std::vector<int> others() const;  // axes of b in the result but the vector axis
  std::vector<int> summed() const;
  const Axis& axis(int i) const { return spec_.axes[static_cast<std::size_t>(i)]; }

  Builder& b_;
  const ContractionSpec& spec_;
  int vector_axis_, pair_axis_;
  std::int64_t vector_tile_, tiles_;
  DType from_, dtype_;  // of b in memory, of the panels: halves are widened as they are copied
  bool filled_ = false;
  int buffer_ = -1;
};

}  // namespace lilith::schedule
