#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lilith::io {

/// A value of a pickle, as data: nothing that a pickle names is ever run. What Python would call
/// or construct is kept as an Object (the callee's name, its arguments, what is put into the
/// result), for the reader of a format to interpret. Values may be shared, and contain themselves.
struct PickleValue;
struct PickleObject;
using PicklePtr = PickleValue*;
struct PickleValue {
  enum class Kind : std::uint8_t {
    None,
    Bool,
    Int,
    BigInt,  // text: the decimal digits of one beyond 64 bits
    Float,
    Text,  // text: Python 3's str, or Python 2's, whose bytes may be anything
    Bytes,
    List,  // items; tuples and sets too
    Tuple,
    Set,
    Dict,        // items: key, value, key, value, …
    Global,      // text: "torch._utils _rebuild_tensor_v2"
    Object,      // object
    Persistent,  // items[0]: the persistent id
  } kind = Kind::None;
  mutable bool open = false;  // for readers that walk: to find values that contain themselves
  union {
    std::int64_t integer = 0;
    double real;
    PickleObject* object;
  };
  std::string_view text;  // in the pickle's bytes or in Pickle::texts
  std::vector<PicklePtr> items;

  bool is(Kind k) const { return kind == k; }
  bool is_sequence() const { return kind == Kind::List || kind == Kind::Tuple; }
  /// Item i of at least so many items, or nullptr.
  const PickleValue* at(std::size_t i) const { return i < items.size() ? items[i] : nullptr; }
  /// The name of a Global, or of the class that a persistent id holds (PyTorch before 1.6 writes
  /// the classes of modules so); empty for others.
  std::string_view global() const;
  /// Of an Object whose callee is named: "torch._utils _rebuild_tensor_v2"; empty for others.
  std::string_view callee() const;
  /// Argument i of an Object, or nullptr.
  const PickleValue* arg(std::size_t i) const;
};

struct PickleObject {
  PicklePtr callee = nullptr, args = nullptr;
  PicklePtr state = nullptr;         // what BUILD gave it: mostly the dict of its attributes
  std::vector<PicklePtr> items;      // appended
  std::vector<PicklePtr> key_items;  // set: key, value, key, value, …
};

/// A pickle's values, which point to each other, and the one that it stands for. The bytes that
/// were parsed must outlive it.
struct Pickle {
  std::deque<PickleValue> values;
  std::deque<PickleObject> objects;
  std::deque<std::string> texts;
  const PickleValue* root = nullptr;
  std::size_t bytes = 0;  // how long it is: others may follow
};

/// Reads a pickle of protocol 0 to 5 that starts the bytes. It takes at most about 100 bytes of
/// memory a byte. Errors: opcodes that data does not need, a stack that runs empty, truncation;
/// `file` names it.
Pickle parse_pickle(std::span<const std::uint8_t> bytes, const std::string& file);

/// The bytes that a value stands for, whichever way its protocol wrote them: Bytes, a Python 2
/// str, a bytearray, or Python 3's detour over latin-1 text. False when it stands for none.
bool pickle_bytes(const PickleValue& v, std::vector<std::uint8_t>& out);
/// A value as Python prints it: "('a', 1)", "None", "b'w'"; an object as "<module.name>".
std::string pickle_repr(const PickleValue& v);

}  // namespace lilith::io
