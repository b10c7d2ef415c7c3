#include "io/torch_tensor.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/numpy_pickle.h"
#include "io/strided.h"
#include "lilith/error.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/shape.h"

namespace lilith::io {

namespace {

using Kind = PickleValue::Kind;

struct DTypeRow {
  std::string_view kind, dtype, type;  // "Float" of FloatStorage, "float32", "F32" of elements.h
};
constexpr DTypeRow kDTypes[] = {{"Float", "float32", "F32"},
                                {"Double", "float64", "F64"},
                                {"Half", "float16", "F16"},
                                {"BFloat16", "bfloat16", "BF16"},
                                {"Long", "int64", "I64"},
                                {"Int", "int32", "I32"},
                                {"Short", "int16", "I16"},
                                {"Char", "int8", "I8"},
                                {"Byte", "uint8", "U8"},
                                {"Bool", "bool", "BOOL"},
                                {"Untyped", "uint8", "U8"},
                                {"_Untyped", "uint8", "U8"},
                                {"ComplexFloat", "complex64", ""},
                                {"ComplexDouble", "complex128", ""},
                                {"QInt8", "qint8", "I8"},
                                {"QUInt8", "quint8", "U8"},
                                {"QInt32", "qint32", "I32"},
                                {"QUInt4x2", "quint4x2", ""},
                                {"QUInt2x4", "quint2x4", ""},
                                {"-", "uint16", "U16"},
                                {"-", "uint32", "U32"},
                                {"-", "uint64", "U64"},
                                {"-", "float8_e4m3fn", "F8_E4M3"},
                                {"-", "float8_e5m2", "F8_E5M2"},
                                {"-", "float8_e4m3fnuz", "F8_E4M3FNUZ"},
                                {"-", "float8_e5m2fnuz", "F8_E5M2FNUZ"},
                                {"-", "float8_e8m0fnu", "F8_E8M0"},
                                {"-", "float4_e2m1fn_x2", "F4"}};

std::string_view dtype_of_kind(std::string_view kind) {
  for (const DTypeRow& row : kDTypes)
    if (row.kind == kind) return row.dtype;
  return kind;
}
std::string_view type_of_dtype(std::string_view dtype) {
  for (const DTypeRow& row : kDTypes)
    if (row.dtype == dtype) return row.type;
  return {};
}
// "torch float32" -> "float32"; empty for what is no dtype.
std::string_view dtype_name(const PickleValue* v) {
  constexpr std::string_view kModule = "torch ";
  if (!v || !v->is(Kind::Global) || !v->text.starts_with(kModule)) return {};
  return v->text.substr(kModule.size());
}

constexpr std::string_view kWrappers[] = {"torch._utils _rebuild_parameter",
                                          "torch._utils _rebuild_parameter_with_state",
                                          "torch.nn.parameter Parameter",
                                          "torch.nn.parameter Buffer",
                                          "torch.nn Parameter",
                                          "torch.nn Buffer",
                                          "torch.autograd.variable Variable",
                                          "torch.autograd Variable"};
bool is_wrapper(std::string_view function) {
  return std::find(std::begin(kWrappers), std::end(kWrappers), function) != std::end(kWrappers);
}
// Rebuilds a subclass: (function, class, arguments, attributes).
bool is_from_type(std::string_view function) {
  return function == "torch._tensor _rebuild_from_type_v2" ||
         function == "torch._tensor _rebuild_from_type" ||
         function == "torch.tensor _rebuild_from_type";
}

// Of lazy modules.
bool is_uninitialised(std::string_view function) {
  return function.starts_with("torch.nn.parameter Uninitialized");
}
bool is_from_device(std::string_view function) {
  return function.starts_with("torch._utils _rebuild_device_tensor_from_") ||
         function == "torch._utils _rebuild_xla_tensor";
}

bool flag(const PickleValue* dict, std::string_view key) {
  if (!dict || !dict->is(Kind::Dict)) return false;
  for (std::size_t i = 0; i + 1 < dict->items.size(); i += 2)
    if (dict->items[i]->is(Kind::Text) && dict->items[i]->text == key)
      return dict->items[i + 1]->is(Kind::Bool) && dict->items[i + 1]->integer != 0;
  return false;
}

std::vector<std::uint64_t> counts(const PickleValue* list, const Origin& origin) {
  std::vector<std::uint64_t> out;
  const PickleValue* inner = list && list->callee() == "torch Size" ? list->arg(0) : list;
  bool whole = inner && inner->is_sequence();
  for (const PickleValue* item : whole ? inner->items : std::vector<PicklePtr>()) {
    whole = whole && item->is(Kind::Int) && item->integer >= 0;
    out.push_back(static_cast<std::uint64_t>(item->integer));
  }
  if (!whole) refuse(origin, "has a size or a stride that is no number");
  return out;
}

std::string dotted(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), ' ', '.');
  return out;
}

