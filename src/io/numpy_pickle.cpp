#include "io/numpy_pickle.h"

#include <algorithm>

#include "io/strided.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

using Kind = PickleValue::Kind;

// NumPy 2 renamed numpy.core to numpy._core.
bool is_from_core(std::string_view callee, std::string_view name) {
  for (const std::string_view module : {"numpy.core.", "numpy._core."})
    if (callee.starts_with(module) && callee.substr(module.size()) == name) return true;
  return false;
}

struct NumpyType {
  std::string_view type;  // as elements.h calls it; empty for one that it lacks
  std::string name;       // "<f8"
  bool big_endian = false;
};

// numpy.dtype("f8", …) with the state (version, byte order, …).
NumpyType type_of(const PickleValue* v) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"b1", "BOOL"}, {"u1", "U8"},  {"i1", "I8"},  {"i2", "I16"}, {"u2", "U16"}, {"f2", "F16"},
      {"i4", "I32"},  {"u4", "U32"}, {"f4", "F32"}, {"i8", "I64"}, {"u8", "U64"}, {"f8", "F64"}};
  NumpyType out;
  const PickleValue* code = v && v->callee() == "numpy dtype" ? v->arg(0) : nullptr;
  if (!code || !code->is(Kind::Text)) {
    out.name = v ? pickle_repr(*v) : "None";
    return out;
  }
  const PickleValue* state = v->object->state;
  const PickleValue* order = state ? state->at(1) : nullptr;
  out.big_endian = order && order->is(Kind::Text) && order->text == ">";
  out.name = (out.big_endian ? ">" : "") + std::string(code->text);
  for (const auto& [name, type] : kTypes)
    if (name == code->text) out.type = type;
  return out;
}

// Shape, type, order and bytes of an array, wherever its protocol put them.
struct Parts {
  const PickleValue *shape = nullptr, *dtype = nullptr, *bytes = nullptr;
  bool fortran = false;
};

Parts parts_of(const PickleValue& v) {
  Parts p;
  if (is_from_core(v.callee(), "numeric _frombuffer")) {  // (bytes, dtype, shape, "C" or "F")
    const PickleValue* order = v.arg(3);
    p = {v.arg(2), v.arg(1), v.arg(0), order && order->is(Kind::Text) && order->text == "F"};
  } else if (const PickleValue* state =
                 v.object->state) {  // ([version,] shape, dtype, order, bytes)
    const std::size_t first = state->items.size() >= 5 ? 1 : 0;
    const PickleValue* order = state->at(first + 2);
    p = {state->at(first), state->at(first + 1), state->at(first + 3),
         order && order->is(Kind::Bool) && order->integer != 0};
  }
  return p;
}

}  // namespace

bool is_numpy_array(const PickleValue& v) {
  const std::string_view callee = v.callee();
  return is_from_core(callee, "multiarray _reconstruct") ||
         is_from_core(callee, "numeric _frombuffer") ||
         callee == "numpy.ma.core _mareconstruct";  // masked: its elements, whatever the mask
}

namespace {

// Type and sizes of an array whose parts are there.
NumpyType type_and_sizes(const Parts& parts, const Origin& origin,
                         std::vector<std::uint64_t>& sizes) {
  const NumpyType type = type_of(parts.dtype);
  if (type.type.empty())
    refuse(origin, "is a NumPy array of '{}', which no dtype of Lilith can hold", type.name);
  bool whole = parts.shape && parts.shape->is_sequence() && parts.bytes;
  for (const PickleValue* size : whole ? parts.shape->items : std::vector<PicklePtr>()) {
    whole = whole && size->is(Kind::Int) && size->integer >= 0;
    sizes.push_back(whole ? static_cast<std::uint64_t>(size->integer) : 0);
  }
  if (!whole) refuse(origin, "is a NumPy array that is described in an unknown way");
  return type;
}

}  // namespace

void describe_numpy_array(const PickleValue& v, const Origin& origin, Entry& entry) {
  const NumpyType type = type_and_sizes(parts_of(v), origin, entry.sizes);
  entry.type = type.name;
  const auto count = static_cast<std::uint64_t>(to_shape(entry.sizes, origin).numel());
  entry.bytes = count * static_cast<std::uint64_t>(bits_of(type.type)) / 8;
  entry.dtype = dtype_held(type.type);
}

Tensor numpy_array(const PickleValue& v, const Origin& origin) {
  const Parts parts = parts_of(v);
  StridedView view;
  const NumpyType type = type_and_sizes(parts, origin, view.sizes);
  std::vector<std::uint8_t> bytes;
  if (!pickle_bytes(*parts.bytes, bytes))
    refuse(origin, "is a NumPy array that is described in an unknown way");
  const Shape shape = to_shape(view.sizes, origin);
  view.bytes = bytes;
  view.width = static_cast<std::uint64_t>(bits_of(type.type)) / 8;
  view.strides = dense_strides(view.sizes, parts.fortran);
  view.big_endian = type.big_endian;
  const std::uint64_t wanted = static_cast<std::uint64_t>(shape.numel()) * view.width;
  LILITH_CHECK(bytes.size() == wanted, "load: {}: '{}' is {}{}, {} bytes, but has {} bytes.",
               origin.file, origin.name, type.type, shape.str(), wanted, bytes.size());
  return read_elements(type.type, shape, wanted, origin,
                       [&](void* to, std::uint64_t) { view.gather(to); });
}

std::string numpy_scalar(const PickleValue& v) {
  if (!is_from_core(v.callee(), "multiarray scalar")) return {};
  const NumpyType type = type_of(v.arg(0));
  std::vector<std::uint8_t> bytes;
  const PickleValue* value = v.arg(1);
  if (type.type.empty() || !value || !pickle_bytes(*value, bytes) ||
      bytes.size() * 8 != static_cast<std::size_t>(bits_of(type.type)))
    return {};
  if (type.big_endian) std::reverse(bytes.begin(), bytes.end());
  const std::string name = "a number";
  try {
    const Tensor t = from_elements(type.type, {}, bytes, {name, name});
    if (is_floating(t.dtype())) return fmt::format("{}", t.item<double>());
    if (t.dtype() == DType::Bool) return bytes[0] != 0 ? "true" : "false";
    return fmt::format("{}", t.item<std::int64_t>());
  } catch (const Refusal& r) {
    return r.reason();
  }
}

}  // namespace lilith::io
