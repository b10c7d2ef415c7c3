#pragma once
#include "schedule/cpu/backend.h"
#include "schedule/gpu/backend.h"

namespace lilith::schedule {

/// The ways of a target: those of a GPU where it is one, else, and where a GPU has none, a CPU's.
class Backends final : public Backend {
 public:
  explicit Backends(const Target& target)
      : cpu_(target), gpu_(target.gpu ? &*target.gpu : nullptr), has_gpu_(target.gpu.has_value()) {}
  std::vector<Choice> ways(const Group& g, Builder& b) const override;
  const FusionRules& rules() const {
    return has_gpu_ ? static_cast<const FusionRules&>(gpu_) : cpu_;
  }

 private:
  const CpuBackend cpu_;
  const gpu::GpuBackend gpu_;
  const bool has_gpu_;
};

}  // namespace lilith::schedule
