#include "io/torch_file.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "io/elements.h"
#include "io/pickle.h"
#include "io/zip.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

using Kind = PickleValue::Kind;

// "FloatStorage" -> "F32"; empty when Lilith has nothing for it.
std::string_view type_of_storage(const std::string& name) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"torch FloatStorage", "F32"}, {"torch DoubleStorage", "F64"},
      {"torch HalfStorage", "F16"},  {"torch BFloat16Storage", "BF16"},
      {"torch LongStorage", "I64"},  {"torch IntStorage", "I32"},
      {"torch ShortStorage", "I16"}, {"torch CharStorage", "I8"},
      {"torch ByteStorage", "U8"},   {"torch BoolStorage", "BOOL"}};
  for (const auto& [storage, type] : kTypes)
    if (storage == name) return type;
  return {};
}

class TorchReader {
 public:
  explicit TorchReader(const std::string& path) : zip_(path), path_(path) {
    for (const std::string& name : zip_.names())
      if (name.ends_with("/data.pkl") || name == "data.pkl")
        prefix_ = name.substr(0, name.size() - std::strlen("data.pkl"));
    LILITH_CHECK(zip_.contains(prefix_ + "data.pkl"),
                 "load: {} is a zip archive, but not torch.save's.", path);
    if (!zip_.contains(prefix_ + "byteorder")) return;
    const auto order = zip_.read(prefix_ + "byteorder");
    LILITH_CHECK(std::string(order.begin(), order.end()) == "little",
                 "load: {} was written on a big-endian machine.", path);
  }

  TensorDict read() {
    const Pickle pickle = parse_pickle(zip_.read(prefix_ + "data.pkl"), path_);
    collect("", *pickle.root, 0);
    return std::move(out_);
  }

 private:
  // A pickle may share values, so that a small file names very many: both limits are far above real
  // ones.
  static constexpr int kMaxDepth = 64;
  static constexpr int kMaxValues = 10'000'000;

  void collect(const std::string& name, const PickleValue& v, int depth) {
    LILITH_CHECK(depth < kMaxDepth && ++values_ < kMaxValues,
                 "load: {}: its values nest without end.", path_);
    const auto below = [&](const std::string& key) {
      return name.empty() ? key : name + '.' + key;
    };
    switch (v.kind) {
      case Kind::List:
        for (std::size_t i = 0; i < v.items.size(); ++i)
          collect(below(std::to_string(i)), *v.items[i], depth + 1);
        return;
      case Kind::Call:
        if (is_tensor(v)) return out_.add(name.empty() ? "tensor" : name, tensor(name, v));
        [[fallthrough]];
      case Kind::Dict:
        for (const auto& [key, value] : v.pairs) collect(below(key_text(*key)), *value, depth + 1);
        return;
      case Kind::Text:
        out_.metadata[name] = v.text;
        return;
      case Kind::Int:
        out_.metadata[name] = std::to_string(v.integer);
        return;
      case Kind::Bool:
        out_.metadata[name] = v.integer != 0 ? "true" : "false";
        return;
      case Kind::Float:
        out_.metadata[name] = fmt::format("{}", v.real);
        return;
      default:
        return;
    }
  }

  std::string key_text(const PickleValue& key) const {
    if (key.is(Kind::Int)) return std::to_string(key.integer);
    LILITH_CHECK(key.is(Kind::Text), "load: {}: a key is neither text nor a number.", path_);
    return key.text;
  }

  static bool is_tensor(const PickleValue& v) {
    const PickleValue* f = v.at(0);
    return f != nullptr && f->is(Kind::Global) && f->text.rfind("torch._utils _rebuild_", 0) == 0;
  }

