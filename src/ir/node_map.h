#pragma once
#include <bit>
#include <cstdint>
#include <vector>

#include "ir/node.h"

namespace lilith::ir {

/// A map from nodes to small values: open addressing, no allocation per entry. Nothing is ever
/// erased.
template <class V>
class NodeMap {
 public:
  explicit NodeMap(std::size_t expected = 64) : slots_(std::bit_ceil(expected * 2 + 2)) {}

  /// The value of a node, or nullptr.
  const V* find(const NodeImpl* node) const {
    const Slot& s = slots_[locate(node)];
    return s.node ? &s.value : nullptr;
  }
  V* find(const NodeImpl* node) {
    Slot& s = slots_[locate(node)];
    return s.node ? &s.value : nullptr;
  }
  bool contains(const NodeImpl* node) const { return find(node) != nullptr; }
  /// Inserts unless present; true when it did.
  bool insert(const NodeImpl* node, V value) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    Slot& s = slots_[locate(node)];
    if (s.node) return false;
    s.node = node;
    s.value = std::move(value);
    ++size_;
    return true;
  }
  /// The value of a node, made when absent.
  V& operator[](const NodeImpl* node) {
    insert(node, V{});
    return *find(node);
  }
  std::size_t size() const { return size_; }

 private:
  struct Slot {
    const NodeImpl* node = nullptr;
    V value{};
  };

  std::size_t locate(const NodeImpl* node) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = (reinterpret_cast<std::uintptr_t>(node) * 0x9e3779b97f4a7c15u >> 32) & mask;
    while (slots_[at].node && slots_[at].node != node) at = (at + 1) & mask;
    return at;
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (Slot& s : old) {
      if (s.node) slots_[locate(s.node)] = std::move(s);
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace lilith::ir
