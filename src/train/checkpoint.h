#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "lilith/train.h"

namespace lilith::train {

/// Where a run stands, but for the model, the optimiser and the scheduler.
struct RunState {
  std::int64_t first_epoch = 0;  // of the order of the rows, in which this run started
  std::int64_t epoch = 0;        // of this run; counts from 0
  std::int64_t batch = 0;        // next one of the epoch
  std::int64_t step = 0;
  // Sums over the examples of the running epoch.
  double loss_sum = 0, metric_sum = 0, seconds = 0;
  std::int64_t samples = 0;
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

/// What a run trains: with RunState, enough to go on to the bit.
struct RunParts {
  ModelRef model;
  Optimizer& optimizer;
  SchedulerRef& scheduler;
  RunShape shape;
};

/// Writes a checkpoint that load_checkpoint of the public interface reads too, whole or not at all:
/// the file of save_checkpoint with one part more.
void save_run(const std::string& path, const RunParts& parts, const RunState& state);
/// Reads what save_run wrote, and files of the version before. Error when the file is none, or of a
/// run with another shape, model, optimiser or kind of scheduler; nothing is changed then.
RunState load_run(const std::string& path, const RunParts& parts);

}  // namespace lilith::train
