#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "lilith/train.h"

namespace lilith::train {

/// Where a run stands, but for the model and the optimiser: enough to go on to the bit.
struct RunState {
  std::int64_t first_epoch = 0;  // of the order of the rows, in which this run started
  std::int64_t epoch = 0;        // of this run; counts from 0
  std::int64_t batch = 0;        // next one of the epoch
  std::int64_t step = 0;
  // Sums over the examples of the running epoch.
  double loss_sum = 0, metric_sum = 0, seconds = 0;
  std::int64_t samples = 0;
  std::vector<double> base_lrs;  // of the scheduler; empty without one
  std::int64_t scheduler_epoch = 0;
  std::map<std::string, double> memory;  // of the callbacks
  bool stopped = false;                  // by one of them
  History history;
};

/// Whether two runs visit the same batches in the same order.
struct RunShape {
  std::int64_t rows = 0, batch_size = 0;
  std::uint64_t seed = 0;
  bool shuffle = true, drop_last = false;
};

/// Writes model, optimiser, generator and state as one safetensors file, whole or not at all.
void save_checkpoint(const std::string& path, ModelRef model, Optimizer& optimizer,
                     const RunState& state, const RunShape& shape);
/// Reads what save_checkpoint wrote. Error when the file is none, or of a run with another shape.
RunState load_checkpoint(const std::string& path, ModelRef model, Optimizer& optimizer,
                         const RunShape& shape);

}  // namespace lilith::train
