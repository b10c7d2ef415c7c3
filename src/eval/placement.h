#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "eval/instance.h"
#include "eval/scalar_block.h"
#include "schedule/plan.h"

namespace lilith {

/// Where the buffers of a plan lie in a run. The plan's last outputs are what the checks of indices
/// look at: they lie in the instance.
class Placement {
 public:
  /// The plan and the scalars (null: none) outlive it. device: where all of it lies.
  Placement(const schedule::Plan& plan, std::size_t num_checks, Device device = {},
            const ScalarBlock* scalars = nullptr);

  /// Fills the instance's buffers. Outputs that have no memory get it: a donated
  /// input's where the plan says so, else new.
  void place(Instance& instance, const StoragePtr& arena, std::span<const StoragePtr> inputs,
             std::span<const char> donated, std::span<StoragePtr> outputs) const;
  /// After the run: outputs that are inputs, or repeat an earlier output, are copies.
  void copy_repeated(std::span<const StoragePtr> inputs, std::span<StoragePtr> outputs) const;
  /// What check `i` has to look at.
  std::int64_t seen(const Instance& instance, std::size_t i) const;

  /// Bytes of the outputs that need no new memory in a run.
  std::int64_t bytes_in_place(std::span<const char> donated,
                              std::span<const StoragePtr> given) const;

 private:
  std::size_t num_outputs() const { return plan_.outputs.size() - num_checks_; }
  const schedule::BufferPlan& buffer(int b) const {
    return plan_.buffers[static_cast<std::size_t>(b)];
  }
  Place input_place(const Instance& instance, std::span<const StoragePtr> inputs,
                    std::size_t input) const;
  int donor_in_run(const schedule::BufferPlan& output, std::span<const char> donated) const;
  void place_outputs(Instance& instance, std::span<const StoragePtr> inputs,
                     std::span<const char> donated, std::span<StoragePtr> outputs) const;

  const schedule::Plan& plan_;
  const std::size_t num_checks_;
  const Device device_;
  const ScalarBlock* const scalars_;
  std::vector<std::size_t> first_;  // by output: the first one that is the same buffer
};

}  // namespace lilith
