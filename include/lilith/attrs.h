#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "lilith/dtype.h"

namespace lilith {

namespace ir {
class Body;  // lilith/graph.h
}
/// A function that a node owns: what a loop does in each step.
using BodyPtr = std::shared_ptr<const ir::Body>;

/// One static parameter of an op.
using Attr = std::variant<bool, std::int64_t, double, DType, std::string, std::vector<std::int64_t>,
                          BodyPtr>;

/// The static parameters of a node, by name: {axes=[0,1], dtype=f32}. Kept sorted by name. Printer,
/// parser, hashing and cse know ops through this alone.
class Attrs {
 public:
  Attrs() = default;
  Attrs(std::initializer_list<std::pair<std::string_view, Attr>> items);

  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// Typed access; InternalError when the key is missing or of another type.
  bool flag(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  double real(std::string_view key) const;
  DType dtype(std::string_view key) const;
  const std::string& text(std::string_view key) const;
  const std::vector<std::int64_t>& ints(std::string_view key) const;
  const BodyPtr& body(std::string_view key) const;

  void set(std::string_view key, Attr value);
  const Attr* find(std::string_view key) const;
  const std::vector<std::pair<std::string, Attr>>& items() const { return items_; }
  bool empty() const { return items_.empty(); }
  std::uint64_t hash() const;
  /// "axes=[0,1] dtype=f32"; a body by its name.
  std::string str() const;
  /// Numbers are compared bit by bit: 0.0 and -0.0 differ, NaN equals itself. Bodies are equal
  /// where they do the same.
  bool operator==(const Attrs& other) const;

 private:
  std::vector<std::pair<std::string, Attr>> items_;
};

}  // namespace lilith
