#pragma once
#include <optional>
#include <utility>

#include "lilith/dtype.h"

namespace lilith {

/// The dtype of the Autocast around, on this thread.
std::optional<DType>& autocast_state();

/// Turns autocast off for what the library computes by itself: rules of gradients, passes, updates,
/// the inside of a composite.
class AutocastOff {
 public:
  AutocastOff() : saved_(std::exchange(autocast_state(), std::nullopt)) {}
  ~AutocastOff() { autocast_state() = saved_; }
  AutocastOff(const AutocastOff&) = delete;

 private:
  std::optional<DType> saved_;
};

}  // namespace lilith
