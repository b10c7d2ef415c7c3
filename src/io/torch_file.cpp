#include "io/torch_file.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "io/numpy_pickle.h"
#include "io/torch_tensor.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMaxText = 1 << 16;  // of a value that becomes metadata

// Calls f(key, value) for what a dict or an object like one holds.
template <class F>
void for_each_pair(const PickleValue& v, F f) {
  const auto listed = [&](const std::vector<PicklePtr>& items) {
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) f(*items[i], *items[i + 1]);
  };
  if (v.is(Kind::Dict)) return listed(v.items);
  if (!v.is(Kind::Object)) return;
  if (const PickleValue* given = v.arg(0)) {
    if (given->is(Kind::Dict)) listed(given->items);
    if (given->is_sequence())  // Python 2 gives an OrderedDict its pairs
      for (const PickleValue* pair : given->items)
        if (pair->is_sequence() && pair->items.size() == 2) f(*pair->items[0], *pair->items[1]);
  }
  listed(v.object->key_items);
}

// A value of a dict by its key, or nullptr.
const PickleValue* lookup(const PickleValue& dict, std::string_view key) {
  const PickleValue* out = nullptr;
  for_each_pair(dict, [&](const PickleValue& k, const PickleValue& v) {
    if (k.is(Kind::Text) && k.text == key) out = &v;
  });
  return out;
}

bool any_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}
bool is_dict_class(std::string_view callee) {
  return any_of(callee, {"collections OrderedDict", "collections defaultdict",
                         "collections Counter", "builtins dict"});
}
bool is_list_class(std::string_view callee) {
  return any_of(callee,
                {"builtins set", "builtins frozenset", "builtins list", "builtins tuple",
                 "collections deque", "torch Size", "torch.jit._pickle build_intlist",
                 "torch.jit._pickle build_tensorlist", "torch.jit._pickle build_boollist",
                 "torch.jit._pickle build_doublelist", "torch.jit._pickle restore_type_tag"});
}
// Of a module's attributes, those that its state_dict does not hold and that say nothing.
bool is_bookkeeping(std::string_view attribute) {
  return attribute.starts_with('_') &&
         (attribute.ends_with("_hooks") || attribute.ends_with("_hook") ||
          attribute.ends_with("_hooks_with_kwargs") || attribute.ends_with("_always_called") ||
          any_of(attribute,
                 {"_parameters", "_buffers", "_modules", "_backend", "_non_persistent_buffers_set",
                  "_backward_pre_hooks", "_compiled_call_impl"}));
}

std::string dotted(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), ' ', '.');
  return out;
}

std::optional<std::string> text_of_object(const PickleValue& v) {
  const std::string_view callee = v.callee();
  const PickleValue *first = v.arg(0), *second = v.arg(1);
  if (std::string number = numpy_scalar(v); !number.empty()) return number;
  if (any_of(callee, {"_codecs encode", "builtins bytes", "builtins bytearray"}))
    return pickle_repr(v);
  if (!first) return {};
  if (callee == "builtins complex" && second && first->is(Kind::Float) && second->is(Kind::Float))
    return fmt::format("({}{:+}j)", first->real, second->real);
  if (!any_of(callee, {"torch device", "numpy dtype"}) || !first->is(Kind::Text)) return {};
  const bool numbered = callee == "torch device" && second && second->is(Kind::Int);
  return numbered ? fmt::format("{}:{}", first->text, second->integer) : std::string(first->text);
}

// The text of a value that holds no others: what becomes metadata.
std::optional<std::string> text_of(const PickleValue& v) {
  switch (v.kind) {
    case Kind::Text:
      return std::string(v.text);
    case Kind::Bool:
      return v.integer != 0 ? "true" : "false";
    case Kind::Float:
      return fmt::format("{}", v.real);
    case Kind::Int:
    case Kind::BigInt:
    case Kind::Bytes:
      return pickle_repr(v);
    case Kind::Global:
      return dotted(v.text);
    case Kind::Object:
      return text_of_object(v);
    default:
      return {};
  }
}

std::string key_text(const PickleValue& key) {
  if (key.is(Kind::Text)) return std::string(key.text);
  const auto text = key.is(Kind::Object) ? text_of_object(key) : std::nullopt;
  return text ? *text : pickle_repr(key);
}

// Walks a pickle's value and lists its tensors by name.
class Collector {
 public:
  explicit Collector(std::shared_ptr<TorchTensors> tensors)
      : tensors_(std::move(tensors)),
        archive_(tensors_->archive()),
        file_(archive_.file->path()),
        max_names_(kMinNameBytes + 16 * archive_.file->bytes()) {}

