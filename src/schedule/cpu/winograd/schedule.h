#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "schedule/cpu/winograd/correlation.h"
#include "schedule/target.h"

namespace lilith::schedule {

/// How tiles of a correlation of 3x3 taps are computed.
struct WinogradSchedule {
  int outputs = 4;           // of a tile, along either axis
  std::int64_t tiles = 1;    // that go through a thread's caches together
  std::int64_t rows = 1;     // tiles in the registers of a product
  std::int64_t columns = 0;  // in the registers, whole vectors
  std::int64_t parts = 1;    // the columns are cut into, for more tasks
  bool staged = false;       // all data is transformed before the first product
  double cycles = 0;         // the model's estimate, of one thread
  double pack_cycles = 0;    // of these, to transform b

  std::string name() const;
};

/// How many tiles there are along either axis of the result, and all together.
struct TileCounts {
  std::int64_t along[2] = {0, 0};
  std::int64_t all = 0;
  TileCounts(const ContractionSpec& spec, const Correlation& c, int outputs);
};

/// The best by the model with `outputs` a tile: what goes through a thread's caches, and staged.
std::vector<WinogradSchedule> search_winograd(const ContractionSpec& spec, const Correlation& c,
                                              int outputs, const Target& target);

}  // namespace lilith::schedule
