#pragma once
#include <bit>
#include <cstdint>
#include <utility>
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
  /// The value of a node, which is `value` when it had none: true then.
  std::pair<V*, bool> find_or_insert(const NodeImpl* node, V value) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    Slot& s = slots_[locate(node)];
    if (s.node) return {&s.value, false};
    s.node = node;
    s.value = std::move(value);
    ++size_;
    return {&s.value, true};
  }
  /// Inserts unless present; true when it did.
  bool insert(const NodeImpl* node, V value) {
    return find_or_insert(node, std::move(value)).second;
  }
  /// The value of a node, made when absent.
  V& operator[](const NodeImpl* node) { return *find_or_insert(node, V{}).first; }
  std::size_t size() const { return size_; }
  /// Calls f with each value, in no order.
  template <class F>
  void each_value(const F& f) {
    for (Slot& s : slots_) {
      if (s.node) f(s.value);
    }
  }

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