  Contents run(const std::string& root) {
    value(root, *archive_.object.root, 0);
    if (tensors_->is_tensor(*archive_.object.root) && root.empty()) found_.front().name = "tensor";
    drop_second_names();
    std::unordered_map<std::string_view, int> uses;
    for (const Found& f : found_) ++uses[f.name];
    for (const Found& f : found_)
      if (int& n = uses[f.name]; n > 0) {
        out_.entries.push_back(entry(f, n));
        n = -n;
      }
    out_.format = "PyTorch";
    return std::move(out_);
  }

 private:
  struct Found {
    std::string name;
    const PickleValue* value;
    bool plain;  // in an attribute of a module that is neither parameter nor buffer nor module
  };
  Entry entry(const Found& f, int uses) {
    Entry out;
    out.name = f.name;
    out.type = "-";
    if (uses > 1)
      out.refused = fmt::format(
          "is the name of {} tensors of the file, whose keys differ in kind or in where their dots "
          "are",
          uses);
    check_entry(out, [&] { tensors_->describe(*f.value, f.name, out); });
    out.read = [tensors = tensors_, value = f.value, name = f.name] {
      return tensors->make(*value, name);
    };
    return out;
  }
  // A module's attributes may point to its parameters, or to other modules, once more.
  void drop_second_names() {
    std::unordered_set<std::string> registered;
    for (const Found& f : found_)
      if (!f.plain) registered.insert(tensors_->place_of(*f.value));
    std::erase_if(found_, [&](const Found& f) {
      return f.plain && registered.count(tensors_->place_of(*f.value));
    });
  }
  // Values that are shared could make a small file name very many: what is far above real files is
  // an Error.
  static constexpr int kMaxDepth = 1000;
  static constexpr std::uint64_t kMinNameBytes = std::uint64_t{64} << 20;

  std::string below(const std::string& name, std::string_view key) {
    std::string out = name.empty() ? std::string(key) : fmt::format("{}.{}", name, key);
    count(out.size());
    return out;
  }
  void count(std::size_t bytes) {
    name_bytes_ += bytes + 16;
    LILITH_CHECK(name_bytes_ <= max_names_, "load: {}: its values nest without end.", file_);
  }
  void note(const std::string& name, std::string text) {
    count(text.size());
    out_.metadata.emplace(name, std::move(text));
  }

  void value(const std::string& name, const PickleValue& v, int depth) {
    LILITH_CHECK(depth < kMaxDepth, "load: {}: '{}' lies deeper than {} levels.", file_,
                 name.substr(0, 100), kMaxDepth);
    count(0);
    if (tensors_->is_tensor(v)) {
      found_.push_back({name, &v, plain_});
      if (const PickleValue* state = tensor_attributes(v)) attributes(name, *state, depth);
      return;
    }
    if (v.is(Kind::None) || v.is(Kind::Persistent)) return;
    if (auto text = text_of(v)) {
      if (text->size() <= kMaxText || v.is(Kind::Text)) note(name, std::move(*text));
      return;
    }
    if (v.open) return;  // it contains itself
    v.open = true;
    if (v.is(Kind::Dict))
      pairs(name, v, depth);
    else if (v.is(Kind::Object))
      object(name, v, depth);
    else
      list(name, v.items, depth);
    v.open = false;
  }

  void list(const std::string& name, const std::vector<PicklePtr>& items, int depth) {
    for (std::size_t i = 0; i < items.size(); ++i)
      value(below(name, std::to_string(i)), *items[i], depth + 1);
  }
  void pairs(const std::string& name, const PickleValue& v, int depth) {
    for_each_pair(v, [&](const PickleValue& key, const PickleValue& item) {
      value(below(name, key_text(key)), item, depth + 1);
    });
  }

  void object(const std::string& name, const PickleValue& v, int depth) {
    const std::string_view callee = v.callee();
    const PickleObject& o = *v.object;
    if (is_dict_class(callee)) {
      pairs(name, v, depth);
      if (o.state) attributes(name, *o.state, depth);
      return;
    }
    if (is_list_class(callee)) {
      if (const PickleValue* given = o.args->at(0)) value(name, *given, depth + 1);
      list(name, o.items, depth);
      return;
    }
    other_object(name, v, depth);
  }

  // An object of any other class: its arguments, what was put into it, its attributes.
  void other_object(const std::string& name, const PickleValue& v, int depth) {
    const PickleObject& o = *v.object;
    const bool reconstructed = v.callee() == "copyreg _reconstructor";  // (class, base, its value)
    const PickleValue* type = reconstructed ? v.arg(0) : v.object->callee;
    const std::string_view of = type ? type->global() : std::string_view();
    if (!of.empty()) note(below(name, "__class__"), dotted(of));
    if (reconstructed) {
      if (const PickleValue* base = v.arg(2)) value(name, *base, depth + 1);
    } else if (o.args->is_sequence()) {
      list(name, o.args->items, depth);
    }
    list(name, o.items, depth);
    for (std::size_t i = 0; i + 1 < o.key_items.size(); i += 2)
      value(below(name, key_text(*o.key_items[i])), *o.key_items[i + 1], depth + 1);
    if (o.state) attributes(name, *o.state, depth);
  }

