#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace lilith::io {

/// The tensors of a file that are asked for: by name, or by what their names begin with up to a
/// dot. Made of nothing: all.
class Selection {
 public:
  Selection() = default;
  explicit Selection(std::vector<std::string> only) : only_(std::move(only)) {}

  bool wants(std::string_view name) const;
  /// Error when something that is asked for is none of the names that `path` holds.
  void check(const std::vector<std::string_view>& names, const std::string& path) const;

 private:
  std::vector<std::string> only_;
};

}  // namespace lilith::io
