#pragma once
#include <cstddef>
#include <vector>

#include "schedule/fusion/marks.h"
#include "schedule/fusion/state.h"

namespace lilith::schedule {

/// The stored values that a kernel reads. Asked once what is stored is settled: answers are kept.
class Reads {
 public:
  explicit Reads(const FusionState& state);
  /// What computing a node reads.
  const Numbers& of(int n);
  /// What a group reads that has these results.
  Numbers of(const Group& g, const Numbers& results);

 private:
  const FusionState& s_;
  std::vector<Numbers> reads_;  // by index, of those that are known
  Marks known_, seen_;
};

/// What is put together of more pieces is stored by itself: a kernel of nothing but copies.
inline constexpr std::size_t kMostReads = 16;

}  // namespace lilith::schedule
