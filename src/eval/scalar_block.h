#pragma once
#include <optional>
#include <span>
#include <vector>

#include "runtime/storage.h"

namespace lilith {

/// The inputs of a program that come by value: 0-d ones that lie in host memory, whatever device
/// the program is for. They are gathered in one block of the device's memory, written once a run.
class ScalarBlock {
 public:
  ScalarBlock() = default;
  /// by_value: per input; empty: none.
  explicit ScalarBlock(std::span<const char> by_value);
  /// Of which inputs it is.
  std::vector<char> by_value() const;
  std::size_t bytes() const { return bytes_; }
  /// Where input k lies in the block.
  std::optional<std::size_t> offset(std::size_t input) const {
    return input < offsets_.size() ? offsets_[input] : std::nullopt;
  }
  void write(Storage& block, std::span<const StoragePtr> inputs) const;

 private:
  std::vector<std::optional<std::size_t>> offsets_;  // by input
  std::size_t bytes_ = 0;
};

}  // namespace lilith