  // An object's state: the dict of its attributes, or (that dict, the dict of its slots), or what
  // its class made of it.
  void attributes(const std::string& name, const PickleValue& state, int depth) {
    const bool with_slots = state.is(Kind::Tuple) && state.items.size() == 2 &&
                            state.items[1]->is(Kind::Dict) &&
                            (state.items[0]->is(Kind::Dict) || state.items[0]->is(Kind::None));
    if (with_slots) {
      for (const PickleValue* part : state.items) attributes(name, *part, depth);
      return;
    }
    if (!state.is(Kind::Dict)) return value(name, state, depth + 1);
    const PickleValue *modules = lookup(state, "_modules"),
                      *parameters = lookup(state, "_parameters");
    if (modules && parameters) return module(name, state, *parameters, *modules, depth);
    for_each_pair(state, [&](const PickleValue& key, const PickleValue& item) {
      const std::string text = key_text(key);
      // TorchScript has no such lists; what it keeps to itself starts with an underscore.
      const bool outer = std::exchange(plain_, plain_ || text.starts_with('_'));
      // A state_dict's own attribute, the versions of its modules, is no part of the weights.
      if (text != "_metadata") value(below(name, text), item, depth + 1);
      plain_ = outer;
    });
  }

  // A torch.nn.Module: what its state_dict() holds, then its other attributes.
  void module(const std::string& name, const PickleValue& state, const PickleValue& parameters,
              const PickleValue& modules, int depth) {
    value(name, parameters, depth + 1);
    buffers(name, state, depth);
    value(name, modules, depth + 1);
    const bool outer = std::exchange(plain_, true);
    for_each_pair(state, [&](const PickleValue& key, const PickleValue& item) {
      if (const std::string text = key_text(key); !is_bookkeeping(text))
        value(below(name, text), item, depth + 1);
    });
    plain_ = outer;
  }
  void buffers(const std::string& name, const PickleValue& state, int depth) {
    const PickleValue *all = lookup(state, "_buffers"),
                      *hidden = lookup(state, "_non_persistent_buffers_set");
    if (hidden && hidden->is(Kind::Object)) hidden = hidden->arg(0);  // builtins.set([…])
    if (!all) return;
    for_each_pair(*all, [&](const PickleValue& key, const PickleValue& item) {
      const auto is_key = [&](const PickleValue* n) {
        return n->is(Kind::Text) && n->text == key.text;
      };
      if (!hidden || std::none_of(hidden->items.begin(), hidden->items.end(), is_key))
        value(below(name, key_text(key)), item, depth + 1);
    });
  }

  const std::shared_ptr<TorchTensors> tensors_;
  const TorchArchive& archive_;
  const std::string& file_;
  Contents out_;
  std::vector<Found> found_;
  bool plain_ = false;
  std::uint64_t name_bytes_ = 0, max_names_;
};

Contents collect(TorchArchive archive, const std::string& root) {
  return Collector(std::make_shared<TorchTensors>(std::move(archive))).run(root);
}

// The metadata that Lilith's writer adds; a file of others has none.
void read_metadata(const ZipFile& zip, Contents& out) {
  for (const std::string& name : zip.names()) {
    if (!name.ends_with("/lilith_metadata.json") || zip.bytes(name) > kMaxText * 16) continue;
    const auto text = zip.read(name);
    const auto json = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
    if (!json.is_object()) continue;
    for (const auto& [key, value] : json.items())
      if (value.is_string()) out.metadata[key] = value.get<std::string>();
  }
}

}  // namespace

Contents open_torch(TorchArchive archive) { return collect(std::move(archive), ""); }

Contents open_torch(const ZipPtr& zip) {
  if (const std::string json = torch_json_member(*zip); !json.empty())
    return open_torch_json(zip, json);
  Contents out = collect(open_torch_zip(zip), "");
  // The weights of a frozen module are constants of its code, which calls them CONSTANTS.c0.
  if (TorchArchive constants = open_torch_constants(zip);
      out.entries.empty() && constants.object.root) {
    out.entries = collect(std::move(constants), "CONSTANTS").entries;
    for (Entry& e : out.entries) e.name.insert(e.name.rfind('.') + 1, "c");
  }
  read_metadata(*zip, out);
  return out;
}

}  // namespace lilith::io