std::string layout_name(const PickleValue* v) {
  const PickleValue* name = v ? v->arg(0) : nullptr;  // torch.serialization._get_layout(name)
  return name && name->is(Kind::Text) ? std::string(name->text) : "a sparse layout";
}

}  // namespace

const PickleValue* tensor_attributes(const PickleValue& v) {
  const std::string_view callee = v.callee();
  if (is_from_type(callee) || callee == "torch._utils _rebuild_parameter_with_state")
    return v.arg(3);
  return nullptr;
}

TorchTensors::Recipe TorchTensors::unwrap(const PickleValue& v) {
  constexpr int kMaxWrappers = 16;
  Recipe r;
  const PickleValue* at = &v;
  for (int i = 0; i < kMaxWrappers && at; ++i) {
    if (at->is(Kind::Persistent)) return {{}, nullptr, at};
    if (at->is(Kind::Object)) r = {at->callee(), at->object->args, nullptr};
    const PickleValue* state = at->is(Kind::Object) ? at->object->state : nullptr;
    at = nullptr;
    for (; is_from_type(r.function) && i < kMaxWrappers; ++i) {
      const PickleValue* inner = r.arg(0);
      r = {inner && inner->is(Kind::Global) ? inner->text : std::string_view(), r.arg(2), nullptr};
    }
    if (!is_wrapper(r.function)) return r;
    // Variables of PyTorch 0.1 keep their tensor in the state.
    at = r.arg(0) ? r.arg(0) : state ? state->at(0) : nullptr;
    r = {};
  }
  return r;
}

bool TorchTensors::is_stored(const PickleValue& id) const {
  const PickleValue* tag = id.items[0]->at(0);
  return archive_.tensors.count(torch_key(*id.items[0])) != 0 ||
         (tag && tag->is(Kind::Text) && tag->text == "storage");
}

bool TorchTensors::is_tensor(const PickleValue& v) const {
  if (!v.is(Kind::Object) && !v.is(Kind::Persistent)) return false;
  const Recipe r = unwrap(v);
  if (r.id) return is_stored(*r.id);
  return r.function.starts_with("torch._utils _rebuild_") || is_uninitialised(r.function) ||
         is_numpy_array(v);
}

std::string TorchTensors::place_of(const PickleValue& v) const {
  const Recipe r = unwrap(v);
  const PickleValue* storage = r.arg(0);
  if (r.function.starts_with("torch._utils _rebuild_tensor") && storage &&
      storage->is(Kind::Persistent) && storage->items[0]->at(2) && r.arg(3))
    return fmt::format("{} {} {} {}", torch_key(*storage->items[0]->at(2)), pickle_repr(*r.arg(1)),
                       pickle_repr(*r.arg(2)), pickle_repr(*r.arg(3)));
  return fmt::format("{}", static_cast<const void*>(r.id ? r.id : &v));
}

Tensor TorchTensors::make(const PickleValue& v, const std::string& name) {
  const Origin origin{archive_.file->path(), name};
  if (is_numpy_array(v)) return numpy_array(v, origin);
  return rebuild(unwrap(v), origin);
}

