#include <charconv>
#include <nlohmann/json.hpp>

#include "io/torch_file.h"
#include "io/torch_tensor.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

using nlohmann::json;

constexpr int kMaxDepth = 200;
constexpr std::uint64_t kMaxJson = std::uint64_t{16} << 20;

// A member of an object under either of the names that protobuf's JSON gives it, or null.
const json& member(const json& object, const char* name, const char* other = "") {
  static const json null;
  if (!object.is_object()) return null;
  for (const char* key : {name, other})
    if (const auto it = object.find(key); it != object.end()) return *it;
  return null;
}

// 64-bit numbers are text in protobuf's JSON.
bool read_number(const json& v, std::int64_t& out) {
  if (v.is_number_integer()) {
    out = v.get<std::int64_t>();
    return true;
  }
  if (!v.is_string()) return false;
  const auto& text = v.get_ref<const std::string&>();
  const auto end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  return stop == end && error == std::errc();
}

// "FLOAT" -> "Float", as storages are called.
std::string kind_of(const json& type) {
  constexpr std::pair<const char*, const char*> kKinds[] = {
      {"FLOAT", "Float"}, {"DOUBLE", "Double"}, {"FLOAT16", "Half"}, {"BFLOAT16", "BFloat16"},
      {"INT64", "Long"},  {"INT32", "Int"},     {"INT16", "Short"},  {"INT8", "Char"},
      {"UINT8", "Byte"},  {"BYTE", "Byte"},     {"BOOL", "Bool"}};
  for (const auto& [name, kind] : kKinds)
    if (type == name) return kind;
  return type.is_string() ? type.get<std::string>() : "of no type";
}

class JsonReader {
 public:
  JsonReader(const ZipPtr& zip, const std::string& member) : zip_(*zip) {
    prefix_ = member.substr(0, member.size() - std::string_view("model.json").size());
    LILITH_CHECK(zip_.bytes(member) <= kMaxJson, "load: {}: its model.json takes {} bytes.",
                 zip_.path(), zip_.bytes(member));
    const auto text = zip_.read(member);
    root_ = json::parse(text.begin(), text.end(), nullptr, false);
    TorchArchive archive;
    archive.file = zip->file();
    tensors_ = std::make_shared<TorchTensors>(std::move(archive));
  }

  Contents read() {
    out_.format = "PyTorch";
    module("", io::member(root_, "mainModule", "main_module"), 0);
    return std::move(out_);
  }

 private:
  [[noreturn]] void broken() const {
    fail("load: {}: its model.json is broken, or describes no TorchScript.", zip_.path());
  }
  static std::string below(const std::string& name, const json& key) {
    const std::string text = key.is_string() ? key.get<std::string>() : "";
    return name.empty() ? text : name + '.' + text;
  }

  void module(const std::string& name, const json& m, int depth) {
    if (!m.is_object() || depth > kMaxDepth) broken();
    for (const json& p : io::member(m, "parameters")) {
      std::int64_t id = -1;
      const json& given = io::member(p, "tensorId", "tensor_id");
      if (!given.is_null() && !read_number(given, id)) broken();
      if (id >= 0) add(below(name, io::member(p, "name")), static_cast<std::uint64_t>(id));
    }
    for (const json& child : io::member(m, "submodules"))
      module(below(name, io::member(child, "name")), child, depth + 1);
  }

  void add(const std::string& name, std::uint64_t id) {
    const json& all = io::member(root_, "tensors");
    if (!all.is_array() || id >= all.size()) broken();
    const TorchView view = view_of(all[id]);
    Entry& entry = out_.entries.emplace_back();
    entry.name = name;
    check_entry(entry, [&] { tensors_->describe(view, name, entry); });
    entry.read = [tensors = tensors_, view, name] { return tensors->make(view, name); };
  }

  TorchView view_of(const json& t) const {
    TorchView view;
    for (const auto& [list, key] : {std::pair(&view.sizes, "dims"), {&view.strides, "strides"}})
      for (const json& v : io::member(t, key)) {
        std::int64_t n = -1;
        if (!read_number(v, n) || n < 0) broken();
        list->push_back(static_cast<std::uint64_t>(n));
      }
    std::int64_t offset = 0;
    const json& given = io::member(t, "offset");
    if ((!given.is_null() && !read_number(given, offset)) || offset < 0) broken();
    view.offset = static_cast<std::uint64_t>(offset);
    const json& key = io::member(io::member(t, "data"), "key");
    if (!key.is_string()) broken();
    const std::string name = prefix_ + key.get<std::string>();
    LILITH_CHECK(zip_.contains(name), "load: {}: the archive has no '{}'.", zip_.path(), name);
    const auto place = zip_.place(name);
    view.storage =
        place
            ? TorchStorage{zip_.file(), place->offset, place->bytes, {}}
            : TorchStorage{MappedFile::hold(zip_.path(), zip_.read(name)), 0, zip_.bytes(name), {}};
    view.storage.kind = kind_of(io::member(t, "dataType", "data_type"));
    return view;
  }

  const ZipFile& zip_;
  std::string prefix_;
  json root_;
  std::shared_ptr<TorchTensors> tensors_;
  Contents out_;
};

}  // namespace

Contents open_torch_json(const ZipPtr& zip, const std::string& member) {
  return JsonReader(zip, member).read();
}

}  // namespace lilith::io
