#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "schedule/cpu/winograd/correlation.h"
#include "schedule/cpu/winograd/matrices.h"

namespace lilith::schedule {

/// b transformed, in panels for the lanes: [panel][element of a square][summed][lane].
class WinogradWeights {
 public:
  WinogradWeights(Builder& b, const ContractionSpec& spec, const Correlation& c,
                  const WinogradMatrices& matrices, std::int64_t columns);
  int buffer() const { return buffer_; }
  kir::Expr place(kir::Expr panel, kir::Expr square, kir::Expr step, kir::Expr column) const;
  /// Adds the kernel that fills them.
  void fill(const std::string& of);

 private:
  const Axis& axis(int i) const { return spec_.axes[static_cast<std::size_t>(i)]; }
  kir::Block squares(kir::Kernel& kernel, Lowerer& lower, std::vector<kir::Expr> at,
                     kir::Expr panel, kir::Expr step, kir::Expr strip) const;

  Builder& b_;
  const ContractionSpec& spec_;
  const Correlation& form_;
  const WinogradMatrices& matrices_;
  std::int64_t columns_, panels_, steps_;
  int buffer_ = -1;
};

}  // namespace lilith::schedule
