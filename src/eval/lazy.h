#pragma once
#include <cstdint>
#include <vector>

#include "lilith/tensor.h"

namespace lilith::driver {

/// Evaluates what is pending of `outputs`, and stores what else is reachable and still held.
void evaluate(const std::vector<Tensor>& outputs);

/// While it lives, this thread's new nodes belong to a graph that is being built: none of them is
/// evaluated for having too much pending behind it.
class BuildingScope {
 public:
  BuildingScope();
  ~BuildingScope();
  BuildingScope(const BuildingScope&) = delete;
};

void count_run(std::int64_t donated);
void count_trace();
void count_hit();

}  // namespace lilith::driver
