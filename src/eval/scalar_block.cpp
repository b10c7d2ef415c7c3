#include "eval/scalar_block.h"

#include <algorithm>
#include <cstring>

#include "lilith/dtype.h"
#include "runtime/device_memory.h"

namespace lilith {
namespace {

constexpr std::size_t kSlot = 8;  // the largest element

}  // namespace

ScalarBlock::ScalarBlock(std::span<const char> by_value) : offsets_(by_value.size()) {
  for (std::size_t k = 0; k < by_value.size(); ++k) {
    if (!by_value[k]) continue;
    offsets_[k] = bytes_;
    bytes_ += kSlot;
  }
}

std::vector<char> ScalarBlock::by_value() const {
  std::vector<char> out;
  for (const auto& offset : offsets_) out.push_back(offset.has_value());
  return out;
}

void ScalarBlock::write(Storage& block, std::span<const StoragePtr> inputs) const {
  std::vector<char> values(bytes_);
  for (std::size_t k = 0; k < offsets_.size(); ++k) {
    if (!offsets_[k]) continue;
    const Storage& value = *inputs[k];
    std::memcpy(values.data() + *offsets_[k], value.data(), std::min(value.bytes(), kSlot));
  }
  runtime::write(block, 0, values.data(), bytes_);
}

}  // namespace lilith