  Tensor tensor(const std::string& name, const PickleValue& call) {
    const std::string& function = call.items[0]->text;
    const PickleValue& args = *call.items[1];
    if (function == "torch._utils _rebuild_parameter" && args.at(0) != nullptr &&
        args.at(0)->is(Kind::Call) && args.at(0)->at(0)->text != function)
      return tensor(name, *args.at(0));
    LILITH_CHECK(function == "torch._utils _rebuild_tensor_v2",
                 "load: {}: '{}' is made by {}; only dense tensors are read.", path_, name,
                 function);
    const PickleValue* storage = args.at(0);
    const PickleValue* id = storage && storage->is(Kind::Persistent) ? storage->at(0) : nullptr;
    const bool shaped = id && id->items.size() >= 3 && id->at(1)->is(Kind::Global) &&
                        id->at(2)->is(Kind::Text) && args.items.size() >= 4 &&
                        args.at(1)->is(Kind::Int);
    LILITH_CHECK(shaped, "load: {}: the description of '{}' is broken.", path_, name);
    const std::string_view type = type_of_storage(id->at(1)->text);
    LILITH_CHECK(!type.empty(), "load: {}: '{}' is in a {}, which no dtype of Lilith can hold.",
                 path_, name, id->at(1)->text);
    const Origin origin{path_, name};
    const Shape shape = to_shape(numbers(*args.at(2), origin), origin);
    const std::vector<std::uint64_t> strides = numbers(*args.at(3), origin);
    LILITH_CHECK(strides.size() == shape.size(), "load: {}: '{}' has {} sizes and {} strides.",
                 path_, name, shape.size(), strides.size());
    return from_elements(
        type, shape,
        gather(bytes_of(id->at(2)->text), static_cast<std::uint64_t>(args.at(1)->integer), shape,
               strides, static_cast<std::size_t>(bits_of(type)) / 8, origin),
        origin);
  }

  std::vector<std::uint64_t> numbers(const PickleValue& list, const Origin& origin) const {
    std::vector<std::uint64_t> out;
    for (const PickleValue* item : list.items) {
      LILITH_CHECK(item->is(Kind::Int) && item->integer >= 0,
                   "load: {}: '{}' has a size or a stride that is no number.", origin.file,
                   origin.name);
      out.push_back(static_cast<std::uint64_t>(item->integer));
    }
    return out;
  }

  const std::vector<std::uint8_t>& bytes_of(const std::string& key) {
    const auto it = storages_.find(key);
    if (it != storages_.end()) return it->second;
    return storages_.emplace(key, zip_.read(prefix_ + "data/" + key)).first->second;
  }

  // The elements of a strided view, row-major.
  static std::vector<std::uint8_t> gather(const std::vector<std::uint8_t>& storage,
                                          std::uint64_t offset, const Shape& shape,
                                          const std::vector<std::uint64_t>& strides,
                                          std::size_t width, const Origin& origin) {
    const auto n = static_cast<std::uint64_t>(shape.numel());
    std::uint64_t last = offset;
    bool inside = true;
    for (int d = 0; d < shape.rank() && n > 0; ++d) {
      std::uint64_t span = 0;
      inside = inside &&
               !__builtin_mul_overflow(strides[static_cast<std::size_t>(d)],
                                       static_cast<std::uint64_t>(shape[d] - 1), &span) &&
               !__builtin_add_overflow(last, span, &last);
    }
    LILITH_CHECK(n == 0 || (inside && last < storage.size() / width),
                 "load: {}: '{}' reaches outside of its storage.", origin.file, origin.name);
    // A view that repeats its storage (stride 0) may be large, but not without bounds.
    LILITH_CHECK(n <= std::max<std::uint64_t>(storage.size() / width, std::uint64_t{1} << 28),
                 "load: {}: '{}' repeats its storage {} times.", origin.file, origin.name, n);
    std::vector<std::uint8_t> out(n * width);
    std::vector<std::int64_t> index(shape.size(), 0);
    std::uint64_t at = offset;
    for (std::uint64_t i = 0; i < n; ++i) {
      std::memcpy(&out[i * width], &storage[at * width], width);
      for (int d = shape.rank(); d-- > 0;) {
        const auto k = static_cast<std::size_t>(d);
        at += strides[k];
        if (++index[k] < shape[d]) break;
        at -= strides[k] * static_cast<std::uint64_t>(shape[d]);
        index[k] = 0;
      }
    }
    return out;
  }

  ZipFile zip_;
  std::string path_, prefix_;
  std::map<std::string, std::vector<std::uint8_t>> storages_;
  TensorDict out_;
  int values_ = 0;
};

}  // namespace

TensorDict load_torch(const std::string& path) { return TorchReader(path).read(); }

}  // namespace lilith::io
