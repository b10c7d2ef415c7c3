#pragma once
#include <vector>

#include "lilith/model.h"

namespace lilith::train {

/// The fields `bool training` of a model, as they were when it was made.
class ModeFlags {
 public:
  explicit ModeFlags(ModelRef model);
  /// Puts them back; when it goes, too.
  void restore() const;
  ~ModeFlags() { restore(); }
  ModeFlags(const ModeFlags&) = delete;
  /// Whether there are some, and none is set.
  bool all_off() const;

 private:
  ModelRef model_;
  std::vector<bool> training_;  // in the order of declaration
};

}  // namespace lilith::train