void TorchTensors::describe(const PickleValue& v, const std::string& name, Entry& entry) {
  const Origin origin{archive_.file->path(), name};
  if (is_numpy_array(v)) return describe_numpy_array(v, origin, entry);
  const Recipe r = unwrap(v);
  if (r.id) {
    const auto whole = archive_.tensors.find(torch_key(*r.id->items[0]));
    if (whole != archive_.tensors.end())
      return describe_view(dtype_of_kind(whole->second.storage.kind), whole->second.sizes, origin,
                           entry);
    const TorchStorage s = archive_.storage(*r.id, origin);
    return describe_view(dtype_of_kind(s.kind), {s.bytes / torch_element_bytes(s.kind)}, origin,
                         entry);
  }
  const bool quantised = r.function == "torch._utils _rebuild_qtensor";
  if (quantised || r.function.starts_with("torch._utils _rebuild_tensor")) {
    const PickleValue *storage = r.arg(0), *dtype = r.arg(6);
    const bool stored = storage && storage->is(Kind::Persistent);
    const std::string_view kind =
        stored ? torch_storage_kind(storage->items[0]->at(1)) : std::string_view();
    if (kind.empty()) refuse(origin, "has a storage that is described in an unknown way");
    const bool typed = r.function == "torch._utils _rebuild_tensor_v3";
    describe_view(typed ? dtype_name(dtype) : dtype_of_kind(kind), counts(r.arg(2), origin), origin,
                  entry);
    if (quantised) entry.dtype = DType::F32;
  } else if (is_from_device(r.function)) {
    if (r.arg(0) && !is_from_device(unwrap(*r.arg(0)).function)) describe(*r.arg(0), name, entry);
  } else {
    rebuild(r, origin);  // which says why not
  }
}

void TorchTensors::describe(const TorchView& view, const std::string& name, Entry& entry) const {
  describe_view(dtype_of_kind(view.storage.kind), view.sizes, {archive_.file->path(), name}, entry);
}

Tensor TorchTensors::make(const TorchView& view, const std::string& name) {
  return of_view(view, dtype_of_kind(view.storage.kind), false, {archive_.file->path(), name});
}

void TorchTensors::describe_view(std::string_view dtype, const std::vector<std::uint64_t>& sizes,
                                 const Origin& origin, Entry& entry) const {
  entry.type = dtype;
  entry.sizes = sizes;
  const std::string_view type = type_of_dtype(dtype);
  if (type.empty()) refuse(origin, "is {}, which no dtype of Lilith can hold", dtype);
  if (type == "F4" && !entry.sizes.empty()) entry.sizes.back() *= 2;
  const auto count = static_cast<std::uint64_t>(to_shape(entry.sizes, origin).numel());
  entry.bytes = count * static_cast<std::uint64_t>(bits_of(type)) / 8;
  entry.dtype = dtype_held(type);
}

Tensor TorchTensors::rebuild(const Recipe& r, const Origin& origin) {
  if (r.id) return of_id(*r.id, origin);
  constexpr std::string_view kModule = "torch._utils _rebuild_";
  const std::string_view what =
      r.function.starts_with(kModule) ? r.function.substr(kModule.size()) : std::string_view();
  if (what == "tensor" || what == "tensor_v2") {
    const TorchView view = view_of(r, origin);
    return of_view(view, dtype_of_kind(view.storage.kind), flag(r.arg(6), "neg"), origin);
  }
  if (what == "tensor_v3")
    return of_view(view_of(r, origin), dtype_name(r.arg(6)), flag(r.arg(7), "neg"), origin);
  if (what == "qtensor") return dequantise(r, origin);
  if (is_from_device(r.function)) return from_device(r, origin);
  if (what.starts_with("sparse"))
    refuse(origin, "is sparse ({}), which Lilith does not hold; save it with .to_dense()",
           layout_name(r.arg(0)));
  if (what == "nested_tensor")
    refuse(origin, "is a nested tensor, which Lilith does not hold; save its parts");
  if (what == "meta_tensor_no_storage")
    refuse(origin, "is on the meta device: the file holds its shape and no elements");
  if (what == "wrapper_subclass") {
    const PickleValue* type = r.arg(0);
    refuse(origin, "is a {}, a wrapper around other tensors that Lilith does not know",
           type && type->is(Kind::Global) ? dotted(type->text) : "subclass");
  }
  if (is_uninitialised(r.function))
    refuse(origin, "is uninitialised: its module has not run before it was saved");
  refuse(origin, "is rebuilt by {}, which Lilith does not know", dotted(r.function));
}

