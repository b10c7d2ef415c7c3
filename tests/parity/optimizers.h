#pragma once
#include <functional>
#include <string>
#include <vector>

#include "parity/golden.h"
#include "parity/jobs.h"

namespace lilith::parity {

/// The runs of optim.json or schedulers.json.
Json training_runs(const std::string& path);
/// What a run is counted under: "optim.SGD", "lr_scheduler.StepLR".
std::string name_of_run(const Json& run);
/// Counts the runs of that name; outcome says what differs, "" where nothing does.
Count count_runs(const Json& runs, const std::string& name,
                 const std::function<std::string(const Json& run)>& outcome);

/// Parameters of a small network after steps of an optimiser: of optim.json.
Count run_optimizers(const std::string& path, const std::string& name);
/// Learning rates of a schedule, epoch by epoch: of schedulers.json.
Count run_schedulers(const std::string& path, const std::string& name);

}  // namespace lilith::parity
