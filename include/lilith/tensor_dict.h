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
/// file of weights holds. A file may also hold tensors that Lilith has no place for (sparse or
/// complex ones, numbers that no dtype holds): they are listed by `refused`, and the rest is there.
class TensorDict {
 public:
  using Item = std::pair<std::string, Tensor>;

  TensorDict() = default;
  TensorDict(std::initializer_list<Item> items);
  explicit TensorDict(const std::vector<Item>& items);

  /// Adds a tensor. Error when the name is taken.
  void add(std::string name, Tensor value);
  /// Adds a name that has no tensor, and why, as a predicate: "is sparse, …". Error when the name
  /// is taken.
  void refuse(std::string name, std::string reason);
  /// The names without a tensor and the reasons. They are not counted, found or iterated over;
  /// operator[] throws the reason.
  const std::map<std::string, std::string>& refused() const { return refused_; }
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// The tensor of that name, or nullptr.
  const Tensor* find(std::string_view name) const;
  /// The tensor of that name. Error when there is none: with the reason where the file holds one
  /// that could not be read, else with the nearest key.
  const Tensor& operator[](const detail::Name& key) const;
  const Tensor& at(const detail::Name& key) const { return (*this)[key]; }

  /// "; the nearest is 'fc.weight'", for a name that is not there; nothing where there is none.
  std::string nearest_text(std::string_view name) const;

  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

  std::map<std::string, std::string> metadata;

 private:
  std::vector<Item> items_;
  std::unordered_map<std::string, std::size_t> index_;
  std::map<std::string, std::string> refused_;
};

}  // namespace lilith