Tensor TorchTensors::of_id(const PickleValue& id, const Origin& origin) {
  const auto whole = archive_.tensors.find(torch_key(*id.items[0]));
  if (whole != archive_.tensors.end()) {
    if (whole->second.storage.file)
      return of_view(whole->second, dtype_of_kind(whole->second.storage.kind), false, origin);
    return from_elements("F32", Shape{0}, {}, origin);
  }
  TorchView all{archive_.storage(id, origin), 0, {}, {1}};
  all.sizes = {all.storage.bytes / torch_element_bytes(all.storage.kind)};
  return of_view(all, dtype_of_kind(all.storage.kind), false, origin);
}

TorchView TorchTensors::view_of(const Recipe& r, const Origin& origin) const {
  const PickleValue *storage = r.arg(0), *offset = r.arg(1);
  if (!storage || !storage->is(Kind::Persistent))
    refuse(origin, "has a storage that is described in an unknown way");
  if (!offset || !offset->is(Kind::Int) || offset->integer < 0)
    refuse(origin, "has an offset that is no number");
  const PickleValue* location = storage->items[0]->at(3);
  if (location && location->is(Kind::Text) && location->text == "meta")
    refuse(origin, "is on the meta device: the file holds its shape and no elements");
  return {archive_.storage(*storage, origin), static_cast<std::uint64_t>(offset->integer),
          counts(r.arg(2), origin), counts(r.arg(3), origin)};
}

Tensor TorchTensors::of_view(const TorchView& given, std::string_view dtype, bool negated,
                             const Origin& origin) {
  const std::string_view type = type_of_dtype(dtype);
  if (type.empty()) refuse(origin, "is {}, which no dtype of Lilith can hold", dtype);
  TorchView view = given;
  if (view.sizes.size() != view.strides.size())
    refuse(origin, "has {} sizes and {} strides", view.sizes.size(), view.strides.size());
  Shape whole = to_shape(view.sizes, origin);
  // What stride 0 repeats is read once, and repeated when it is asked for.
  if (whole.numel() > 0)
    for (std::size_t d = 0; d < view.sizes.size(); ++d)
      if (view.strides[d] == 0) view.sizes[d] = 1;
  Shape shape = to_shape(view.sizes, origin);
  if (type == "F4") {  // a byte holds two, side by side
    if (shape.empty() || view.strides.back() != 1)
      refuse(origin, "is packed {} that is not dense", dtype);
    for (Shape* s : {&shape, &whole}) (*s)[s->rank() - 1] *= 2;
  }
  const std::string key =
      fmt::format("{}:{}:{}:{}:{}:{}:{}", static_cast<const void*>(view.storage.file.get()),
                  view.storage.offset, view.offset, fmt::join(view.sizes, ","),
                  fmt::join(view.strides, ","), dtype, negated);
  auto it = made_.find(key);
  if (it == made_.end()) it = made_.emplace(key, copy_of(view, type, shape, negated, origin)).first;
  return whole == shape ? it->second : expand(it->second, whole);
}

