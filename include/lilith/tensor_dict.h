#pragma once
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lilith/tensor.h"

namespace lilith {

/// Tensors by name, in the order in which they were added, and a file's free-text metadata: what a
/// file of weights holds.
class TensorDict {
 public:
  using Item = std::pair<std::string, Tensor>;

  TensorDict() = default;
  TensorDict(std::initializer_list<Item> items);
  explicit TensorDict(const std::vector<Item>& items);

  /// Adds a tensor. Error when the name is taken.
  void add(std::string name, Tensor value);
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// The tensor of that name, or nullptr.
  const Tensor* find(std::string_view name) const;
  /// The tensor of that name. Error when there is none; it names the nearest key.
  const Tensor& operator[](std::string_view name) const;

  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

  std::map<std::string, std::string> metadata;

 private:
  std::vector<Item> items_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace lilith
