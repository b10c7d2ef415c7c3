#pragma once
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lilith::io {

/// A value of a pickle, as data: nothing that a pickle names is ever run. Calls and objects are
/// kept as a Call (the function's name and its arguments), for the reader of a format to interpret.
struct PickleValue;
using PicklePtr = PickleValue*;
struct PickleValue {
  enum class Kind : std::uint8_t {
    None,
    Bool,
    Int,
    Float,
    Text,
    Bytes,
    List,        // items; tuples and sets too
    Dict,        // pairs
    Global,      // text: "torch._utils _rebuild_tensor_v2"
    Call,        // items[0]: what is called, items[1]: its arguments
    Persistent,  // items[0]: the persistent id
  } kind = Kind::None;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<PicklePtr> items;
  std::vector<std::pair<PicklePtr, PicklePtr>> pairs;

  bool is(Kind k) const { return kind == k; }
  /// Item i of a list of at least so many items, or nullptr.
  const PickleValue* at(std::size_t i) const { return i < items.size() ? items[i] : nullptr; }
};

/// A pickle's values, which point to each other, and the one that it stands for.
struct Pickle {
  std::deque<PickleValue> values;
  const PickleValue* root = nullptr;
};

/// Reads a pickle of protocol 2 to 5. Errors: opcodes that data does not need, a stack that runs
/// empty, truncation; `file` names it.
Pickle parse_pickle(std::span<const std::uint8_t> bytes, const std::string& file);

}  // namespace lilith::io