Tensor TorchTensors::copy_of(const TorchView& view, std::string_view type, const Shape& shape,
                             bool negated, const Origin& origin) {
  const TorchStorage& s = view.storage;
  const StridedView elements{
      s.file->range(s.offset, s.bytes, fmt::format("'{}'", origin.name)),
      view.offset,
      view.sizes,
      view.strides,
      std::max<std::uint64_t>(static_cast<std::uint64_t>(bits_of(type)), 8) / 8,
      archive_.big_endian};
  LILITH_CHECK(elements.is_inside(), "load: {}: '{}' reaches outside of its storage.", origin.file,
               origin.name);
  const std::uint64_t bytes = elements.count() * elements.width;
  if (bytes == 0) return from_elements(type, shape, {}, origin);
  const bool as_it_lies =
      elements.is_dense() && !negated && (!archive_.big_endian || elements.width == 1);
  if (as_it_lies) {
    if (!s.file->mapped()) count_copy(bytes, origin);
    return tensor_at(s.file, s.offset + view.offset * elements.width, type, shape, origin);
  }
  count_copy(bytes, origin);
  if (negated && !type.starts_with('F') && !type.starts_with("BF"))
    refuse(origin, "is a negated view of {}", type);
  return read_elements(type, shape, bytes, origin, [&](void* to, std::uint64_t) {
    elements.gather(to);
    s.file->done_with(elements.bytes);
    if (!negated) return;
    auto* b = static_cast<std::uint8_t*>(to);  // the sign is the top bit of the last byte
    for (std::uint64_t i = elements.width - 1; i < bytes; i += elements.width) b[i] ^= 0x80;
  });
}

void TorchTensors::count_copy(std::uint64_t bytes, const Origin& origin) {
  // Views may overlap; that a small file becomes very many copies of itself is no real one.
  constexpr std::uint64_t kAlways = std::uint64_t{64} << 20, kTimes = 16;
  copied_ += bytes;
  LILITH_CHECK(copied_ <= kAlways + kTimes * archive_.file->bytes(),
               "load: {}: its tensors overlap so often that they take {} bytes ('{}' and those "
               "before it), from a file of {}.",
               origin.file, copied_, origin.name, archive_.file->bytes());
}

Tensor TorchTensors::from_device(const Recipe& r, const Origin& origin) {
  const PickleValue* data = r.arg(0);
  if (!data || !is_tensor(*data)) refuse(origin, "is described in an unknown way");
  const Recipe inner = unwrap(*data);
  if (is_from_device(inner.function)) refuse(origin, "is described in an unknown way");
  const Tensor t = is_numpy_array(*data) ? numpy_array(*data, origin) : rebuild(inner, origin);
  const DType* dtype = native_dtype(type_of_dtype(dtype_name(r.arg(1))));
  return dtype && *dtype != t.dtype() ? cast(t, *dtype) : t;
}

// Affine quantisation: (q - zero point) * scale, one pair for all or one a channel.
Tensor TorchTensors::dequantise(const Recipe& r, const Origin& origin) {
  const TorchView view = view_of(r, origin);
  const PickleValue* params = r.arg(4);
  const PickleValue* scheme = params ? params->at(0) : nullptr;
  const std::string name = scheme && scheme->is(Kind::Global) ? dotted(scheme->text) : "none";
  const Tensor q = cast(of_view(view, dtype_of_kind(view.storage.kind), false, origin), kFloat32);
  if (!params) refuse(origin, "is described in an unknown way");
  const PickleValue *scale = params->at(1), *zero = params->at(2);
  if (name == "torch.per_tensor_affine" && scale && scale->is(Kind::Float) && zero &&
      zero->is(Kind::Int))
    return (q - static_cast<float>(zero->integer)) * static_cast<float>(scale->real);
  const PickleValue* axis = params->at(3);
  const bool channels = name.starts_with("torch.per_channel_affine") && axis &&
                        axis->is(Kind::Int) && axis->integer >= 0 && axis->integer < q.ndim() &&
                        scale && zero && is_tensor(*scale) && is_tensor(*zero);
  if (!channels) refuse(origin, "is quantised by {}, which Lilith does not know", name);
  Shape along;
  for (int d = 0; d < q.ndim(); ++d) along.push_back(d == axis->integer ? q.shape()[d] : 1);
  const auto channel = [&](const PickleValue& v) {
    const Recipe plain = unwrap(v);
    if (!plain.function.starts_with("torch._utils _rebuild_tensor"))
      refuse(origin, "has scales that are described in an unknown way");
    const Tensor t = rebuild(plain, origin);
    if (t.numel() != along.numel()) refuse(origin, "has {} scales for {}", t.numel(), along.str());
    return reshape(cast(t, kFloat32), along);
  };
  return (q - channel(*zero)) * channel(*scale);
}

}  // namespace lilith::io
