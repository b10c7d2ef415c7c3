#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "schedule/cpu/winograd/grid.h"
#include "schedule/target.h"

namespace lilith::schedule {

/// How tiles of a correlation of 3x3 or 5x5 taps are computed.
struct WinogradSchedule {
  int outputs = 4;  // of a tile, along either axis
  int taps = 3;
  std::int64_t tiles = 1;    // that go through a thread's caches together
  std::int64_t rows = 1;     // tiles in the registers of a product
  std::int64_t columns = 0;  // in the registers, whole vectors
  std::int64_t parts = 1;    // the columns are cut into, for more tasks
  bool staged = false;       // all data is transformed before the first product
  bool in_rows = false;      // the epilogue runs once all of the product lies in memory
  double cycles = 0;         // the model's estimate, of one thread
  double pack_cycles = 0;    // of these, to transform b

  std::string name() const;
};

/// How a correlation with many taps, of which 3x3 results are asked for, is computed.
struct WinogradSumSchedule {
  int taps = 4;              // of a tile, along either axis
  std::int64_t tiles = 1;    // that are added up before the next sums
  std::int64_t rows = 1;     // in the registers
  std::int64_t columns = 0;  // in the registers, whole vectors
  std::int64_t block = 1;    // rows of a task
  std::int64_t chunks = 0;   // of the tiles, each with sums of its own; 0: transformed tiles wait
                             // in memory, and each sum is one task's
  bool in_rows = false;
  double cycles = 0;

  std::string name() const;
};

/// The best by the model with `outputs` a tile and as many taps as the correlation has: what goes
/// through a thread's caches, and staged.
std::vector<WinogradSchedule> search_winograd(const ContractionSpec& spec, const Correlation& c,
                                              int outputs, const Target& target);
/// The same with `taps` a tile, with sums in chunks and without.
std::vector<WinogradSumSchedule> search_winograd_sums(const ContractionSpec& spec,
                                                      const Correlation& c, int taps,
                                                      const Target& target);
/// The best of each order of sums that might be chosen.
std::vector<WinogradSumSchedule> search_winograd_sum_shapes(const ContractionSpec& spec,
                                                            const Correlation& c, int taps,
                                                            const Target& target);
/// Each order of sums that might be chosen, in the shapes that were found for another grid: what
/// has other extents, but the same rows and columns.
std::vector<WinogradSumSchedule> winograd_sums_like(const ContractionSpec& spec,
                                                    const Correlation& c, int taps,
                                                    const Target& target,
                                                    const std::vector<WinogradSumSchedule>& shapes);

}  // namespace lilith::schedule
